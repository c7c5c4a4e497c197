/// Percent-encoding of RFC 3986.
public enum PercentEncoding {
    /// Encodes everything but unreserved characters (`A–Z a–z 0–9 - . _ ~`) and those in `keeping`.
    public static func encode(_ text: String, keeping: String = "") -> String {
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            if isUnreserved(byte) || keeping.utf8.contains(byte) {
                encoded.append(byte)
            } else {
                encoded.append(0x25)
                encoded.append(contentsOf: Hexadecimal.encode([byte]).uppercased().utf8)
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// Decodes `%XX`; nil when an escape is broken or the result is not UTF-8. `+` stays `+` unless `plusIsSpace`.
    public static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String? {
        var bytes: [UInt8] = []
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            if byte == 0x25 {
                guard let high = iterator.next().flatMap(Hexadecimal.value(of:)),
                    let low = iterator.next().flatMap(Hexadecimal.value(of:))
                else { return nil }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(plusIsSpace && byte == 0x2B ? 0x20 : byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
    }
}
