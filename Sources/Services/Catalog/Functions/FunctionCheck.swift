import Clocks
import JSONFormat

/// Checks function metadata (specification: "Iceberg UDF Spec"): what engines rely on holds, and says where it does not.
enum FunctionCheck {
    private static let definitionsMax = 1_000
    private static let typeDepthMax = 32

    static func check(_ metadata: JSONCursor) throws(JSONError) {
        let uuid = try metadata.member("function-uuid")
        guard UUID(try uuid.string()) != nil else { throw uuid.fail("not a UUID") }
        let version = try metadata.member("format-version")
        guard try version.integer() == 1 else { throw version.fail("only version 1 is known") }
        _ = try metadata.optional("location")?.string()
        _ = try metadata.optional("properties")?.stringMap()
        _ = try metadata.optional("secure")?.bool()
        _ = try metadata.optional("doc")?.string()
        let definitions = try metadata.member("definitions")
        let items = try definitions.elements()
        guard (1...definitionsMax).contains(items.count) else {
            throw definitions.fail("1 to \(definitionsMax) definitions are expected")
        }
        var ids: Set<String> = []
        var specificNames: Set<String> = []
        for item in items {
            let id = try check(definition: item)
            guard ids.insert(id).inserted else {
                throw item.fail("there is another definition for the parameters (\(id))")
            }
            if let name = try item.optional("specific-name"), !specificNames.insert(try name.string()).inserted {
                throw name.fail("another definition has this specific name")
            }
        }
        for entry in try metadata.member("definition-log").elements() { try check(log: entry) }
    }

    /// - Returns: the definition's id.
    private static func check(definition: JSONCursor) throws(JSONError) -> String {
        var types: [String] = []
        for parameter in try definition.member("parameters").elements() {
            _ = try parameter.member("name").string()
            _ = try parameter.optional("doc")?.string()
            types.append(try canonical(try parameter.member("type")))
        }
        let id = try definition.member("definition-id")
        let expected = types.joined(separator: ",")
        guard try id.string() == expected else { throw id.fail("the parameters make it \"\(expected)\"") }
        let returned = try definition.member("return-type")
        _ = try canonical(returned)
        _ = try definition.optional("return-nullable")?.bool()
        _ = try definition.optional("doc")?.string()
        let type = try definition.member("function-type")
        switch try type.string() {
        case "udf": break
        case "udtf":
            guard returned.value["type"]?.string == "struct" else {
                throw returned.fail("a table function returns a struct, which describes its rows")
            }
        default: throw type.fail("\"udf\" or \"udtf\" is expected")
        }
        var versions: Set<Int64> = []
        for version in try definition.member("versions").elements() {
            let number = try version.member("version-id")
            guard versions.insert(try number.integer()).inserted else { throw number.fail("it is given twice") }
            try check(version: version)
        }
        let current = try definition.member("current-version-id")
        guard versions.contains(try current.integer()) else { throw current.fail("there is no such version") }
        return expected
    }

    private static func check(version: JSONCursor) throws(JSONError) {
        _ = try version.member("timestamp-ms").integer()
        _ = try version.optional("deterministic")?.bool()
        if let onNull = try version.optional("on-null-input"), !["return-null", "call"].contains(try onNull.string()) {
            throw onNull.fail("\"return-null\" or \"call\" is expected")
        }
        var dialects: Set<String> = []
        let representations = try version.member("representations")
        for representation in try representations.elements() {
            let type = try representation.member("type")
            guard try type.string() == "sql" else { throw type.fail("only \"sql\" is known") }
            _ = try representation.member("sql").string()
            let dialect = try representation.member("dialect")
            guard dialects.insert(try dialect.string().lowercased()).inserted else {
                throw dialect.fail("a version has one representation of a dialect")
            }
        }
        guard !dialects.isEmpty else { throw representations.fail("at least one is expected") }
    }

    private static func check(log entry: JSONCursor) throws(JSONError) {
        _ = try entry.member("timestamp-ms").integer()
        for reference in try entry.member("definition-versions").elements() {
            // Older entries may name definitions and versions that are gone by now.
            _ = try reference.member("definition-id").string()
            _ = try reference.member("version-id").integer()
        }
    }

    /// A type as definition ids write it: `int`, `list<int>`, `map<string,int>`, `struct<id:int,name:string>`.
    private static func canonical(_ type: JSONCursor, depth: Int = 1) throws(JSONError) -> String {
        guard depth <= typeDepthMax else { throw type.fail("types are nested at most \(typeDepthMax) deep") }
        if let text = type.value.string {
            guard !text.isEmpty, !text.contains(where: { $0.isWhitespace || $0 == "\"" || $0 == "'" }) else {
                throw type.fail("a type has no spaces and no quotes")
            }
            return text
        }
        let kind = try type.member("type")
        switch try kind.string() {
        case "list": return "list<\(try canonical(try type.member("element"), depth: depth + 1))>"
        case "map":
            let key = try canonical(try type.member("key"), depth: depth + 1)
            return "map<\(key),\(try canonical(try type.member("value"), depth: depth + 1))>"
        case "struct":
            var fields: [String] = []
            for field in try type.member("fields").elements() {
                let name = try field.member("name").string()
                fields.append("\(name):\(try canonical(try field.member("type"), depth: depth + 1))")
            }
            return "struct<\(fields.joined(separator: ","))>"
        default: throw kind.fail("\"list\", \"map\" or \"struct\" is expected")
        }
    }
}
