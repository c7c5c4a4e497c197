import Bytes
import IcebergCatalog
import ObjectStore

/// What requests of one table are signed: those that read, write, delete or list objects below its location, and change
/// nothing else of the store.
struct StoreRequestRules: Sendable {
    /// Where the table lies.
    let place: ObjectLocation

    /// What a request takes of who sends it: reading or writing.
    ///
    /// - Throws: `.forbidden` for anything else than the operations below.
    func need(of request: StoreRequest) throws(CatalogError) -> Privilege {
        guard request.bucket == place.bucket else { throw Self.outside }
        let names = Set(request.query.map(\.name)).subtracting(["x-id"])
        try checkHeaders(request)
        guard let key = request.key else { return try bucketNeed(of: request, names) }
        guard isInside(key) else { throw Self.outside }
        switch request.method {
        case "GET" where names.isSubset(of: ["partNumber"]), "HEAD" where names.isSubset(of: ["partNumber"]):
            return .read
        case "GET" where names.contains("uploadId") && names.isSubset(of: Self.listingParts),
            "PUT" where names.isEmpty || names == ["partNumber", "uploadId"],
            "POST" where names == ["uploads"] || names == ["uploadId"],
            "DELETE" where names.isEmpty || names == ["uploadId"]:
            return .write
        default:
            throw CatalogError(
                .forbidden, "a \(request.method) of an object with the parameters \(Self.list(names)) is not signed")
        }
    }

    private static let listingParts: Set<String> = ["uploadId", "max-parts", "part-number-marker"]
    private static let listing: Set<String> = [
        "list-type", "prefix", "delimiter", "continuation-token", "start-after", "max-keys", "encoding-type",
        "fetch-owner", "marker",
    ]
    /// Those of them that are keys, or beginnings of keys.
    private static let positions: Set<String> = ["prefix", "start-after", "marker"]

    private func bucketNeed(of request: StoreRequest, _ names: Set<String>) throws(CatalogError) -> Privilege {
        if request.method == "GET", names.isSubset(of: Self.listing) {
            let prefix = request.query.first { $0.name == "prefix" }?.value ?? ""
            guard Self.begins(prefix, "\(place.key)/") else {
                throw CatalogError(.forbidden, "a list is signed for prefixes below \(place)/ only")
            }
            for (name, value) in request.query where Self.positions.contains(name) {
                guard !Self.leadsElsewhere(value) else {
                    throw CatalogError(
                        .forbidden,
                        "a list is not signed with a \(name) that has \".\", \"..\", backslashes or control characters in it"
                    )
                }
            }
            return .read
        }
        guard request.method == "POST", names == ["delete"] else {
            throw CatalogError(
                .forbidden, "a \(request.method) of a bucket with the parameters \(Self.list(names)) is not signed")
        }
        try checkDeletions(request)
        return .write
    }

    /// Only a body that is shown can be held to the table.
    private func checkDeletions(_ request: StoreRequest) throws(CatalogError) {
        guard let body = request.body, !body.isEmpty else {
            throw CatalogError(.forbidden, "deleting many objects is signed only with the body in the request")
        }
        let keys: [ObjectKey]
        do {
            keys = try DeleteObjectsBody.keys(Array(body.utf8), max: CatalogLimits.signedDeletionsMax)
        } catch {
            throw CatalogError(.badRequest, "the list of objects to delete: \(error.message)")
        }
        guard keys.allSatisfy({ isInside($0) }) else { throw Self.outside }
    }

    // MARK: - Headers

    private static let allowed: Set<String> = [
        "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent", "x-amz-te", "x-amz-trailer",
        "x-amz-decoded-content-length", "x-amz-sdk-checksum-algorithm", "x-amz-storage-class",
        "x-amz-expected-bucket-owner", "x-amz-copy-source", "x-amz-copy-source-range", "x-amz-mp-object-size",
    ]

    /// Headers that give rights to others, lock or tag objects, or lead elsewhere are none of a table's business.
    private func checkHeaders(_ request: StoreRequest) throws(CatalogError) {
        for name in request.headers.keys where name.hasPrefix("x-amz-") {
            let isAllowed =
                Self.allowed.contains(name)
                || ["x-amz-checksum-", "x-amz-meta-", "x-amz-server-side-encryption", "x-amz-copy-source-if-"]
                    .contains { name.hasPrefix($0) }
            guard isAllowed else {
                throw CatalogError(.forbidden, "a request with the header \(name.prefix(60)) is not signed")
            }
        }
        for source in request.headers["x-amz-copy-source"] ?? [] {
            let path = source.prefix { $0 != "?" }.drop { $0 == "/" }
            let parts = (PercentEncoding.decode(path) ?? "").split(
                separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            do throws(ObjectStoreError) {
                guard parts.count == 2, try BucketName(String(parts[0])) == place.bucket,
                    isInside(try ObjectKey(String(parts[1])))
                else { throw ObjectStoreError(.invalidName, "outside") }
            } catch {
                throw Self.outside
            }
        }
    }

    // MARK: - Parts

    private static let outside = CatalogError(.forbidden, "only requests for objects of this table are signed")

    private func isInside(_ key: ObjectKey) -> Bool {
        Self.begins(key.rawValue, "\(place.key)/") && !Self.leadsElsewhere(key.rawValue)
    }

    /// Whether a store that cleans paths, or decodes them once more than it should, could take a key for one that lies
    /// outside of the table.
    private static func leadsElsewhere(_ key: String) -> Bool {
        guard !key.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0x5C }) else { return true }
        var text = key.lowercased()
        for _ in 0..<decodingsMax {
            guard !text.split(whereSeparator: { "/\\".contains($0) }).contains(where: { $0 == "." || $0 == ".." })
            else { return true }
            // Only these: names of partitions have other escapes in them, and broken ones.
            let decoded = text.replacing("%2e", with: ".").replacing("%2f", with: "/").replacing("%5c", with: "\\")
                .replacing("%25", with: "%")
            guard decoded != text else { return false }
            text = decoded
        }
        return true
    }

    private static let decodingsMax = 8

    /// By bytes: Swift's own comparison holds texts equal whose Unicode forms differ.
    private static func begins(_ text: String, _ prefix: String) -> Bool {
        text.utf8.starts(with: prefix.utf8)
    }

    private static func list(_ names: Set<String>) -> String {
        names.isEmpty ? "(none)" : names.sorted().joined(separator: ", ").prefix(200).description
    }
}
