import Configuration
import Glibc
import HTTP

/// Which object store the suite uses, its three buckets, and how often to try again: the variables of all workers.
public struct ObjectStoreConfiguration: ConfigurationSection, Sendable {
    public enum Place: Hashable, Sendable {
        /// A local directory; what `file:///dir` names.
        case local(root: String)
        case s3(S3Configuration)
    }

    public let place: Place
    public let sourceBucket: BucketName
    public let processedBucket: BucketName
    public let catalogBucket: BucketName
    public let retryPolicy: RetryPolicy

    public init(from reader: inout ConfigurationReader) {
        place = Self.place(from: &reader)
        sourceBucket = Self.bucket(
            "SOURCE_BUCKET", aliases: ["ICEBERG_BUCKET"], "analytics-source", "bucket of the tables", &reader)
        processedBucket = Self.bucket(
            "PROCESSED_BUCKET", "analytics-processed", "bucket of exports and temporary results", &reader)
        catalogBucket = Self.bucket("CATALOG_BUCKET", "analytics-catalog", "bucket of the catalog's state", &reader)
        retryPolicy = RetryPolicy(
            retriesMax: reader.int(
                "MAX_RETRIES", in: 0...100, default: 10, "tries after the first, for failures that may pass"),
            baseDelayMilliseconds: reader.duration(
                "RETRY_BASE_DELAY_MS", in: 1...60_000, default: 100, "longest wait before the first retry; doubles"),
            delayMillisecondsMax: reader.duration(
                "RETRY_MAX_DELAY_MS", in: 1...3_600_000, default: 60_000, "longest wait before any retry"))
    }

    /// The store, with retries. Makes the directory of a local one.
    ///
    /// - Parameters:
    ///   - http: the client for an S3; nil makes one.
    ///   - requests: where every try is counted.
    public func open(
        http: (any HTTPClient)? = nil, counting requests: StoreRequests? = nil
    ) throws(ObjectStoreError) -> any ObjectStore {
        RetryingObjectStore(wrapping: try openWithoutRetries(http: http, counting: requests), policy: retryPolicy)
    }

    /// The store itself, a `LocalObjectStore` or an `S3ObjectStore`; counted when that is asked for.
    public func openWithoutRetries(
        http: (any HTTPClient)? = nil, counting requests: StoreRequests? = nil
    ) throws(ObjectStoreError) -> any ObjectStore {
        let store = try uncounted(http)
        guard let requests else { return store }
        return CountingStore(store, requests)
    }

    private func uncounted(_ http: (any HTTPClient)?) throws(ObjectStoreError) -> any ObjectStore {
        switch place {
        case .local(let root): return try LocalObjectStore(root: root)
        case .s3(let configuration):
            if let http { return try S3ObjectStore(configuration, http: http) }
            return try S3ObjectStore(configuration, http: try Self.client())
        }
    }

    private static func client() throws(ObjectStoreError) -> any HTTPClient {
        do throws(HTTPClientError) {
            return try CurlClient()
        } catch {
            throw ObjectStoreError(.unavailable, error.message)
        }
    }

    // MARK: - Reading

    private static func place(from reader: inout ConfigurationReader) -> Place {
        let text = reader.parsed(
            "OBJECT_STORE", default: "file://\(workingDirectory())/var/object-store",
            allowed: "s3, or file:// and an absolute path", "where objects are kept"
        ) { text in text == "s3" || localRoot(text) != nil ? text : nil }
        // Read in either case, so that --help shows them.
        let s3 = s3(from: &reader, isRequired: text == "s3")
        if text == "s3" { return .s3(s3) }
        return .local(root: localRoot(text) ?? "")
    }

    private static func localRoot(_ text: String) -> String? {
        guard text.hasPrefix("file:///") else { return nil }
        var path = text.dropFirst("file://".count)
        while path.hasSuffix("/") { path.removeLast() }
        let segments = path.split(separator: "/")
        return segments.isEmpty || segments.contains(where: { $0 == "." || $0 == ".." }) ? nil : String(path)
    }

    private static func s3(from reader: inout ConfigurationReader, isRequired: Bool) -> S3Configuration {
        let endpoint = reader.url("R2_ENDPOINT", "the S3 endpoint, https://<account>.r2.cloudflarestorage.com on R2")
        if isRequired && endpoint == nil && reader.environment["R2_ENDPOINT"] == nil {
            reader.refuse("R2_ENDPOINT", "is not set; OBJECT_STORE=s3 needs a URL beginning with https: or http:")
        }
        let accessKey = reader.optionalString("R2_ACCESS_KEY_ID", "the S3 access key")
        if isRequired && accessKey == nil {
            reader.refuse("R2_ACCESS_KEY_ID", "is not set; OBJECT_STORE=s3 needs the S3 access key")
        }
        let secret = reader.secret("R2_SECRET_ACCESS_KEY", isRequired: isRequired, "the secret of the S3 access key")
        let region = reader.string("R2_REGION", default: "auto", "the S3 region")
        let token = reader.secret("R2_SESSION_TOKEN", "the session token of temporary S3 credentials")
        var configuration = S3Configuration(
            endpoint: endpoint?.text ?? "", region: region,
            credentials: S3Credentials(
                accessKeyID: accessKey ?? "", secretAccessKey: secret?.revealed ?? "", sessionToken: token?.revealed))
        configuration.addressing = reader.choice(
            "R2_ADDRESSING", default: .path, "whether the bucket is in the path of the URL or in its host name")
        return configuration
    }

    private static func bucket(
        _ name: String, aliases: [String] = [], _ fallback: String, _ documentation: String,
        _ reader: inout ConfigurationReader
    ) -> BucketName {
        reader.parsed(
            name, aliases: aliases, default: BucketName(checked: fallback),
            allowed: "3 to 63 lowercase letters, digits, hyphens and dots", documentation
        ) { text in
            do throws(ObjectStoreError) { return try BucketName(text) } catch { return nil }
        }
    }

    private static func workingDirectory() -> String {
        guard let path = getcwd(nil, 0) else { return "" }
        defer { free(path) }
        return String(cString: path)
    }
}
