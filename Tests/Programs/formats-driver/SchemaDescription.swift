import JSONFormat
import ParquetFormat

/// A Parquet schema as JSON, the same both ways:
/// `{"name", "repetition", "type", "length", "logical": {"type", …}, "id", "fields"}`.
enum SchemaDescription {
    static func describe(_ schema: ParquetSchema) -> JSONValue { .array(schema.fields.map(describe)) }

    private static func describe(_ node: SchemaNode) -> JSONValue {
        var object = JSONObject()
        object["name"] = .string(node.name)
        object["repetition"] = .string("\(node.repetition)")
        object["id"] = node.fieldID.map { JSONValue($0) }
        object["logical"] = node.logicalType.map(describe)
        switch node.content {
        case .group(let fields): object["fields"] = .array(fields.map(describe))
        case .primitive(let type):
            if case .fixedLengthByteArray(let width) = type {
                object["type"] = "fixed"
                object["length"] = JSONValue(width)
            } else {
                object["type"] = .string("\(type)")
            }
        }
        return .object(object)
    }

    private static func describe(_ logical: LogicalType) -> JSONValue {
        switch logical {
        case .time(let unit, let isAdjustedToUTC):
            ["type": "time", "unit": .string("\(unit)"), "utc": .bool(isAdjustedToUTC)]
        case .timestamp(let unit, let isAdjustedToUTC):
            ["type": "timestamp", "unit": .string("\(unit)"), "utc": .bool(isAdjustedToUTC)]
        case .decimal(let precision, let scale):
            ["type": "decimal", "precision": JSONValue(precision), "scale": JSONValue(scale)]
        case .integer(let bitWidth, let isSigned):
            ["type": "integer", "bits": JSONValue(Int(bitWidth)), "signed": .bool(isSigned)]
        case .variant(let version): ["type": "variant", "version": JSONValue(Int(version))]
        default: ["type": .string("\(logical)")]
        }
    }

    // MARK: - Reading

    static func read(_ cursor: JSONCursor) throws -> ParquetSchema {
        try ParquetSchema(fields: try cursor.elements().map(node))
    }

    private static func node(_ cursor: JSONCursor) throws -> SchemaNode {
        let content: SchemaNode.Content =
            if let fields = try cursor.optional("fields") {
                .group(try fields.elements().map(node))
            } else {
                .primitive(try physical(cursor))
            }
        return SchemaNode(
            name: try cursor.member("name").string(),
            repetition: try repetition(cursor.optional("repetition")),
            logicalType: try cursor.optional("logical").map(logical),
            fieldID: try cursor.optional("id")?.integer(as: Int32.self), content: content)
    }

    private static func repetition(_ cursor: JSONCursor?) throws -> Repetition {
        switch try cursor?.string() {
        case "required": .required
        case "repeated": .repeated
        case "optional", nil: .optional
        case let other?: throw DriverError("no repetition is called \(other)")
        }
    }

    private static func physical(_ cursor: JSONCursor) throws -> PhysicalType {
        switch try cursor.member("type").string() {
        case "boolean": .boolean
        case "int32": .int32
        case "int64": .int64
        case "int96": .int96
        case "float": .float
        case "double": .double
        case "byteArray": .byteArray
        case "fixed": .fixedLengthByteArray(width: try cursor.member("length").integer(as: Int.self))
        case let other: throw DriverError("no physical type is called \(other)")
        }
    }

    private static func logical(_ cursor: JSONCursor) throws -> LogicalType {
        switch try cursor.member("type").string() {
        case "string": .string
        case "enumeration": .enumeration
        case "json": .json
        case "bson": .bson
        case "uuid": .uuid
        case "date": .date
        case "list": .list
        case "map": .map
        case "unknown": .unknown
        case "interval": .interval
        case "float16": .float16
        case "time": .time(unit: try unit(cursor), isAdjustedToUTC: try cursor.member("utc").bool())
        case "timestamp": .timestamp(unit: try unit(cursor), isAdjustedToUTC: try cursor.member("utc").bool())
        case "decimal":
            .decimal(
                precision: try cursor.member("precision").integer(as: Int32.self),
                scale: try cursor.member("scale").integer(as: Int32.self))
        case "integer":
            .integer(
                bitWidth: try cursor.member("bits").integer(as: Int8.self),
                isSigned: try cursor.member("signed").bool())
        case let other: throw DriverError("no logical type is called \(other)")
        }
    }

    private static func unit(_ cursor: JSONCursor) throws -> LogicalType.TimeUnit {
        switch try cursor.member("unit").string() {
        case "milliseconds": .milliseconds
        case "microseconds": .microseconds
        case "nanoseconds": .nanoseconds
        case let other: throw DriverError("no time unit is called \(other)")
        }
    }
}
