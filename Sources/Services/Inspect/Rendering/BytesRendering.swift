import Bytes
import JSONFormat

/// Raw bytes: as text when they are printable ASCII, as hexadecimal otherwise.
enum BytesRendering {
    /// More than this of one value is cut: a report is for reading.
    static let bytesMax = 256

    static func describe(_ bytes: some Collection<UInt8>) -> JSONValue {
        let shown = bytes.prefix(bytesMax)
        let isText = !bytes.isEmpty && shown.allSatisfy { (0x20...0x7E).contains($0) }
        let text = isText ? String(decoding: shown, as: UTF8.self) : "0x\(Hexadecimal.encode(shown))"
        return .string(bytes.count > bytesMax ? "\(text)… (\(bytes.count) bytes)" : text)
    }
}
