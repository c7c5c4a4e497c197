import Bytes
import Checksums
import Clocks
import HTTP

/// Objects on Cloudflare R2, Amazon S3 or a server that speaks the same protocol.
///
/// Every request is signed (Signature Version 4) over its exact bytes with a hash of its body. Nothing is retried here,
/// but for a signature refused for its time, which is made again by the store's clock: wrap the store in
/// `RetryingObjectStore`. Large bodies go up in parts, and the condition of the put is checked when they are joined.
public final class S3ObjectStore: ObjectStore {
    /// Keys in one `DeleteObjects` request, as S3 allows.
    static let deleteBatchMax = 1000

    let client: S3Client
    let clock: any MonotonicClock
    let random: any RandomSource

    public init(
        _ configuration: S3Configuration, http: any HTTPClient, wallClock: any WallClock = SystemClock(),
        clock: any MonotonicClock = SystemClock(), random: any RandomSource = SystemRandom()
    ) throws(ObjectStoreError) {
        client = try S3Client(configuration, http: http, clock: wallClock)
        self.clock = clock
        self.random = random
    }

    public func uri(of location: ObjectLocation) -> String { S3URI.text(of: location) }
    public func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation { try S3URI.location(of: uri) }

    // MARK: - Reading

    public func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        var call = self.call(.get, location, "read \(location)", effect: .none)
        call.responseBytesMax = client.configuration.objectBytesMax
        if let range {
            guard !range.isEmpty, range.lowerBound >= 0 else { return try await empty(location) }
            call.headers.append(("range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)"))
            // With room for a server that sends a small object whole.
            call.responseBytesMax = min(call.responseBytesMax, max(range.count, 64 << 20))
        }
        let response = try await client.send(call)
        let etag = Self.etag(response)
        switch (response.status, range) {
        case (200, nil): return StoredObject(bytes: response.body, etag: etag)
        case (200, let range?):
            // The server does not do ranges, or sends an empty object whole.
            let wanted = range.clamped(to: 0..<Int64(response.body.count))
            return StoredObject(
                bytes: Array(response.body[Int(wanted.lowerBound)..<Int(wanted.upperBound)]), etag: etag)
        case (206, let range?):
            guard response.headers["Content-Range"]?.hasPrefix("bytes \(range.lowerBound)-") == true else {
                throw ObjectStoreError(.failed, "cannot read \(location): another range than asked for came back")
            }
            return StoredObject(bytes: response.body, etag: etag)
        case (416, _): return try await empty(location)
        default: throw client.failure(response, call)
        }
    }

    /// A read of no bytes, which the protocol cannot express.
    private func empty(_ location: ObjectLocation) async throws(ObjectStoreError) -> StoredObject {
        guard let info = try await head(location) else { throw .notFound(location) }
        return StoredObject(bytes: [], etag: info.etag)
    }

    public func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        let call = self.call(.head, location, "look at \(location)", effect: .none)
        let response = try await client.send(call)
        if response.status == 404 { return nil }
        guard response.status == 200 else { throw client.failure(response, call) }
        guard let size = response.headers["Content-Length"].flatMap({ Int64($0) }) else {
            throw ObjectStoreError(.failed, "cannot look at \(location): the answer has no length")
        }
        return ObjectInfo(
            key: location.key, size: size, etag: Self.etag(response),
            lastModified: response.headers["Last-Modified"].flatMap(HTTPDate.parse) ?? Timestamp(microseconds: 0))
    }

    public func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        var call = S3Client.Call(method: .get, bucket: bucket, what: "list \(bucket)/\(prefix)", effect: .none)
        call.query = [("list-type", "2"), ("max-keys", String(min(max(limit, 1), 1000)))]
        if !prefix.isEmpty { call.query.append(("prefix", prefix)) }
        if let delimiter, !delimiter.isEmpty { call.query.append(("delimiter", delimiter)) }
        if let startAfter, !startAfter.isEmpty { call.query.append(S3Listing.parameter(startingAfter: startAfter)) }
        let response = try await client.succeed(call)
        return try S3Listing.page(try client.document(response, call, root: "ListBucketResult"), call.what)
    }

    // MARK: - Writing

    public func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        if bytes.count > client.configuration.multipartThresholdBytes {
            return try await putInParts(location, bytes, condition, contentType)
        }
        var call = self.call(.put, location, "write \(location)", effect: .unknown)
        call.headers = Self.headers(condition)
        call.headers.append(("content-type", contentType ?? "application/octet-stream"))
        call.body = bytes
        let response = try await client.send(call)
        if isConditionFailure(response, condition) { return .conditionFailed }
        guard (200..<300).contains(response.status) else { throw client.failure(response, call) }
        return .stored(etag: Self.etag(response))
    }

    static func headers(_ condition: PutCondition) -> [(name: String, value: String)] {
        switch condition {
        case .always: []
        case .ifAbsent: [("if-none-match", "*")]
        case .ifMatch(let etag): [("if-match", etag.hasPrefix("W/") ? etag : "\"\(etag)\"")]
        }
    }

    /// 412; and 404 where the object to match is not there at all.
    func isConditionFailure(_ response: HTTPResponse, _ condition: PutCondition) -> Bool {
        if response.status == 412 { return true }
        guard response.status == 404, case .ifMatch = condition else { return false }
        return S3Failure(response, now: client.now).code == "NoSuchKey"
    }

    public func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        var start = 0
        while start < keys.count {
            let batch = keys[start..<min(start + Self.deleteBatchMax, keys.count)]
            if batch.count == 1, let key = batch.first {
                try await deleteOne(ObjectLocation(bucket: bucket, key: key))
            } else {
                try await deleteBatch(bucket, batch)
            }
            start += batch.count
        }
    }

    private func deleteOne(_ location: ObjectLocation) async throws(ObjectStoreError) {
        let call = self.call(.delete, location, "delete \(location)", effect: .unknown)
        let response = try await client.send(call)
        guard (200..<300).contains(response.status) || response.status == 404 else {
            throw client.failure(response, call)
        }
    }

    private func deleteBatch(_ bucket: BucketName, _ keys: ArraySlice<ObjectKey>) async throws(ObjectStoreError) {
        let entries = keys.map { "<Object><Key>\(XMLElement.escape($0.rawValue))</Key></Object>" }.joined()
        var call = S3Client.Call(
            method: .post, bucket: bucket, what: "delete \(keys.count) objects from \(bucket)", effect: .unknown)
        call.query = [("delete", "")]
        call.setDocument("<Delete xmlns=\"\(S3Client.namespace)\"><Quiet>true</Quiet>\(entries)</Delete>")
        let response = try await client.succeed(call)
        let result = try client.document(response, call, root: "DeleteResult")
        for error in result.children("Error") {
            let code = error.text("Code") ?? ""
            if code == "NoSuchKey" { continue }
            let kind = S3Failure.kind(status: code == "AccessDenied" ? 403 : 400, code: code)
            throw ObjectStoreError(
                kind.code,
                "cannot delete \(bucket)/\(error.text("Key") ?? "?"): \(code): \(error.text("Message") ?? "")",
                effect: .unknown)
        }
    }

    // MARK: - Shared

    func call(
        _ method: HTTPMethod, _ location: ObjectLocation, _ what: String, effect: ObjectStoreError.Effect
    ) -> S3Client.Call {
        S3Client.Call(method: method, bucket: location.bucket, key: location.key, what: what, effect: effect)
    }

    /// The entity tag without its quotes: listings of some stores leave them out.
    static func etag(_ response: HTTPResponse) -> String { unquoted(response.headers["ETag"] ?? "") }

    static func unquoted(_ etag: String) -> String {
        etag.count >= 2 && etag.hasPrefix("\"") && etag.hasSuffix("\"") ? String(etag.dropFirst().dropLast()) : etag
    }
}

extension S3Client {
    static let namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
}

extension S3Client.Call {
    /// An XML body, with the MD5 that S3 asks for with some of them.
    mutating func setDocument(_ text: String) {
        body = Array("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\(text)".utf8)
        headers.append(("content-type", "application/xml"))
        headers.append(("content-md5", Base64.encode(Digest.md5(body))))
    }
}
