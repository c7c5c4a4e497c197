import Checksums
import IcebergCatalog
import JSONFormat

/// What a register tells the history of.
enum RecordedSubject: Hashable, Sendable {
    case namespace(NamespaceName)
    /// A table or a view: what it is, each of its entries says.
    case named(TableIdentifier)
    case function(TableIdentifier)
    case schema(String)
    case grants

    func chain() throws(CatalogError) -> RegisterChain {
        switch self {
        case .namespace(let name): try .namespace(name)
        case .named(let name): try .table(name)
        case .function(let name): try .function(name)
        case .schema(let subject): try .schema(subject)
        case .grants: .grants
        }
    }

    /// `object`, and its name.
    func describe(in object: inout JSONObject, kind: ObjectKind?) {
        switch self {
        case .namespace(let name):
            object["object"] = "namespace"
            object["namespace"] = .array(name.levels.map { .string($0) })
        case .named(let name):
            object["object"] = kind == .view ? "view" : "table"
            Self.describe(name, in: &object)
        case .function(let name):
            object["object"] = "function"
            Self.describe(name, in: &object)
        case .schema(let subject):
            object["object"] = "schema"
            object["name"] = .string(subject)
        case .grants: object["object"] = "permissions"
        }
    }

    private static func describe(_ name: TableIdentifier, in object: inout JSONObject) {
        object["namespace"] = .array(name.namespace.levels.map { .string($0) })
        object["name"] = .string(name.name)
    }
}

/// Whose history is asked for.
enum RecordScope: Hashable, Sendable {
    case warehouse
    /// With those below it.
    case namespace(NamespaceName)
    case table(TableIdentifier)

    func includes(_ namespace: NamespaceName) -> Bool {
        switch self {
        case .warehouse: true
        case .namespace(let name): namespace.levels.starts(with: name.levels)
        case .table: false
        }
    }
}

extension CatalogService {
    /// The registers of namespaces, tables and views, and, where `isWhole`, of everything else. Cost: a listing of each
    /// namespace that ever was.
    func subjects(in scope: RecordScope, isWhole: Bool) async throws(CatalogError) -> [RecordedSubject] {
        if case .table(let name) = scope { return [.named(name)] }
        var subjects: [RecordedSubject] = []
        for segment in try await segments(below: RegisterChain.namespacesPrefix) {
            guard let name = RegisterChain.namespace(ofSegment: segment), scope.includes(name) else { continue }
            subjects.append(.namespace(name))
            subjects += try await identifiers(below: try RegisterChain.tablesPrefix(of: name), in: name).map {
                .named($0)
            }
            guard isWhole else { continue }
            let functions = try await identifiers(below: try RegisterChain.functionsPrefix(of: name), in: name)
            subjects += functions.map { .function($0) }
        }
        guard isWhole, scope == .warehouse else { return subjects }
        for segment in try await segments(below: RegisterChain.schemasPrefix) {
            if let subject = RegisterChain.name(ofSegment: segment) { subjects.append(.schema(subject)) }
        }
        return subjects + [.grants]
    }

    private func identifiers(
        below prefix: String, in namespace: NamespaceName
    ) async throws(CatalogError) -> [TableIdentifier] {
        var found: [TableIdentifier] = []
        for segment in try await segments(below: prefix) {
            guard let name = RegisterChain.name(ofSegment: segment) else { continue }
            found.append(try TableIdentifier(namespace, name))
        }
        return found
    }
}
