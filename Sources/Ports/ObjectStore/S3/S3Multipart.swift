import Clocks
import Concurrency
import HTTP

extension S3ObjectStore {
    /// Parts on their way at one time.
    private static let partsAtOnce = 4
    private static let partsMax = 10_000

    /// Uploads in parts and joins them; only the joining makes the object, so whatever fails before it had no effect.
    func putInParts(
        _ location: ObjectLocation, _ bytes: [UInt8], _ condition: PutCondition, _ contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        // Spares the upload where the condition cannot hold; it is decided when the parts are joined.
        if condition == .ifAbsent, try await head(location) != nil { return .conditionFailed }
        let upload = try await begin(location, contentType)
        let parts: [Part]
        do throws(ObjectStoreError) {
            parts = try await sendParts(location, bytes, upload)
        } catch {
            await abort(location, upload)
            throw error.with(effect: .none)
        }
        do throws(ObjectStoreError) {
            let outcome = try await join(location, upload, parts, condition)
            if outcome == .conditionFailed { await abort(location, upload) }
            return outcome
        } catch {
            // When the outcome is unknown the parts may be on the point of being joined: they are left alone.
            if error.effect == .none { await abort(location, upload) }
            throw error
        }
    }

    private struct Part: Sendable {
        let number: Int
        let etag: String
    }

    private func begin(_ location: ObjectLocation, _ contentType: String?) async throws(ObjectStoreError) -> String {
        var call = self.call(.post, location, "begin the upload of \(location)", effect: .none)
        call.query = [("uploads", "")]
        call.headers = [("content-type", contentType ?? "application/octet-stream")]
        let response = try await client.succeed(call)
        let document = try client.document(response, call, root: "InitiateMultipartUploadResult")
        guard let upload = document.text("UploadId"), !upload.isEmpty else {
            throw ObjectStoreError(.failed, "cannot \(call.what): the answer names no upload")
        }
        return upload
    }

    private func sendParts(
        _ location: ObjectLocation, _ bytes: [UInt8], _ upload: String
    ) async throws(ObjectStoreError) -> [Part] {
        let configured = max(client.configuration.partBytes, 5 << 20)
        let size = max(configured, (bytes.count + Self.partsMax - 1) / Self.partsMax)
        let count = (bytes.count + size - 1) / size
        return try await mapConcurrently(0..<count, limit: Self.partsAtOnce) {
            (index) async throws(ObjectStoreError) in
            let body = Array(bytes[(index * size)..<min((index + 1) * size, bytes.count)])
            return try await self.sendPart(location, index + 1, body, upload)
        }
    }

    /// A part that fails for a passing reason is sent again: beginning the whole upload anew would cost far more, and a
    /// part sent twice only replaces itself.
    private func sendPart(
        _ location: ObjectLocation, _ number: Int, _ body: [UInt8], _ upload: String
    ) async throws(ObjectStoreError) -> Part {
        var call = self.call(.put, location, "upload part \(number) of \(location)", effect: .none)
        call.query = [("partNumber", String(number)), ("uploadId", upload)]
        call.body = body
        let policy = RetryPolicy(retriesMax: 3, baseDelayMilliseconds: 200, delayMillisecondsMax: 5000)
        let sent = call
        let response = try await policy.run(clock, random) { () async throws(ObjectStoreError) in
            try await client.succeed(sent)
        }
        return Part(number: number, etag: response.headers["ETag"] ?? "")
    }

    private func join(
        _ location: ObjectLocation, _ upload: String, _ parts: [Part], _ condition: PutCondition
    ) async throws(ObjectStoreError) -> PutOutcome {
        let list = parts.map {
            "<Part><PartNumber>\($0.number)</PartNumber><ETag>\(XMLElement.escape($0.etag))</ETag></Part>"
        }
        var call = self.call(.post, location, "complete the upload of \(location)", effect: .unknown)
        call.query = [("uploadId", upload)]
        call.setDocument(
            "<CompleteMultipartUpload xmlns=\"\(S3Client.namespace)\">\(list.joined())</CompleteMultipartUpload>")
        call.headers += Self.headers(condition)
        let response = try await client.send(call)
        if isConditionFailure(response, condition) { return .conditionFailed }
        guard (200..<300).contains(response.status) else { throw client.failure(response, call) }
        let document = try client.document(response, call, root: "CompleteMultipartUploadResult")
        return .stored(etag: Self.unquoted(document.text("ETag") ?? ""))
    }

    private func abort(_ location: ObjectLocation, _ upload: String) async {
        var call = self.call(.delete, location, "abort the upload of \(location)", effect: .none)
        call.query = [("uploadId", upload)]
        // Parts that stay behind cost space until the bucket's rule for unfinished uploads removes them; the failure
        // that led here is the one to report.
        do throws(ObjectStoreError) { _ = try await client.send(call) } catch {}
    }
}
