import Concurrency
import IcebergCatalog
import JSONFormat

/// Functions: the standard lists and loads them, and leaves it open how they come about.
extension CatalogService {
    /// The functions directly in `namespace`, sorted.
    package func listFunctions(in namespace: NamespaceName) async throws(CatalogError) -> [TableIdentifier] {
        var known: [TableIdentifier] = []
        for segment in try await segments(below: try RegisterChain.functionsPrefix(of: namespace)) {
            if let name = RegisterChain.name(ofSegment: segment) { known.append(try TableIdentifier(namespace, name)) }
        }
        let found = try await mapConcurrently(known.sorted(), limit: CatalogLimits.concurrentReads) {
            (identifier) async throws(CatalogError) -> TableIdentifier? in
            let head = try await self.registers.head(try RegisterChain.function(identifier))
            return head.state.function == nil ? nil : identifier
        }
        return found.compactMap(\.self)
    }

    /// - Throws: `.noSuchFunction`, `.noSuchNamespace`.
    package func loadFunction(_ identifier: TableIdentifier) async throws(CatalogError) -> FunctionState {
        let head = try await registers.head(try RegisterChain.function(identifier))
        guard let state = head.state.function else {
            _ = try await namespaceProperties(identifier.namespace)
            throw Self.noSuchFunction(identifier)
        }
        return state
    }

    /// Makes a function, or puts new metadata in the place of its present one. Durable with the register's next version.
    ///
    /// - Throws: `.badRequest` for metadata that does not hold together, `.alreadyExists` when a function of another UUID
    ///   has the name.
    package func putFunction(
        _ identifier: TableIdentifier, _ metadata: JSONValue, _ request: Request
    ) async throws(CatalogError) -> FunctionState {
        _ = try await namespaceProperties(identifier.namespace)
        let state = FunctionState(metadata: metadata)
        do { try FunctionCheck.check(JSONCursor(metadata)) } catch {
            throw CatalogError(.badRequest, "Cannot parse the request: \(error)")
        }
        let chain = try RegisterChain.function(identifier)
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let head = try await registers.settledHead(chain)
            if let key = request.idempotencyKey, let done = try await registers.entry(madeBy: key, upTo: head),
                let made = done.state.function
            {
                return made
            }
            if let present = head.state.function {
                guard present.uuid == state.uuid else {
                    throw CatalogError(.alreadyExists, "Another function has this name: \(identifier)")
                }
                guard present != state else { return state }
            }
            let outcome = try await registers.advance(
                head, to: .function(state), operation: "put-function", idempotencyKey: request.idempotencyKey)
            guard case .advanced(let made) = outcome else { continue }
            try await undoWithoutNamespace(identifier, made)
            return state
        }
        throw Self.lost("the function \(identifier)")
    }

    package func dropFunction(_ identifier: TableIdentifier, _ request: Request) async throws(CatalogError) {
        _ = try await end(
            try RegisterChain.function(identifier), "the function \(identifier)", operation: "drop-function", request
        ) { (head) throws(CatalogError) in
            guard head.state.function != nil else { throw Self.noSuchFunction(identifier) }
        }
    }

    static func noSuchFunction(_ identifier: TableIdentifier) -> CatalogError {
        CatalogError(.noSuchFunction, "Function does not exist: \(identifier)")
    }
}
