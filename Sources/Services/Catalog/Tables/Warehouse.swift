import Bytes
import IcebergCatalog
import ObjectStore

/// Where tables may lie: the buckets of the one warehouse.
package struct Warehouse: Sendable {
    package let name: String
    /// Without a final `/`: a table without a location of its own lies at `<root>/<namespace>/<table>`.
    let root: String
    let buckets: Set<BucketName>
    let store: any ObjectStore
    /// What every table response tells clients about the object store.
    let clientConfig: [String: String]

    package init(
        name: String, defaultBucket: BucketName, buckets: Set<BucketName>, store: any ObjectStore,
        clientConfig: [String: String]
    ) throws(ObjectStoreError) {
        self.name = name
        self.buckets = buckets.union([defaultBucket])
        self.store = store
        self.clientConfig = clientConfig
        let probe = ObjectLocation(bucket: defaultBucket, key: try ObjectKey("x"))
        root = String(store.uri(of: probe).dropLast(2))
    }

    /// A location as tables and commits give it, in the form this store's metadata uses.
    ///
    /// On a store that is no S3, `s3://bucket/key` means that bucket and key of the local store: documents written
    /// for the deployed system work on the embedded one unchanged.
    ///
    /// - Throws: `.badRequest` for a place outside the warehouse's buckets.
    func resolve(_ text: String) throws(CatalogError) -> (uri: String, place: ObjectLocation) {
        var trimmed = Substring(text)
        while trimmed.hasSuffix("/") { trimmed = trimmed.dropLast() }
        let uri = String(trimmed)
        do {
            let direct = try store.location(of: uri)
            return (uri, try inside(direct, uri))
        } catch let error as CatalogError {
            throw error
        } catch {
            let place = try inside(try Self.parseS3(uri), uri)
            return (store.uri(of: place), place)
        }
    }

    /// Where a table lies that nobody gave a location. Names are escaped, so that none leads elsewhere.
    func defaultPlace(of table: TableIdentifier) throws(CatalogError) -> String {
        let namespace = try RegisterChain.segment(of: table.namespace)
        return "\(root)/\(namespace)/\(PercentEncoding.encode(table.name))"
    }

    private func inside(_ place: ObjectLocation, _ uri: String) throws(CatalogError) -> ObjectLocation {
        guard buckets.contains(place.bucket) else {
            let allowed = buckets.map(\.rawValue).sorted().joined(separator: ", ")
            throw CatalogError(
                .badRequest, "\(uri) lies outside the warehouse \"\(name)\"; its buckets are \(allowed)")
        }
        return place
    }

    private static func parseS3(_ uri: String) throws(CatalogError) -> ObjectLocation {
        for scheme in ["s3://", "s3a://"] where uri.hasPrefix(scheme) {
            let parts = uri.dropFirst(scheme.count).split(
                separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { break }
            do {
                return ObjectLocation(bucket: try BucketName(String(parts[0])), key: try ObjectKey(String(parts[1])))
            } catch {
                throw CatalogError(.badRequest, error.message)
            }
        }
        throw CatalogError(.badRequest, "\"\(uri.prefix(300))\" is no location of this warehouse's object store")
    }
}
