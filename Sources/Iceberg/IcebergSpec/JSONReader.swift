import JSONFormat

/// A JSON value together with its place in the document, so that every error says where; with this module's errors and
/// its limits on counts. The place becomes text only when there is an error.
struct JSONReader {
    private indirect enum Place {
        case root
        case member(Place, String)
        case element(Place, Int)

        var text: String {
            var parts: [String] = []
            var place = self
            while true {
                switch place {
                case .root: return "$" + parts.reversed().joined()
                case .member(let outer, let key):
                    parts.append("." + key)
                    place = outer
                case .element(let outer, let index):
                    parts.append("[\(index)]")
                    place = outer
                }
            }
        }
    }

    let value: JSONValue
    private let place: Place

    init(_ value: JSONValue) { self.init(value, .root) }

    private init(_ value: JSONValue, _ place: Place) {
        self.value = value
        self.place = place
    }

    var path: String { place.text }

    func fail(_ message: String, code: IcebergError.Code = .malformed) -> IcebergError {
        IcebergError(code, message, path: path)
    }

    private func expected(_ kind: String) -> IcebergError { fail("expected \(kind), found \(value.kind)") }

    func has(_ key: String) -> Bool { value[key].map { !$0.isNull } ?? false }

    func member(_ key: String) throws(IcebergError) -> JSONReader {
        guard let found = try object()[key] else { throw fail("the member \"\(key)\" is missing") }
        return JSONReader(found, .member(place, key))
    }

    /// The member `key`, or nil when it is missing or null.
    func optional(_ key: String) throws(IcebergError) -> JSONReader? {
        guard let found = try object()[key], !found.isNull else { return nil }
        return JSONReader(found, .member(place, key))
    }

    func object() throws(IcebergError) -> JSONObject {
        guard let object = value.object else { throw expected("an object") }
        return object
    }

    func string() throws(IcebergError) -> String {
        guard let string = value.string else { throw expected("a string") }
        return string
    }

    func bool() throws(IcebergError) -> Bool {
        guard let bool = value.bool else { throw expected("a boolean") }
        return bool
    }

    func long() throws(IcebergError) -> Int64 {
        guard let integer = value.integer else {
            throw value.isBeyondInt64 ? outside(Int64.self) : expected("an integer")
        }
        return integer
    }

    /// A time in milliseconds since 1970, within `Limits.timesMilliseconds`.
    func milliseconds() throws(IcebergError) -> Int64 {
        let time = try long()
        guard Limits.timesMilliseconds.contains(time) else {
            let (low, high) = (Limits.timesMilliseconds.lowerBound, Limits.timesMilliseconds.upperBound)
            throw fail("\(time) is no time; allowed are \(low) to \(high) milliseconds since 1970")
        }
        return time
    }

    /// An identifier: 32 bits in the specification.
    func int() throws(IcebergError) -> Int {
        guard !value.isBeyondInt64, let number = Int32(exactly: try long()) else { throw outside(Int32.self) }
        return Int(number)
    }

    private func outside<T: FixedWidthInteger>(_ type: T.Type) -> IcebergError {
        fail("expected an integer from \(T.min) to \(T.max), found \(value.serializedString())")
    }

    func elements(max: Int = Limits.elementsMax) throws(IcebergError) -> [JSONReader] {
        guard let elements = value.array else { throw expected("an array") }
        guard elements.count <= max else {
            throw fail("\(elements.count) elements, at most \(max) are allowed", code: .limitExceeded)
        }
        return elements.enumerated().map { JSONReader($0.element, .element(place, $0.offset)) }
    }

    func members() throws(IcebergError) -> [(key: String, value: JSONReader)] {
        try object().members.map { ($0.key, JSONReader($0.value, .member(place, $0.key))) }
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
                throw JSONReader(member.value, .member(place, member.key)).expected("a string")
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
        let taken = Set(object.keys)
        object = JSONObject(object.members + other.members.filter { !taken.contains($0.key) })
    }

    var value: JSONValue { .object(object) }
}

extension JSONObject {
    /// The members whose keys are not among `known`.
    func removing(_ known: Set<String>) -> JSONObject {
        JSONObject(members.filter { !known.contains($0.key) })
    }
}
