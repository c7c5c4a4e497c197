/// Thrift's compact protocol, as far as Parquet needs it. Fields are written in rising order of their ids.
struct ThriftWriter {
    enum Kind: UInt8 {
        case yes = 1
        case no = 2
        case int8 = 3
        case int16 = 4
        case int32 = 5
        case int64 = 6
        case double = 7
        case binary = 8
        case list = 9
        case set = 10
        case map = 11
        case structure = 12
    }

    private(set) var bytes: [UInt8] = []
    private var lastField: Int16 = 0

    init() {}

    mutating func field(_ id: Int16, _ value: Int32?) {
        guard let value else { return }
        header(id, .int32)
        varint(zigzag(Int64(value)))
    }

    mutating func field(_ id: Int16, _ value: Int64?) {
        guard let value else { return }
        header(id, .int64)
        varint(zigzag(value))
    }

    mutating func field(_ id: Int16, _ value: Int16) {
        header(id, .int16)
        varint(zigzag(Int64(value)))
    }

    mutating func field(_ id: Int16, _ value: Int8) {
        header(id, .int8)
        bytes.append(UInt8(bitPattern: value))
    }

    mutating func field(_ id: Int16, _ value: Bool?) {
        guard let value else { return }
        header(id, value ? .yes : .no)
    }

    mutating func field(_ id: Int16, _ value: [UInt8]?) {
        guard let value else { return }
        header(id, .binary)
        element(value)
    }

    mutating func field(_ id: Int16, utf8 value: String?) {
        field(id, value.map { Array($0.utf8) })
    }

    mutating func structure(_ id: Int16, _ write: (inout ThriftWriter) -> Void) {
        header(id, .structure)
        element(write)
    }

    mutating func list<Element>(
        _ id: Int16, _ kind: Kind, _ elements: [Element], _ write: (inout ThriftWriter, Element) -> Void
    ) {
        header(id, .list)
        if elements.count < 15 {
            bytes.append(UInt8(elements.count) << 4 | kind.rawValue)
        } else {
            bytes.append(0xF0 | kind.rawValue)
            varint(UInt64(elements.count))
        }
        for element in elements { write(&self, element) }
    }

    mutating func element(_ value: Int32) { varint(zigzag(Int64(value))) }

    mutating func element(_ value: Int64) { varint(zigzag(value)) }

    mutating func element(_ value: Bool) { bytes.append(value ? 1 : 2) }

    mutating func element(_ value: [UInt8]) {
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    mutating func element(_ write: (inout ThriftWriter) -> Void) {
        let outer = lastField
        lastField = 0
        write(&self)
        stop()
        lastField = outer
    }

    /// Ends the outermost structure.
    mutating func stop() { bytes.append(0) }

    private mutating func header(_ id: Int16, _ kind: Kind) {
        let delta = id - lastField
        if delta > 0 && delta < 16 {
            bytes.append(UInt8(delta) << 4 | kind.rawValue)
        } else {
            bytes.append(kind.rawValue)
            varint(zigzag(Int64(id)))
        }
        lastField = id
    }

    private func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value << 1 ^ value >> 63) }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
