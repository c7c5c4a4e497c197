import JSONFormat

/// `JSONCursor` with errors of this module and its limits on counts.
struct JSONReader {
    let cursor: JSONCursor

    init(_ cursor: JSONCursor) { self.cursor = cursor }
    init(_ value: JSONValue) { cursor = JSONCursor(value) }

    var value: JSONValue { cursor.value }
    var path: String { cursor.path }

    func fail(_ message: String, code: IcebergError.Code = .malformed) -> IcebergError {
        IcebergError(code, message, path: path)
    }

    private func read<T>(_ body: () throws(JSONError) -> T) throws(IcebergError) -> T {
        do { return try body() } catch { throw IcebergError(error) }
    }

    func has(_ key: String) -> Bool { value[key].map { !$0.isNull } ?? false }

    func member(_ key: String) throws(IcebergError) -> JSONReader {
        JSONReader(try read { () throws(JSONError) in try cursor.member(key) })
    }

    func optional(_ key: String) throws(IcebergError) -> JSONReader? {
        try read { () throws(JSONError) in try cursor.optional(key) }.map { JSONReader($0) }
    }

    func object() throws(IcebergError) -> JSONObject { try read { () throws(JSONError) in try cursor.object() } }
    func string() throws(IcebergError) -> String { try read { () throws(JSONError) in try cursor.string() } }
    func bool() throws(IcebergError) -> Bool { try read { () throws(JSONError) in try cursor.bool() } }
    func long() throws(IcebergError) -> Int64 { try read { () throws(JSONError) in try cursor.integer() } }

    /// An identifier: 32 bits in the specification.
    func int() throws(IcebergError) -> Int {
        Int(try read { () throws(JSONError) in try cursor.integer(as: Int32.self) })
    }

    func elements(max: Int = Limits.elementsMax) throws(IcebergError) -> [JSONReader] {
        let elements = try read { () throws(JSONError) in try cursor.elements() }
        guard elements.count <= max else {
            throw fail("\(elements.count) elements, at most \(max) are allowed", code: .limitExceeded)
        }
        return elements.map { JSONReader($0) }
    }

    func members() throws(IcebergError) -> [(key: String, value: JSONReader)] {
        let members = try read { () throws(JSONError) in try cursor.members() }
        return members.map { ($0.key, JSONReader($0.value)) }
    }

    /// An object of strings. Numbers and booleans are taken as their text, as other implementations do.
    func stringMap() throws(IcebergError) -> [String: String] {
        let object = try object()
        guard object.count <= Limits.propertiesMax else {
            throw fail("\(object.count) entries, at most \(Limits.propertiesMax) are allowed", code: .limitExceeded)
        }
        var map: [String: String] = [:]
        for member in object.members {
            switch member.value {
            case .string(let text): map[member.key] = text
            case .bool, .integer, .unsigned, .double: map[member.key] = member.value.serializedString()
            case .null: continue
            default:
                throw IcebergError(
                    .malformed, "expected a string, found \(member.value.kind)", path: "\(path).\(member.key)")
            }
        }
        return map
    }

    func map<T>(
        max: Int = Limits.elementsMax, _ transform: (JSONReader) throws(IcebergError) -> T
    ) throws(IcebergError) -> [T] {
        var result: [T] = []
        for element in try elements(max: max) { result.append(try transform(element)) }
        return result
    }
}

/// Builds a JSON object member by member, leaving out what is absent.
struct JSONBuilder {
    private(set) var object = JSONObject()

    mutating func set(_ key: String, _ value: JSONValue?) {
        if let value { object[key] = value }
    }

    mutating func set(_ key: String, _ value: String?) { set(key, value.map { JSONValue($0) }) }
    mutating func set(_ key: String, _ value: Int?) { set(key, value.map { JSONValue($0) }) }
    mutating func set(_ key: String, _ value: Int64?) { set(key, value.map { JSONValue($0) }) }

    /// Appends the members of `other` that are not there yet.
    mutating func add(_ other: JSONObject) {
        for member in other.members where object[member.key] == nil { object[member.key] = member.value }
    }

    var value: JSONValue { .object(object) }
}

extension JSONObject {
    /// The members whose keys are not among `known`.
    func removing(_ known: Set<String>) -> JSONObject {
        JSONObject(members.filter { !known.contains($0.key) })
    }
}
