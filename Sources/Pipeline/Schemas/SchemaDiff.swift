import JSONFormat

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

    mutating func note(_ pointer: String, _ message: String) {
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

    mutating func compare(_ writer: JSONValue, _ reader: JSONValue, _ pointer: String) {
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
