import Bytes
import Clocks

extension Transform {
    /// A partition value as people read it: `2024-01-15-14` for an hour, `null` for none.
    ///
    /// - Parameter value: what `apply` gave.
    public func humanString(_ value: Datum?) -> String {
        guard let value else { return "null" }
        let number = value.integer.map { Int64(Int32(clamping: $0)) }
        switch self {
        case .year: return number.map { Timestamp.pad(Int($0) + 1970, 4) } ?? value.humanString
        case .month: return number.map { Self.month($0) } ?? value.humanString
        case .day: return number.map { DatumText.date($0) } ?? value.humanString
        case .hour: return number.map { Self.hour($0) } ?? value.humanString
        case .identity, .void, .bucket, .truncate, .unknown: return value.humanString
        }
    }

    private static func month(_ months: Int64) -> String {
        let years = Timestamp.floorDivide(months, 12)
        return "\(Timestamp.pad(Int(years) + 1970, 4))-\(Timestamp.pad(Int(months - years * 12) + 1, 2))"
    }

    private static func hour(_ hours: Int64) -> String {
        let days = Timestamp.floorDivide(hours, 24)
        return "\(DatumText.date(days))-\(Timestamp.pad(Int(hours - days * 24), 2))"
    }
}

extension Datum {
    /// The value as it appears in partition paths of the Java implementation.
    public var humanString: String {
        switch self {
        case .boolean(let value): value ? "true" : "false"
        case .int(let value): String(value)
        case .long(let value): String(value)
        case .float(let value): value.description
        case .double(let value): value.description
        case .date(let days): DatumText.date(Int64(days))
        case .time(let value): DatumText.time(value, digits: 6, trimmed: true)
        case .timestamp(let value): DatumText.timestamp(value, digits: 6, trimmed: true)
        case .timestamptz(let value): DatumText.timestamp(value, digits: 6, trimmed: true) + "+00:00"
        case .timestampNanos(let value): DatumText.timestamp(value, digits: 9, trimmed: true)
        case .timestamptzNanos(let value): DatumText.timestamp(value, digits: 9, trimmed: true) + "+00:00"
        case .string(let value): value
        case .uuid(let value): value.description
        case .fixed(let bytes), .binary(let bytes): Base64.encode(bytes)
        case .decimal(let unscaled, let scale): DatumText.decimal(unscaled, scale: scale)
        }
    }
}

extension PartitionSpec {
    /// `type=page.view/time_hour=2024-01-15-14`: names and values URL-encoded as the Java implementation does.
    ///
    /// - Parameter values: one for each field, in order.
    public func path(of values: [Datum?]) -> String {
        zip(fields, values).map { field, value in
            Self.encode(field.name) + "=" + Self.encode(field.transform.humanString(value))
        }.joined(separator: "/")
    }

    /// Form encoding of HTML: letters, digits and `.-*_` stay, a space becomes `+`.
    public static func encode(_ text: String) -> String {
        PercentEncoding.encode(text, keeping: "* ").split(separator: "~", omittingEmptySubsequences: false)
            .joined(separator: "%7E").split(separator: " ", omittingEmptySubsequences: false).joined(separator: "+")
    }

    /// The type of the partition tuple: one optional field each, with the ids of the partition fields.
    ///
    /// - Parameter sourceType: the type of a column by its id; nil for one that no longer exists.
    public func partitionType(sourceType: (Int) -> IcebergType?) -> [NestedField] {
        fields.map { field in
            let source = sourceType(field.sourceID) ?? .unknown
            return .optional(field.fieldID, field.name, field.transform.resultType(of: source))
        }
    }

    public func partitionType(schema: Schema) -> [NestedField] {
        partitionType { schema.field(id: $0)?.type }
    }
}

extension TableMetadata {
    /// The type of the partition tuples of `spec`. Columns dropped since are found in older schemas.
    public func partitionType(of spec: PartitionSpec) -> [NestedField] {
        spec.partitionType { id in
            let schemas = [currentSchema] + self.schemas.reversed()
            return schemas.lazy.compactMap { $0.field(id: id)?.type }.first
        }
    }
}
