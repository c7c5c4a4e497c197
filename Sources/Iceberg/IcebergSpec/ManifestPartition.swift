import AvroFormat
import Bytes
import Clocks

extension TableMetadata {
    /// The types of the values of a spec of this table, in the order of its fields. A column that the current schema has
    /// dropped is looked for in the others; when no schema has it any more the type is `unknown`: values can then be
    /// read, but not written.
    public func partitionTypes(of spec: PartitionSpec) -> [IcebergType] {
        let candidates = [currentSchema] + schemas.reversed()
        return spec.fields.map { field in
            let source = candidates.lazy.compactMap { $0.field(id: field.sourceID) }.first
            return source.map { field.transform.resultType(of: $0.type) } ?? field.transform.fixedResultType
        }
    }
}

extension Transform {
    /// The type of the result where it does not depend on the source.
    fileprivate var fixedResultType: IcebergType {
        switch self {
        case .year, .month, .hour, .bucket: .int
        case .day: .date
        case .identity, .truncate, .void, .unknown: .unknown
        }
    }
}

extension AvroDecoder {
    /// Reads a partition value, as `type` where the bytes allow it: some writers give a date as a plain integer, or
    /// wrote the column before it was widened.
    mutating func readDatum(_ avro: AvroSchema, as type: IcebergType?) throws(AvroError) -> Datum {
        let datum = try readDatum(avro)
        guard let type, !datum.isValue(of: type) else { return datum }
        switch (datum, type) {
        case (.int(let value), .date): return .date(value)
        case (.date(let value), .int): return .int(value)
        case (.int(let value), .long): return .long(Int64(value))
        case (.date(let value), .timestamp): return .timestamp(Int64(value) * 86_400_000_000)
        case (.long(let value), .time): return .time(value)
        case (.long(let value), .timestamp), (.timestamptz(let value), .timestamp): return .timestamp(value)
        case (.long(let value), .timestamptz), (.timestamp(let value), .timestamptz): return .timestamptz(value)
        case (.long(let value), .timestampNanos): return .timestampNanos(value)
        case (.long(let value), .timestamptzNanos): return .timestamptzNanos(value)
        case (.float(let value), .double): return .double(Double(value))
        case (.string(let value), .binary): return .binary(Array(value.utf8))
        case (.binary(let value), .fixed(let length)) where value.count == length: return .fixed(value)
        case (.fixed(let value), .binary): return .binary(value)
        case (.fixed(let value), .uuid), (.binary(let value), .uuid):
            if let uuid = UUID(bytes: value) { return .uuid(uuid) }
        case (.fixed(let value), .decimal(_, let scale)), (.binary(let value), .decimal(_, let scale)):
            return .decimal(unscaled: try Self.unscaled(value, self), scale: scale)
        case (.decimal, .decimal), (_, .unknown): return datum
        default: break
        }
        throw corrupt("a partition value \(datum) where one of type \(type) belongs")
    }

    private mutating func readDatum(_ avro: AvroSchema) throws(AvroError) -> Datum {
        switch avro {
        case .boolean: return .boolean(try readBoolean())
        case .int(.date): return .date(try readInt())
        case .int: return .int(try readInt())
        case .long(let logical): return Self.long(try readLong(), logical)
        case .float: return .float(try readFloat())
        case .double: return .double(try readDouble())
        case .string: return .string(try readString())
        case .bytes(.decimal(_, let scale)):
            return .decimal(unscaled: try Self.unscaled(Array(try readBytes()), self), scale: scale)
        case .bytes: return .binary(Array(try readBytes()))
        case .fixed(_, let size, .decimal(_, let scale)):
            return .decimal(unscaled: try Self.unscaled(Array(try readFixed(size)), self), scale: scale)
        case .fixed(_, let size, let logical):
            let bytes = Array(try readFixed(size))
            if logical == .uuid, let uuid = UUID(bytes: bytes) { return .uuid(uuid) }
            return .fixed(bytes)
        case .null, .enumeration, .array, .map, .record, .union:
            throw corrupt("a partition value of a type that no column has")
        }
    }

    private static func long(_ value: Int64, _ logical: AvroLogicalType?) -> Datum {
        switch logical {
        case .timeMicros: .time(value)
        case .timestampMicros(let toUTC): toUTC ? .timestamptz(value) : .timestamp(value)
        case .timestampNanos(let toUTC): toUTC ? .timestamptzNanos(value) : .timestampNanos(value)
        default: .long(value)
        }
    }

    /// Big-endian two's complement of at most 16 bytes.
    private static func unscaled(_ bytes: [UInt8], _ decoder: AvroDecoder) throws(AvroError) -> Int128 {
        guard (1...16).contains(bytes.count) else { throw decoder.corrupt("a decimal of \(bytes.count) bytes") }
        let sign: Int128 = bytes[0] & 0x80 == 0 ? 0 : -1
        return bytes.reduce(sign) { $0 << 8 | Int128($1) }
    }
}

extension AvroEncoder {
    /// Writes a partition value of the Avro type that `ManifestSchema` makes of `type`.
    mutating func write(_ datum: Datum, as type: IcebergType) {
        switch datum {
        case .boolean(let value): write(value)
        case .int(let value), .date(let value): write(value)
        case .long(let value), .time(let value), .timestamp(let value), .timestamptz(let value),
            .timestampNanos(let value), .timestamptzNanos(let value):
            write(value)
        case .float(let value): write(value)
        case .double(let value): write(value)
        case .string(let value): write(value)
        case .binary(let value): write(value)
        case .uuid(let value): write(fixed: value.bytes)
        case .fixed(let value): write(fixed: value)
        case .decimal(let unscaled, _):
            guard case .decimal(let precision, _) = type else { return }
            let count = IcebergType.decimalRequiredBytes(precision: precision)
            write(fixed: (0..<count).reversed().map { UInt8(truncatingIfNeeded: unscaled >> ($0 * 8)) })
        }
    }
}
