import Concurrency
import IcebergCatalog

extension CatalogService {
    /// A table that a register names, or a register that cannot be read.
    struct Registered: Sendable {
        let identifier: TableIdentifier
        let chain: RegisterChain
        let head: RegisterHead?
        /// Why there is no head.
        let problem: String?

        var state: TableState? { head?.state.table }
    }

    /// Every register of a table, in the order of names, with tables that are gone. Cost: a listing of the namespaces with
    /// registers, and a read or two for each.
    func registeredTables() async throws(CatalogError) -> [Registered] {
        var identifiers: [TableIdentifier] = []
        for segment in try await segments(below: RegisterChain.allTablesPrefix) {
            guard let namespace = RegisterChain.namespace(ofSegment: segment) else { continue }
            for name in try await segments(below: try RegisterChain.tablesPrefix(of: namespace)) {
                guard let name = RegisterChain.name(ofSegment: name) else { continue }
                do throws(CatalogError) { identifiers.append(try TableIdentifier(namespace, name)) } catch { continue }
            }
        }
        return try await mapConcurrently(identifiers.sorted(), limit: CatalogLimits.operationConcurrency) {
            (identifier) async throws(CatalogError) in
            let chain = try RegisterChain.table(identifier)
            do throws(CatalogError) {
                let head = try await self.registers.head(chain)
                return Registered(identifier: identifier, chain: chain, head: head, problem: nil)
            } catch {
                guard error.code == .internalError else { throw error }
                return Registered(identifier: identifier, chain: chain, head: nil, problem: error.message)
            }
        }
    }
}
