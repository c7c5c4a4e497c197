import IcebergCatalog

extension CatalogService {
    /// Ends what a register names: it says "absent" from its next version on, which is durable then.
    ///
    /// - Parameters:
    ///   - what: its name, as the error of a lost race says it.
    ///   - check: throws for what is not to be ended; called again when another writer was first.
    /// - Returns: the version that was ended and the one that ends it; nil when the request with this key has ended it
    ///   before.
    func end(
        _ chain: RegisterChain, _ what: String, operation: String, _ request: Request,
        if check: (RegisterHead) async throws(CatalogError) -> Void
    ) async throws(CatalogError) -> (last: RegisterHead, made: RegisterHead)? {
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let head = try await registers.settledHead(chain)
            if let key = request.idempotencyKey, let done = try await registers.entry(madeBy: key, upTo: head),
                done.state == .absent
            {
                return nil
            }
            try await check(head)
            let outcome = try await registers.advance(
                head, to: .absent, operation: operation, idempotencyKey: request.idempotencyKey)
            if case .advanced(let made) = outcome { return (head, made) }
        }
        throw Self.lost(what)
    }
}
