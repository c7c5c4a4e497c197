import Clocks
import IcebergCatalog
import IcebergData
import IcebergSpec
import ObjectStore

/// What has to be readable of a metadata file for the file to count as whole.
enum WholeTable: String, Sendable, CaseIterable {
    /// The file itself.
    case metadata
    /// And the manifests of its current snapshot.
    case manifests
    /// And that its files exist with their sizes.
    case files

    var level: ValidationLevel? {
        switch self {
        case .metadata: nil
        case .manifests: .metadata
        case .files: .files
        }
    }
}

/// Looks whether metadata files are whole.
struct MetadataCandidates: Sendable {
    let warehouse: Warehouse
    let wanted: WholeTable
    /// Of the table; nil when it is not known.
    let uuid: String?

    enum Judgement: Sendable {
        case whole(StoredMetadata)
        /// Why not.
        case damaged(String)
    }

    func judge(_ location: String) async throws(CatalogError) -> Judgement {
        let file: StoredMetadata
        do throws(CatalogError) {
            file = try await StoredMetadata.read(try warehouse.resolve(location).uri, from: warehouse.store)
        } catch {
            guard error.code == .notFound || error.code == .badRequest else { throw error }
            return .damaged(error.message)
        }
        if let uuid, let other = file.metadata.tableUUID?.description, other != uuid {
            return .damaged("it is of another table, \(other)")
        }
        guard let level = wanted.level else { return .whole(file) }
        let report = await TableValidator(store: warehouse.store, level: level).validate(file.metadata)
        if let finding = report.findings.first(where: { $0.code == .unread }) {
            throw CatalogError(.serviceUnavailable, "\(finding.place): \(finding.message)")
        }
        if let finding = report.findings.first(where: \.code.isSerious) {
            return .damaged("\(finding.code.rawValue) at \(finding.place): \(finding.message)")
        }
        return report.isComplete ? .whole(file) : .damaged("there was no time to look at all of it")
    }

    /// The metadata files directly in a folder, the newest first: by the number in the name, then by when they were
    /// written.
    func listed(in folder: ObjectLocation) async throws(CatalogError) -> [(location: String, info: ObjectInfo)] {
        var found: [ObjectInfo] = []
        var after: String?
        do {
            repeat {
                let page = try await warehouse.store.list(
                    folder.bucket, prefix: "\(folder.key)/", delimiter: "/", startAfter: after, limit: 1000)
                found += page.objects.filter { Self.isMetadata($0.key) }
                after = page.next
            } while after != nil
        } catch {
            throw CatalogError(.serviceUnavailable, "listing \(folder): \(error.message)")
        }
        let sorted = found.sorted { left, right in
            let (first, second) = (Self.number(left), Self.number(right))
            return first != second
                ? first > second
                : (left.lastModified, left.key) > (right.lastModified, right.key)
        }
        return sorted.map {
            (warehouse.store.uri(of: ObjectLocation(bucket: folder.bucket, key: $0.key)), $0)
        }
    }

    static func isMetadata(_ key: ObjectKey) -> Bool {
        [".metadata.json", ".metadata.json.gz"].contains { key.rawValue.hasSuffix($0) }
    }

    static func number(_ info: ObjectInfo) -> Int { MetadataStore.number(of: info.key.rawValue) }
}
