import Bytes

/// Writes Avro's binary encoding. The caller writes the fields in the order of its schema.
public struct AvroEncoder: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    public mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }

    public mutating func write(_ value: Int64) {
        var rest = UInt64(bitPattern: value << 1 ^ value >> 63)
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    public mutating func write(_ value: Int32) { write(Int64(value)) }
    public mutating func write(_ value: Float) { bytes.appendLittleEndian(value.bitPattern) }
    public mutating func write(_ value: Double) { bytes.appendLittleEndian(value.bitPattern) }

    /// Length-prefixed bytes.
    public mutating func write(_ value: [UInt8]) {
        write(Int64(value.count))
        bytes.append(contentsOf: value)
    }

    public mutating func write(_ value: String) {
        write(Int64(value.utf8.count))
        bytes.append(utf8: value)
    }

    /// The bytes of a `fixed`, without a length.
    public mutating func write(fixed value: [UInt8]) { bytes.append(contentsOf: value) }

    /// Branch 0 (null) or branch 1 and the value: a union as `AvroSchema.optional` makes it.
    public mutating func write<Value>(optional value: Value?, _ body: (inout AvroEncoder, Value) -> Void) {
        guard let value else { return write(Int64(0)) }
        write(Int64(1))
        body(&self, value)
    }

    /// An array, or a map when `body` writes the key first.
    public mutating func write<Items: Collection>(items: Items, _ body: (inout AvroEncoder, Items.Element) -> Void) {
        if !items.isEmpty {
            write(Int64(items.count))
            for item in items { body(&self, item) }
        }
        write(Int64(0))
    }
}
