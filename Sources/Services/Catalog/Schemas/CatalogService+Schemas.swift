import Clocks
import Concurrency
import IcebergCatalog
import JSONFormat
import Schemas

/// The schema registry: a register for each subject, so any number of replicas may serve it.
extension CatalogService {
    /// A subject's settings as a request gives them; nil leaves one as it is.
    package struct SchemaSettings: Sendable {
        package var isStrict: Bool?
        package var compatibility: SchemaCompatibility?
        /// `.some(nil)`: no table any more.
        package var table: String??

        package init(isStrict: Bool? = nil, compatibility: SchemaCompatibility? = nil, table: String?? = nil) {
            self.isStrict = isStrict
            self.compatibility = compatibility
            self.table = table
        }
    }

    package enum SchemaRegistration: Sendable {
        case registered(SchemaSubject)
        /// The newest version says the same.
        case unchanged(SchemaSubject)
        case incompatible([(version: Int, problem: SchemaProblem)])
    }

    // MARK: - Reading

    /// Every subject, by name.
    package func listSchemas() async throws(CatalogError) -> [SchemaSubject] {
        var names: [String] = []
        for segment in try await segments(below: RegisterChain.schemasPrefix) {
            if let name = RegisterChain.name(ofSegment: segment) { names.append(name) }
        }
        let found = try await mapConcurrently(names.sorted(), limit: 16) { (name) async throws(CatalogError) in
            let head = try await self.registers.head(try RegisterChain.schema(name))
            return Self.subject(head)
        }
        return found.compactMap { $0 }
    }

    /// - Throws: `.notFound`.
    package func schema(_ subject: String) async throws(CatalogError) -> SchemaSubject {
        let head = try await registers.head(try RegisterChain.schema(subject))
        guard let found = Self.subject(head) else { throw Self.noSuchSubject(subject) }
        return found
    }

    /// One version's schema, and when it was registered.
    package func schemaVersion(
        _ subject: String, _ number: Int
    ) async throws(CatalogError) -> (schema: JSONValue, createdAt: Timestamp) {
        let found = try await schema(subject)
        guard let version = found.state.versions.first(where: { $0.number == number }) else {
            throw CatalogError(.notFound, "the subject \"\(subject)\" has no version \(number)")
        }
        return (try await schemaText(of: version, in: found.state, subject), version.createdAt)
    }

    private static func subject(_ head: RegisterHead) -> SchemaSubject? {
        guard case .schema(let state) = head.state, !state.isDeleted else { return nil }
        return SchemaSubject(state: state, revision: head.version)
    }

    private func schemaText(
        of version: SchemaState.Version, in state: SchemaState, _ subject: String
    ) async throws(CatalogError) -> JSONValue {
        if version.number == state.schema.version { return state.schema.schema }
        guard
            case .schema(let then) = try await registers.entry(try RegisterChain.schema(subject), version.entry)?.state
        else { throw CatalogError(.internalError, "version \(version.number) of \"\(subject)\" is gone") }
        return then.schema.schema
    }

    // MARK: - Changing

    /// Registers `schema` as the newest version of `subject`, unless that says the same.
    ///
    /// - Parameter revision: the change is made only on top of this one, where given.
    /// - Throws: `.unprocessable` for a schema that cannot be used; `.commitFailed` with status 412 for another revision.
    package func registerSchema(
        _ subject: String, _ schema: JSONValue, _ settings: SchemaSettings, onto revision: Int64? = nil
    ) async throws(CatalogError) -> SchemaRegistration {
        try Self.check(subject, settings)
        try Self.compile(schema)
        try await checkTable(settings, of: subject)
        let chain = try RegisterChain.schema(subject)
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let head = try await registers.settledHead(chain)
            try Self.check(revision, head)
            guard case .schema(let state) = head.state else {
                let made = EventSchema(
                    type: subject, schema: schema, isStrict: settings.isStrict ?? false,
                    table: settings.table ?? nil, compatibility: settings.compatibility ?? .backward)
                if let done = try await advance(head, made, versions: [], operation: "register") {
                    return .registered(done)
                }
                continue
            }
            let current = state.schema
            let next = EventSchema(
                type: subject, version: state.lastNumber + 1, schema: schema,
                isStrict: settings.isStrict ?? current.isStrict, table: settings.table ?? current.table,
                compatibility: settings.compatibility ?? current.compatibility, existing: current.columns)
            if !state.isDeleted, SchemaValue.isEqual(current.schema, schema), Self.hasSameSettings(current, next) {
                return .unchanged(SchemaSubject(state: state, revision: head.version))
            }
            guard state.lastNumber < SchemaLimits.versionsMax else {
                throw CatalogError(.unprocessable, "a subject has at most \(SchemaLimits.versionsMax) versions")
            }
            let problems = try await problems(of: schema, next.compatibility, after: state)
            guard problems.isEmpty else { return .incompatible(problems) }
            if let done = try await advance(head, next, versions: state.versions, operation: "register") {
                return .registered(done)
            }
        }
        throw Self.lost("the subject \"\(subject)\"")
    }

    /// Whether `schema` could be registered: its problems with the versions there are.
    package func checkSchema(
        _ subject: String, _ schema: JSONValue
    ) async throws(CatalogError) -> [(version: Int, problem: SchemaProblem)] {
        try Self.compile(schema)
        let found = try await self.schema(subject)
        return try await problems(of: schema, found.state.schema.compatibility, after: found.state)
    }

    package func configureSchema(
        _ subject: String, _ settings: SchemaSettings, onto revision: Int64? = nil
    ) async throws(CatalogError) -> SchemaSubject {
        try Self.check(subject, settings)
        try await checkTable(settings, of: subject)
        return try await change(subject, onto: revision, operation: "configure") { (state) throws(CatalogError) in
            let current = state.schema
            return SchemaState(
                schema: current.with(
                    isStrict: settings.isStrict ?? current.isStrict, table: settings.table ?? current.table,
                    compatibility: settings.compatibility ?? current.compatibility),
                versions: state.versions, lastNumber: state.lastNumber)
        }
    }

    /// Deletes a subject. Its columns are remembered, should it come again: its table still has them.
    package func deleteSchema(_ subject: String, onto revision: Int64? = nil) async throws(CatalogError) {
        _ = try await change(subject, onto: revision, operation: "delete") { (state) throws(CatalogError) in
            SchemaState(schema: state.schema, versions: [], lastNumber: state.lastNumber)
        }
    }

    /// Deletes one version that is not the newest.
    package func deleteSchemaVersion(
        _ subject: String, _ number: Int, onto revision: Int64? = nil
    ) async throws(CatalogError) {
        _ = try await change(subject, onto: revision, operation: "delete-version") { (state) throws(CatalogError) in
            guard state.versions.contains(where: { $0.number == number }) else {
                throw CatalogError(.notFound, "the subject \"\(subject)\" has no version \(number)")
            }
            guard number != state.schema.version else {
                throw CatalogError(
                    .unprocessable, "version \(number) is the newest: register another first, or delete the subject")
            }
            return SchemaState(
                schema: state.schema, versions: state.versions.filter { $0.number != number },
                lastNumber: state.lastNumber)
        }
    }

    // MARK: - Parts

    private func change(
        _ subject: String, onto revision: Int64?, operation: String,
        _ edit: (SchemaState) throws(CatalogError) -> SchemaState
    ) async throws(CatalogError) -> SchemaSubject {
        let chain = try RegisterChain.schema(subject)
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let head = try await registers.settledHead(chain)
            guard case .schema(let state) = head.state, !state.isDeleted else { throw Self.noSuchSubject(subject) }
            try Self.check(revision, head)
            let next = try edit(state)
            if next == state { return SchemaSubject(state: state, revision: head.version) }
            if case .advanced(let done) = try await registers.advance(head, to: .schema(next), operation: operation) {
                return SchemaSubject(state: next, revision: done.version)
            }
        }
        throw Self.lost("the subject \"\(subject)\"")
    }

    /// Adds a version; nil when another writer was first.
    private func advance(
        _ head: RegisterHead, _ schema: EventSchema, versions: [SchemaState.Version], operation: String
    ) async throws(CatalogError) -> SchemaSubject? {
        let version = SchemaState.Version(number: schema.version, entry: head.version + 1, createdAt: clock.now())
        let state = SchemaState(schema: schema, versions: versions + [version], lastNumber: schema.version)
        let outcome = try await registers.advance(head, to: .schema(state), operation: operation)
        guard case .advanced(let done) = outcome else { return nil }
        return SchemaSubject(state: state, revision: done.version)
    }

    private func problems(
        of schema: JSONValue, _ rule: SchemaCompatibility, after state: SchemaState
    ) async throws(CatalogError) -> [(version: Int, problem: SchemaProblem)] {
        let compared = rule == .none ? [] : rule.isTransitive ? state.versions[...] : state.versions.suffix(1)
        var earlier: [(version: Int, schema: JSONValue)] = []
        for version in compared {
            earlier.append((version.number, try await schemaText(of: version, in: state, state.schema.type)))
        }
        return rule.problems(of: schema, after: earlier)
    }

    /// Two types in one typed table would be two writers of different columns.
    private func checkTable(_ settings: SchemaSettings, of subject: String) async throws(CatalogError) {
        guard case .some(.some(let table)) = settings.table else { return }
        for other in try await listSchemas() where other.state.schema.type != subject {
            guard other.state.schema.table?.lowercased() != table.lowercased() else {
                throw CatalogError(
                    .alreadyExists, "the table \"\(table)\" is that of the subject \"\(other.state.schema.type)\"")
            }
        }
    }

    private static func hasSameSettings(_ left: EventSchema, _ right: EventSchema) -> Bool {
        left.isStrict == right.isStrict && left.table == right.table && left.compatibility == right.compatibility
    }

    private static func compile(_ schema: JSONValue) throws(CatalogError) {
        do throws(SchemaError) {
            _ = try SchemaProgram(schema)
        } catch {
            let place = error.pointer.isEmpty ? "the schema" : "the schema at \(error.pointer)"
            throw CatalogError(.unprocessable, "\(place): \(error.message)")
        }
    }

    private static func check(_ subject: String, _ settings: SchemaSettings) throws(CatalogError) {
        guard !subject.isEmpty, subject.utf8.count <= SchemaLimits.subjectBytesMax else {
            throw CatalogError(.badRequest, "a subject has 1 to \(SchemaLimits.subjectBytesMax) bytes")
        }
        if case .some(.some(let table)) = settings.table, let problem = EventSchema.problem(ofTableName: table) {
            throw CatalogError(.unprocessable, problem)
        }
    }

    private static func check(_ revision: Int64?, _ head: RegisterHead) throws(CatalogError) {
        guard let revision, revision != head.version else { return }
        throw CatalogError(
            .commitFailed, "the subject is at revision \(head.version), not \(revision); load it again and retry",
            status: 412)
    }

    private static func noSuchSubject(_ subject: String) -> CatalogError {
        CatalogError(.notFound, "Subject does not exist: \(subject)")
    }
}
