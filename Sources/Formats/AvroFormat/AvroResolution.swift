/// How values that were written by one schema are read as values of another
/// ([Schema Resolution](https://avro.apache.org/docs/1.12.0/specification/#schema-resolution)): worked out once, then
/// followed value by value.
///
/// Fields and named types are found by their names or the reader's aliases; namespaces do not count. Of a reader's
/// union the branch of the writer's own type is taken, otherwise the first that it can be promoted to.
public struct AvroResolution: Sendable {
    public let reader: AvroSchema
    let step: Step

    indirect enum Step: Sendable {
        /// The writer's value as it is: a primitive or fixed type.
        case read(AvroSchema)
        /// A number or bytes of `from`, made a value of `to`.
        case promote(from: AvroSchema, to: AvroSchema)
        case enumeration(symbols: [String?])
        case array(Step, item: AvroSchema)
        case map(Step, value: AvroSchema)
        /// The writer's fields in order, each read or skipped, into a record that begins as `template`.
        case record(template: [AvroValue], fields: [Field])
        /// One step for each of the writer's branches.
        case union([Step])
        /// A branch or symbol of the writer's that the reader's schema has no place for.
        case refuse(String)
    }

    enum Field: Sendable {
        case read(Step, into: Int)
        case skip(AvroSchema)
    }

    /// - Throws: `.invalidSchema` when no value of `writer` could be read as `reader`. Branches of unions and symbols of
    ///   enums that cannot are refused when they are met.
    public init(writer: AvroSchema, reader: AvroSchema) throws(AvroError) {
        self.reader = reader
        step = try Self.resolve(writer, reader)
    }

    private static func refuse(_ message: String) -> AvroError { AvroError(.invalidSchema, message) }

    private static func resolve(_ writer: AvroSchema, _ reader: AvroSchema) throws(AvroError) -> Step {
        if case .union(let branches) = writer {
            var steps: [Step] = []
            for branch in branches {
                do { steps.append(try resolve(branch, reader)) } catch { steps.append(.refuse(error.message)) }
            }
            return .union(steps)
        }
        if case .union(let branches) = reader {
            let exact = branches.first { $0 == writer } ?? branches.first { writer.isSameType(as: $0) }
            guard let branch = exact ?? branches.first(where: { writer.isPromotable(to: $0) }) else {
                throw refuse("the reader's union has no place for \(writer.kind)")
            }
            return try resolve(writer, branch)
        }
        guard writer.isSameType(as: reader) else {
            guard writer.isPromotable(to: reader) else {
                throw refuse("\(writer.kind) cannot be read as \(reader.kind)")
            }
            return .promote(from: writer, to: reader)
        }
        return try resolveSame(writer, reader)
    }

    /// Of two schemas of the same kind and, where they have one, name.
    private static func resolveSame(_ writer: AvroSchema, _ reader: AvroSchema) throws(AvroError) -> Step {
        switch (writer, reader) {
        case (.enumeration(let theirs), .enumeration(let ours)):
            let known = Set(ours.symbols)
            return .enumeration(symbols: theirs.symbols.map { known.contains($0) ? $0 : ours.defaultSymbol })
        case (.array(let theirs), .array(let ours)):
            return .array(try resolve(theirs.element, ours.element), item: theirs.element)
        case (.map(let theirs, _, _), .map(let ours, _, _)):
            return .map(try resolve(theirs, ours), value: theirs)
        case (.record(let theirs), .record(let ours)): return try resolveRecord(theirs, ours)
        default:
            if case .decimal(_, let theirs) = writer.logicalType, case .decimal(_, let ours) = reader.logicalType,
                theirs != ours
            {
                throw refuse("a decimal of scale \(theirs) cannot be read as one of scale \(ours)")
            }
            return .read(writer)
        }
    }

    private static func resolveRecord(
        _ writer: AvroRecordSchema, _ reader: AvroRecordSchema
    ) throws(AvroError) -> Step {
        var indices: [String: Int] = [:]
        for (index, field) in reader.fields.enumerated() {
            for alias in field.aliases where indices[alias] == nil { indices[alias] = index }
        }
        for (index, field) in reader.fields.enumerated() { indices[field.name] = index }
        var fields: [Field] = []
        var isRead = [Bool](repeating: false, count: reader.fields.count)
        for field in writer.fields {
            guard let index = indices[field.name], !isRead[index] else {
                fields.append(.skip(field.type))
                continue
            }
            isRead[index] = true
            do {
                fields.append(.read(try resolve(field.type, reader.fields[index].type), into: index))
            } catch {
                throw refuse("\(reader.fields[index].name) of \(reader.name.full): \(error.message)")
            }
        }
        var template = [AvroValue](repeating: .null, count: reader.fields.count)
        for (index, field) in reader.fields.enumerated() where !isRead[index] {
            guard let json = field.defaultValue else {
                throw refuse("the writer has no field \(field.name) of \(reader.name.full), which has no default")
            }
            template[index] = try AvroValue(default: json, of: field.type)
        }
        return .record(template: template, fields: fields)
    }
}

extension AvroSchema {
    /// What errors call the type.
    var kind: String {
        switch self {
        case .null: "null"
        case .boolean: "boolean"
        case .int: "int"
        case .long: "long"
        case .float: "float"
        case .double: "double"
        case .bytes: "bytes"
        case .string: "string"
        case .fixed(let name, let size, _): "the fixed type \(name.full) of \(size) bytes"
        case .enumeration(let enumeration): "the enum \(enumeration.name.full)"
        case .array: "an array"
        case .map: "a map"
        case .record(let record): "the record \(record.name.full)"
        case .union: "a union"
        }
    }

    public var logicalType: AvroLogicalType? {
        switch self {
        case .int(let type), .long(let type), .bytes(let type), .string(let type), .fixed(_, _, let type): type
        default: nil
        }
    }

    /// Whether a writer's type is the reader's: of the same kind, and for named types the name or an alias of it. What
    /// lies inside records is not looked at.
    fileprivate func isSameType(as reader: AvroSchema) -> Bool {
        switch (self, reader) {
        case (.null, .null), (.boolean, .boolean), (.int, .int), (.long, .long), (.float, .float): true
        case (.double, .double), (.bytes, .bytes), (.string, .string), (.union, .union): true
        case (.fixed(let theirs, let size, _), .fixed(let ours, let expected, _)):
            size == expected && ours.stands(for: theirs)
        case (.enumeration(let theirs), .enumeration(let ours)): ours.name.stands(for: theirs.name)
        case (.record(let theirs), .record(let ours)): ours.name.stands(for: theirs.name)
        case (.array(let theirs), .array(let ours)): theirs.element.isReadable(as: ours.element)
        case (.map(let theirs, _, _), .map(let ours, _, _)): theirs.isReadable(as: ours)
        default: false
        }
    }

    private func isReadable(as reader: AvroSchema) -> Bool {
        if case .union = self { return true }
        if case .union(let branches) = reader { return branches.contains { isReadable(as: $0) } }
        return isSameType(as: reader) || isPromotable(to: reader)
    }

    fileprivate func isPromotable(to reader: AvroSchema) -> Bool {
        switch (self, reader) {
        case (.int, .long), (.int, .float), (.int, .double), (.long, .float), (.long, .double), (.float, .double): true
        case (.string, .bytes), (.bytes, .string): true
        default: false
        }
    }
}

extension AvroName {
    fileprivate func stands(for writer: AvroName) -> Bool {
        unqualified == writer.unqualified || aliases.contains(writer.full)
            || aliases.contains { AvroName.unqualified($0) == writer.unqualified }
    }
}
