import IcebergCatalog
import IcebergSpec
import Lifecycle
import ObjectStore

/// Deletes old metadata files of tables that ask for it (`write.metadata.delete-after-commit.enabled`): those that a
/// commit put out of the metadata log, which keeps `write.metadata.previous-versions-max`.
struct SupersededMetadata: Sendable {
    static let enabledProperty = "write.metadata.delete-after-commit.enabled"

    let warehouse: Warehouse

    /// The files that `base` names and `next`, which follows on it, does not, by where they are.
    ///
    /// Only metadata files below the table's own location, where no other table may lie: a log can come from a
    /// registered file and name anything.
    func files(from base: StoredMetadata, to next: StoredMetadata) -> [ObjectLocation: String] {
        let properties = next.metadata.properties
        guard properties[Self.enabledProperty]?.lowercased() == "true",
            properties["gc.enabled"]?.lowercased() != "false", let table = place(next.metadata.location)
        else { return [:] }
        let kept = named(by: next)
        var found: [ObjectLocation: String] = [:]
        for text in base.metadata.metadataLog.map(\.metadataFile) {
            guard let place = place(text), !kept.contains(place), place.bucket == table.bucket,
                place.key.rawValue.hasPrefix(table.key.rawValue + "/"),
                [".metadata.json", ".metadata.json.gz"].contains(where: { place.key.rawValue.hasSuffix($0) })
            else { continue }
            found[place] = text
        }
        return found
    }

    /// The metadata files that `file` keeps alive: itself and its log.
    func named(by file: StoredMetadata) -> Set<ObjectLocation> {
        Set(([file.location] + file.metadata.metadataLog.map(\.metadataFile)).compactMap { place($0) })
    }

    /// nil for what lies outside the warehouse.
    private func place(_ text: String) -> ObjectLocation? {
        do throws(CatalogError) { return try warehouse.resolve(text).place } catch { return nil }
    }
}

extension CatalogService {
    /// Deletes what a commit that is durable put out of the table's log; to be called for no other. Best effort: the
    /// commit stands, and is answered soon, whatever becomes of this.
    func removeSuperseded(_ base: StoredMetadata, by next: StoredMetadata, of chain: RegisterChain) async {
        let superseded = SupersededMetadata(warehouse: warehouse)
        let old = superseded.files(from: base, to: next)
        guard !old.isEmpty else { return }
        _ = await withAbandonment(milliseconds: CatalogLimits.metadataRemovalMillisecondsMax) {
            do throws(CatalogError) {
                // The table may have been put back to an older file since.
                let head = try await self.registers.head(chain)
                guard head.undecided == nil, let state = head.state.table else { return }
                let kept = superseded.named(by: try await self.files.read(state.metadataLocation))
                await self.files.remove(old.filter { !kept.contains($0.key) })
            } catch {
                return
            }
        }
    }
}
