/// A JSON value together with its place in the document, so that every "expected" error says where.
///
///     let cursor = JSONCursor(document)
///     let location = try cursor.member("location").string()
///     let parent = try cursor.optional("parent-snapshot-id")?.integer()
public struct JSONCursor: Sendable {
    public let value: JSONValue
    public let path: String

    public init(_ value: JSONValue, path: String = "$") {
        self.value = value
        self.path = path
    }

    /// An error at this place, for what the caller finds wrong with the value.
    public func fail(_ message: String) -> JSONError { JSONError(message, path: path) }

    /// The member `key`, which must be there; it may be null.
    public func member(_ key: String) throws(JSONError) -> JSONCursor {
        guard let found = try object()[key] else { throw fail("the member \"\(key)\" is missing") }
        return JSONCursor(found, path: "\(path).\(key)")
    }

    /// The member `key`, or nil when it is missing or null.
    public func optional(_ key: String) throws(JSONError) -> JSONCursor? {
        guard let found = try object()[key], found != .null else { return nil }
        return JSONCursor(found, path: "\(path).\(key)")
    }

    /// - Throws: when the value is no object; the others alike.
    public func object() throws(JSONError) -> JSONObject {
        guard let object = value.object else { throw expected("an object") }
        return object
    }

    /// The members of an object with their places.
    public func members() throws(JSONError) -> [(key: String, value: JSONCursor)] {
        try object().members.map { (key: $0.key, value: JSONCursor($0.value, path: "\(path).\($0.key)")) }
    }

    /// The elements of an array with their places.
    public func elements() throws(JSONError) -> [JSONCursor] {
        guard let array = value.array else { throw expected("an array") }
        return array.enumerated().map { JSONCursor($0.element, path: "\(path)[\($0.offset)]") }
    }

    public func string() throws(JSONError) -> String {
        guard let string = value.string else { throw expected("a string") }
        return string
    }

    public func bool() throws(JSONError) -> Bool {
        guard let bool = value.bool else { throw expected("a boolean") }
        return bool
    }

    /// A whole number of 64 bits with sign; one written with a fraction or exponent is none.
    public func integer() throws(JSONError) -> Int64 {
        guard let integer = value.integer else {
            throw value.isBeyondInt64 ? outside(Int64.self) : expected("an integer")
        }
        return integer
    }

    /// An integer within the range of `type`.
    public func integer<T: FixedWidthInteger>(as type: T.Type) throws(JSONError) -> T {
        guard !value.isBeyondInt64, let number = T(exactly: try integer()) else { throw outside(type) }
        return number
    }

    /// Any number; integers above 2^53 lose digits.
    public func double() throws(JSONError) -> Double {
        guard let double = value.double else { throw expected("a number") }
        return double
    }

    /// An object whose values are all strings.
    public func stringMap() throws(JSONError) -> [String: String] {
        var map: [String: String] = [:]
        for member in try members() { map[member.key] = try member.value.string() }
        return map
    }

    private func outside<T: FixedWidthInteger>(_ type: T.Type) -> JSONError {
        fail("expected an integer from \(T.min) to \(T.max), found \(value.serializedString())")
    }

    private func expected(_ kind: String) -> JSONError { fail("expected \(kind), found \(value.kind)") }
}
