import Clocks
import IcebergSpec
import JSONFormat

extension Datum {
    /// The value as Iceberg's JSON has it, and NaN and the infinities, which JSON cannot say, as text.
    var rendered: JSONValue {
        switch self {
        case .float(let value) where !value.isFinite: .string("\(value)")
        case .double(let value) where !value.isFinite: .string("\(value)")
        case .fixed(let bytes), .binary(let bytes): BytesRendering.describe(bytes)
        default: json
        }
    }

    /// A bound of a manifest or manifest list; the bytes themselves where they are no value of the type.
    static func rendered(bound bytes: some Collection<UInt8>, as type: IcebergType?) -> JSONValue {
        guard let type else { return BytesRendering.describe(bytes) }
        do {
            return try Datum(singleValueBinary: Array(bytes), type: type).rendered
        } catch {
            return BytesRendering.describe(bytes)
        }
    }
}

extension Transform {
    /// A partition value, or a bound of some: `2024-01-15-14` for an hour, the value itself for an identity.
    func rendered(_ value: Datum?) -> JSONValue {
        guard let value else { return .null }
        switch self {
        case .year, .month, .day, .hour: return .string(humanString(value))
        case .identity, .void, .bucket, .truncate, .unknown: return value.rendered
        }
    }
}

extension JSONValue {
    /// A moment of a metadata file, to the millisecond.
    static func time(milliseconds: Int64) -> JSONValue {
        .string(Timestamp(milliseconds: milliseconds).rfc3339())
    }

    init(_ value: Int?) { self = value.map { JSONValue($0) } ?? .null }
    init(_ value: Int64?) { self = value.map { JSONValue($0) } ?? .null }
    init(_ value: String?) { self = value.map { .string($0) } ?? .null }
}
