import JSONFormat

/// Why a schema may not follow another.
package struct SchemaProblem: Hashable, Sendable, CustomStringConvertible {
    /// Where in the schema that is too narrow: a JSON pointer.
    package let pointer: String
    package let message: String

    package init(pointer: String, message: String) {
        self.pointer = pointer
        self.message = message
    }

    package var description: String { "\(pointer.isEmpty ? "the schema" : pointer): \(message)" }
}

/// Whether every value that fits one schema (the writer's) fits another (the reader's), as far as their text shows.
///
/// Members that a schema does not declare count as not sent: so an optional field may come and go. What cannot be proved
/// counts as a problem.
struct SchemaDiff {
    private let writer: JSONValue
    private let reader: JSONValue
    private(set) var problems: [SchemaProblem] = []
    private var visited: Set<[JSONValue]> = []
    private var steps = 0

    private static let problemsMax = 20
    private static let stepsMax = 20_000

    init(writer: JSONValue, reader: JSONValue) {
        self.writer = writer
        self.reader = reader
        compare(writer, reader, "")
    }

    private mutating func note(_ pointer: String, _ message: String) {
        if problems.count < Self.problemsMax { problems.append(SchemaProblem(pointer: pointer, message: message)) }
    }

    /// Whether `compare` finds nothing; its problems are dropped.
    private mutating func fits(_ writer: JSONValue, _ reader: JSONValue) -> Bool {
        let kept = (problems, visited)
        problems = []
        compare(writer, reader, "")
        defer { (problems, visited) = kept }
        return problems.isEmpty
    }

    private mutating func compare(_ writer: JSONValue, _ reader: JSONValue, _ pointer: String) {
        steps += 1
        guard steps <= Self.stepsMax else {
            return note(pointer, "the schemas are too intricate to be compared")
        }
        if reader == .bool(true) || writer == .bool(false) { return }
        if reader == .bool(false) { return note(pointer, "nothing is allowed here any more") }
        guard let target = reader.object else { return }
        let source = writer.object ?? JSONObject()
        if let reference = target["$ref"]?.string {
            let resolved = ColumnRules.resolve(reference, in: self.reader) ?? .bool(true)
            if visited.insert([writer, reader]).inserted { compare(writer, resolved, pointer) }
        }
        if let reference = source["$ref"]?.string {
            let resolved = ColumnRules.resolve(reference, in: self.writer) ?? .bool(true)
            if visited.insert([writer, reader, "resolved"]).inserted { compare(resolved, reader, pointer) }
            return
        }
        for keyword in ["anyOf", "oneOf"] {
            guard let branches = source[keyword]?.array else { continue }
            if target[keyword]?.array != nil { break }
            // What is written fits one of the branches, and the rest of the schema with it.
            var rest = source
            rest[keyword] = nil
            for branch in branches { compare(Self.merge(rest, branch), reader, pointer) }
            return
        }
        if let branches = source["allOf"]?.array {
            var merged = source
            merged["allOf"] = nil
            let whole = branches.reduce(.object(merged)) { Self.merge($0.object ?? JSONObject(), $1) }
            return compare(whole, reader, pointer)
        }
        compareKeywords(source, target, pointer)
    }

    /// Both at once, the second before the first where they name the same keyword, which then may be too wide, never too
    /// narrow.
    private static func merge(_ rest: JSONObject, _ branch: JSONValue) -> JSONValue {
        guard let object = branch.object else { return branch == .bool(false) ? branch : .object(rest) }
        var merged = rest
        for member in object.members {
            switch member.key {
            case "required":
                merged["required"] = .array((rest["required"]?.array ?? []) + (member.value.array ?? []))
            case "properties":
                var properties = rest["properties"]?.object ?? JSONObject()
                for property in member.value.object?.members ?? [] { properties[property.key] = property.value }
                merged["properties"] = .object(properties)
            default: merged[member.key] = member.value
            }
        }
        return .object(merged)
    }

    private mutating func compareKeywords(_ source: JSONObject, _ target: JSONObject, _ pointer: String) {
        let written = Self.types(source)
        let read = Self.types(target)
        if !read.isSuperset(of: written) {
            let lost = written.subtracting(read).names
            return note(pointer + "/type", "\(lost) fitted and does not fit any more; \(read.names) does")
        }
        compareValues(source, target, pointer)
        if !written.isDisjoint(with: .number) { compareNumbers(source, target, pointer) }
        if written.contains(.string) { compareStrings(source, target, pointer) }
        if written.contains(.array) { compareArrays(source, target, pointer) }
        if written.contains(.object) { compareObjects(source, target, pointer) }
        compareBranches(source, target, pointer)
    }

    static func types(_ schema: JSONObject) -> SchemaProgram.Types {
        var types = SchemaProgram.Types.all
        let named = schema["type"].map { $0.array ?? [$0] } ?? []
        if !named.isEmpty {
            types = named.reduce(into: []) { types, name in
                switch name.string {
                case "null": types.insert(.null)
                case "boolean": types.insert(.boolean)
                case "integer": types.insert(.integer)
                case "number": types.formUnion(.number)
                case "string": types.insert(.string)
                case "array": types.insert(.array)
                default: types.insert(.object)
                }
            }
        }
        if schema["nullable"] == .bool(true) { types.insert(.null) }
        guard let values = allowed(schema) else { return types }
        return values.reduce(into: []) { found, value in
            let type = self.type(of: value)
            if types.contains(type) { found.insert(type) }
        }
    }

    private static func type(of value: JSONValue) -> SchemaProgram.Types {
        switch value {
        case .null: .null
        case .bool: .boolean
        case .string: .string
        case .array: .array
        case .object: .object
        default: SchemaValue.number(value)?.isWhole == true ? .integer : .fraction
        }
    }

    private static func allowed(_ schema: JSONObject) -> [JSONValue]? {
        schema["const"].map { [$0] } ?? schema["enum"]?.array
    }

    private mutating func compareValues(_ source: JSONObject, _ target: JSONObject, _ pointer: String) {
        guard let read = Self.allowed(target) else { return }
        guard let written = Self.allowed(source) else {
            return note(pointer + "/enum", "only certain values fit any more")
        }
        let lost = written.filter { value in !read.contains { SchemaValue.isEqual($0, value) } }
        guard !lost.isEmpty else { return }
        let shown = lost.prefix(5).map { $0.serializedString() }.joined(separator: ", ")
        note(pointer + "/enum", "\(shown) fitted and does not fit any more")
    }

    // MARK: - Keywords by type

    /// Each bound of the reader must be met by one of the writer.
    private mutating func compareBound(
        _ source: JSONObject, _ target: JSONObject, _ pointer: String, _ key: String, isLower: Bool,
        fallback: Double? = nil
    ) {
        guard let bound = target[key].flatMap({ SchemaValue.number($0) }) else { return }
        let written = source[key].flatMap { SchemaValue.number($0) } ?? fallback.map { .double($0) }
        if let written, isLower ? !(written < bound) : !(bound < written) { return }
        let before = written.map { "it was \($0)" } ?? "there was none"
        note("\(pointer)/\(key)", "\(bound) is narrower than before: \(before)")
    }

    private mutating func compareNumbers(_ source: JSONObject, _ target: JSONObject, _ pointer: String) {
        compareBound(source, target, pointer, "minimum", isLower: true)
        compareBound(source, target, pointer, "exclusiveMinimum", isLower: true)
        compareBound(source, target, pointer, "maximum", isLower: false)
        compareBound(source, target, pointer, "exclusiveMaximum", isLower: false)
        guard let read = target["multipleOf"].flatMap({ SchemaValue.number($0) }) else { return }
        let written = source["multipleOf"].flatMap { SchemaValue.number($0) }
        guard written.map({ ValidationRun.isMultiple($0, of: read) }) ?? false else {
            return note(pointer + "/multipleOf", "not every number fits any more")
        }
    }

    private mutating func compareStrings(_ source: JSONObject, _ target: JSONObject, _ pointer: String) {
        compareBound(source, target, pointer, "minLength", isLower: true, fallback: 0)
        compareBound(source, target, pointer, "maxLength", isLower: false)
        for key in ["pattern", "format"] {
            guard let read = target[key], source[key] != read else { continue }
            note("\(pointer)/\(key)", "strings must fit \(read.serializedString()), which they did not have to")
        }
    }

    private mutating func compareArrays(_ source: JSONObject, _ target: JSONObject, _ pointer: String) {
        compareBound(source, target, pointer, "minItems", isLower: true, fallback: 0)
        compareBound(source, target, pointer, "maxItems", isLower: false)
        if let items = target["items"] { compare(source["items"] ?? .bool(true), items, pointer + "/items") }
    }

    private mutating func compareObjects(_ source: JSONObject, _ target: JSONObject, _ pointer: String) {
        compareBound(source, target, pointer, "minProperties", isLower: true, fallback: 0)
        compareBound(source, target, pointer, "maxProperties", isLower: false)
        let written = Set((source["required"]?.array ?? []).compactMap(\.string))
        for name in (target["required"]?.array ?? []).compactMap(\.string) where !written.contains(name) {
            note(pointer + "/required", "\"\(name)\" is required and was not")
        }
        let sourceProperties = source["properties"]?.object ?? JSONObject()
        let targetProperties = target["properties"]?.object ?? JSONObject()
        let declared = Dictionary(sourceProperties.members.map { ($0.key, $0.value) }) { $1 }
        for property in targetProperties.members {
            guard let before = declared[property.key] ?? source["additionalProperties"], before.bool != true else {
                continue
            }
            compare(before, property.value, pointer + "/properties" + JSONPointer.step(property.key))
        }
        guard let additional = target["additionalProperties"], additional != .bool(true) else { return }
        let kept = Set(targetProperties.keys)
        for property in sourceProperties.members where !kept.contains(property.key) {
            let place = pointer + "/properties" + JSONPointer.step(property.key)
            if additional == .bool(false) {
                note(place, "is not declared any more, and what is not declared does not fit")
            } else {
                compare(property.value, additional, place)
            }
        }
        compare(source["additionalProperties"] ?? .bool(true), additional, pointer + "/additionalProperties")
    }

    private mutating func compareBranches(_ source: JSONObject, _ target: JSONObject, _ pointer: String) {
        for (index, branch) in (target["allOf"]?.array ?? []).enumerated() {
            compare(.object(source), branch, "\(pointer)/allOf/\(index)")
        }
        for keyword in ["anyOf", "oneOf"] {
            guard let read = target[keyword]?.array, !isSame(source[keyword], target[keyword]) else { continue }
            guard keyword == "anyOf" || Self.areDisjoint(read) else {
                note(pointer + "/oneOf", "the alternatives have changed, and a value may fit several of them")
                continue
            }
            let written = source[keyword]?.array ?? [.object(source)]
            for branch in written where !read.contains(where: { fits(branch, $0) }) {
                note("\(pointer)/\(keyword)", "none of the alternatives takes all that fitted")
                break
            }
        }
        if target["not"] != nil, !isSame(source["not"], target["not"]) {
            note(pointer + "/not", "what must not fit has changed")
        }
    }

    /// Whether both are the same schema, the definitions they may refer to included.
    private func isSame(_ source: JSONValue?, _ target: JSONValue?) -> Bool {
        source == target
            && (writer == reader || target?.serializedString().contains("\"$ref\"") == false)
    }

    /// Whether no value fits two of them, by their types alone.
    private static func areDisjoint(_ branches: [JSONValue]) -> Bool {
        var seen = SchemaProgram.Types()
        for branch in branches {
            let types = branch.object.map { Self.types($0) } ?? .all
            guard seen.isDisjoint(with: types) else { return false }
            seen.formUnion(types)
        }
        return true
    }
}

extension SchemaCompatibility {
    /// Why `schema` may not follow `earlier`, oldest first; empty when it may. Each problem names the version it is with.
    ///
    /// Cost: bounded by the limits of schemas; some milliseconds at most for each version.
    package func problems(
        of schema: JSONValue, after earlier: [(version: Int, schema: JSONValue)]
    ) -> [(version: Int, problem: SchemaProblem)] {
        let compared: ArraySlice<(version: Int, schema: JSONValue)>
        switch self {
        case .none: return []
        case .backward, .forward, .full: compared = earlier.suffix(1)
        case .backwardTransitive, .forwardTransitive, .fullTransitive: compared = earlier[...]
        }
        let readsOld = [.backward, .backwardTransitive, .full, .fullTransitive].contains(self)
        let isReadByOld = [.forward, .forwardTransitive, .full, .fullTransitive].contains(self)
        var found: [(version: Int, problem: SchemaProblem)] = []
        for (version, old) in compared {
            var problems: [SchemaProblem] = []
            if readsOld { problems += SchemaDiff(writer: old, reader: schema).problems }
            if isReadByOld {
                problems += SchemaDiff(writer: schema, reader: old).problems.map {
                    SchemaProblem(pointer: $0.pointer, message: "of the earlier schema: \($0.message)")
                }
            }
            found += problems.map { (version, $0) }
        }
        return found
    }

    package var isTransitive: Bool { [.backwardTransitive, .forwardTransitive, .fullTransitive].contains(self) }
}
