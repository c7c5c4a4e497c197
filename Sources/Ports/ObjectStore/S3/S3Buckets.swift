import HTTP

/// Removes objects by age.
public struct LifecycleRule: Hashable, Sendable {
    public let id: String
    public let prefix: String
    public let expirationDays: Int

    public init(id: String, prefix: String, expirationDays: Int) {
        self.id = id
        self.prefix = prefix
        self.expirationDays = expirationDays
    }
}

extension S3ObjectStore {
    /// Whether the bucket exists and is ours.
    public func bucketExists(_ bucket: BucketName) async throws(ObjectStoreError) -> Bool {
        let call = S3Client.Call(method: .head, bucket: bucket, what: "look at the bucket \(bucket)", effect: .none)
        let response = try await client.send(call)
        if response.status == 404 { return false }
        guard (200..<300).contains(response.status) else { throw client.failure(response, call) }
        return true
    }

    /// Makes the bucket.
    ///
    /// - Returns: false when it is there already and ours.
    public func createBucket(_ bucket: BucketName) async throws(ObjectStoreError) -> Bool {
        if try await bucketExists(bucket) { return false }
        var call = S3Client.Call(method: .put, bucket: bucket, what: "create the bucket \(bucket)", effect: .unknown)
        let region = client.configuration.region
        if !["auto", "us-east-1", ""].contains(region) {
            let constraint = "<LocationConstraint>\(XMLElement.escape(region))</LocationConstraint>"
            call.setDocument(
                "<CreateBucketConfiguration xmlns=\"\(S3Client.namespace)\">\(constraint)</CreateBucketConfiguration>")
        }
        let response = try await client.send(call)
        if response.status == 409, S3Failure(response, now: client.now).code == "BucketAlreadyOwnedByYou" {
            return false
        }
        guard (200..<300).contains(response.status) else { throw client.failure(response, call) }
        return true
    }

    /// Replaces all lifecycle rules of the bucket. Unfinished multipart uploads are removed after 7 days besides.
    public func putLifecycle(_ rules: [LifecycleRule], on bucket: BucketName) async throws(ObjectStoreError) {
        var texts = rules.map { rule in
            Self.rule(rule.id, prefix: rule.prefix, "<Expiration><Days>\(rule.expirationDays)</Days></Expiration>")
        }
        let abort =
            "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
        texts.append(Self.rule("abort-incomplete-uploads", prefix: "", abort))
        var call = S3Client.Call(
            method: .put, bucket: bucket, what: "set the lifecycle rules of \(bucket)", effect: .unknown)
        call.query = [("lifecycle", "")]
        call.setDocument(
            "<LifecycleConfiguration xmlns=\"\(S3Client.namespace)\">\(texts.joined())</LifecycleConfiguration>")
        _ = try await client.succeed(call)
    }

    private static func rule(_ id: String, prefix: String, _ action: String) -> String {
        let filter = "<Filter><Prefix>\(XMLElement.escape(prefix))</Prefix></Filter>"
        return "<Rule><ID>\(XMLElement.escape(id))</ID>\(filter)<Status>Enabled</Status>\(action)</Rule>"
    }

    /// The bucket's lifecycle rules that remove objects by age.
    public func lifecycle(of bucket: BucketName) async throws(ObjectStoreError) -> [LifecycleRule] {
        var call = S3Client.Call(
            method: .get, bucket: bucket, what: "read the lifecycle rules of \(bucket)", effect: .none)
        call.query = [("lifecycle", "")]
        let response = try await client.send(call)
        if response.status == 404, S3Failure(response, now: client.now).code == "NoSuchLifecycleConfiguration" {
            return []
        }
        guard response.status == 200 else { throw client.failure(response, call) }
        let document = try client.document(response, call, root: "LifecycleConfiguration")
        return document.children("Rule").compactMap { rule in
            guard let days = rule.child("Expiration")?.text("Days").flatMap({ Int($0) }) else { return nil }
            let prefix = rule.child("Filter")?.text("Prefix") ?? rule.text("Prefix") ?? ""
            return LifecycleRule(id: rule.text("ID") ?? "", prefix: prefix, expirationDays: days)
        }
    }
}
