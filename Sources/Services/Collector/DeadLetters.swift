import Bytes
import Clocks
import Events
import JSONFormat
import ObjectStore
import Synchronization
import Telemetry

/// Keeps refused events for whoever wants to mend and send them again: lines of JSON in objects
/// `rejected/year=…/month=…/day=…/hour=…/<uuid>.ndjson` of the source bucket.
///
/// Gathered in memory and written every few seconds and at the stop. A caller was told of each refusal, so a crash may lose
/// the last few seconds; what does not fit while the store is away is dropped and counted.
package final class DeadLetters: Sendable {
    static let bytesMax = 8 << 20
    static let eventBytesMax = 256 << 10

    private struct State {
        var lines: [UInt8] = []
        var dropped = 0
        var kept = 0
    }

    private let store: any ObjectStore
    private let bucket: BucketName
    private let clock: any WallClock
    private let random: any RandomSource
    private let state = Mutex(State())

    package init(
        store: any ObjectStore, bucket: BucketName, clock: any WallClock = SystemClock(),
        random: any RandomSource = SystemRandom()
    ) {
        self.store = store
        self.bucket = bucket
        self.clock = clock
        self.random = random
    }

    package var dropped: Int { state.withLock { $0.dropped } }
    package var kept: Int { state.withLock { $0.kept } }

    package func add(_ rejections: [EventRejection], of request: EventRequest, receivedAt: Timestamp) {
        for (position, rejection) in rejections.enumerated() {
            guard !isFull else {
                // The rest is not even written out: a flood of refusals is to cost little.
                state.withLock { $0.dropped += rejections.count - position }
                return
            }
            add(
                request.body[rejection.text], reason: rejection.reason.rawValue, type: rejection.type,
                message: rejection.message, id: rejection.id, request, receivedAt)
        }
    }

    private var isFull: Bool { state.withLock { $0.lines.count >= Self.bytesMax - Self.eventBytesMax } }

    /// A request that could not be read at all.
    package func add(_ error: EventBodyError, of request: EventRequest, receivedAt: Timestamp) {
        add(
            request.body[...], reason: "malformed_body", type: "MalformedBodyException", message: error.message,
            id: nil, request, receivedAt)
    }

    private func add(
        _ event: ArraySlice<UInt8>, reason: String, type: String, message: String, id: String?,
        _ request: EventRequest, _ receivedAt: Timestamp
    ) {
        var line = JSONObject()
        line["received_at"] = .string(receivedAt.description)
        line["reason"] = .string(reason)
        line["type"] = .string(type)
        line["message"] = .string(message)
        if let id { line["id"] = .string(id) }
        if let contentType = request.contentType { line["content_type"] = .string(contentType) }
        if !request.attributes.isEmpty {
            let attributes = request.attributes.map { JSONObject.Member(key: $0.name, value: .string($0.value)) }
            line["attributes"] = .object(JSONObject(attributes))
        }
        let kept = event.prefix(Self.eventBytesMax)
        if event.count > kept.count { line["truncated_bytes"] = JSONValue(event.count - kept.count) }
        if let text = String(validating: kept, as: UTF8.self) {
            line["event"] = .string(text)
        } else {
            line["event_base64"] = .string(Base64.encode(kept))
        }
        let bytes = JSONValue.object(line).serialized() + [0x0A]
        state.withLock { state in
            guard state.lines.count + bytes.count <= Self.bytesMax else {
                state.dropped += 1
                return
            }
            state.lines += bytes
            state.kept += 1
        }
    }

    /// Writes what has gathered as one object; keeps it when the store fails.
    package func flush() async throws(ObjectStoreError) {
        let lines = state.withLock { state in
            defer { state.lines = [] }
            return state.lines
        }
        guard !lines.isEmpty else { return }
        do throws(ObjectStoreError) {
            let now = clock.now()
            let time = now.civil
            let pad = { (value: Int) in Timestamp.pad(value, 2) }
            let folder =
                "rejected/year=\(Timestamp.pad(time.year, 4))/month=\(pad(time.month))/day=\(pad(time.day))"
                + "/hour=\(pad(time.hour))"
            let key = try ObjectKey("\(folder)/\(UUID.timeOrdered(at: now, random)).ndjson")
            _ = try await store.put(
                ObjectLocation(bucket: bucket, key: key), lines, condition: .always,
                contentType: "application/x-ndjson")
        } catch {
            state.withLock { state in
                if state.lines.count + lines.count <= Self.bytesMax { state.lines = lines + state.lines }
            }
            throw error
        }
    }
}
