import Bytes
import Checksums
import Clocks
import HTTP
import Synchronization

/// Proves that a request over `http(s)` comes from a worker that knows `BINDING_SECRET`.
///
/// Signed is `v1 LF method LF target LF timestamp LF nonce LF caller LF hex(sha256(body))` with HMAC-SHA256. The timestamp is in
/// microseconds since 1970.
package struct BindingSignature: Sendable {
    package static let toleranceMicroseconds: Int64 = 60_000_000
    static let signatureHeader = "X-Binding-Signature"
    static let timestampHeader = "X-Binding-Timestamp"
    static let nonceHeader = "X-Binding-Nonce"
    static let callerHeader = "X-Binding-Caller"

    private let secret: [UInt8]

    package init(secret: String) { self.secret = Array(secret.utf8) }

    /// Adds the headers that prove `request`. Its target must be path and query as the receiver will see them.
    package func sign(_ request: inout HTTPRequest, caller: String, at time: Timestamp, nonce: UInt64) {
        let timestamp = String(time.microseconds)
        let nonce = HexadecimalText.make(nonce)
        let signature = compute(request, timestamp: timestamp, nonce: nonce, caller: caller)
        request.headers[Self.callerHeader] = caller
        request.headers[Self.timestampHeader] = timestamp
        request.headers[Self.nonceHeader] = nonce
        request.headers[Self.signatureHeader] = Hexadecimal.encode(signature)
    }

    /// The caller, when the signature is right, in time, and seen for the first time.
    package func verify(_ request: HTTPRequest, at now: Timestamp, seen: ReplayCache) throws(ServiceError) -> Caller {
        guard let given = request.headers[Self.signatureHeader].flatMap({ Hexadecimal.decode($0) }),
            let timestamp = request.headers[Self.timestampHeader], let time = Int64(timestamp),
            let nonce = request.headers[Self.nonceHeader], nonce.utf8.count <= 64,
            let caller = request.headers[Self.callerHeader], caller.utf8.count <= 200
        else { throw .notAuthorized("the binding signature is incomplete") }
        let expected = compute(request, timestamp: timestamp, nonce: nonce, caller: caller)
        guard Digest.constantTimeEquals(given, expected) else {
            throw .notAuthorized("the binding signature is wrong")
        }
        let (difference, overflow) = time.subtractingReportingOverflow(now.microseconds)
        guard !overflow, difference.magnitude <= UInt64(Self.toleranceMicroseconds) else {
            throw .notAuthorized("the binding signature is more than 60 seconds off; do the clocks agree?")
        }
        guard seen.insert(expected, at: now) else { throw .notAuthorized("the binding signature was used before") }
        return Caller(kind: .binding, name: caller)
    }

    private func compute(_ request: HTTPRequest, timestamp: String, nonce: String, caller: String) -> [UInt8] {
        let digest = Hexadecimal.encode(Digest.sha256(request.body))
        let text = ["v1", request.method.rawValue, request.target, timestamp, nonce, caller, digest]
            .joined(separator: "\n")
        return Digest.hmacSHA256(key: secret, Array(text.utf8))
    }
}

/// Signatures that were used, for as long as they could be used again.
package final class ReplayCache: Sendable {
    /// Signatures kept per generation; more are refused rather than forgotten.
    package static let entriesMax = 500_000
    /// A timestamp may lie a minute ahead and is then good for two.
    private static let generationMicroseconds = 2 * BindingSignature.toleranceMicroseconds

    private struct State {
        var current: Set<[UInt8]> = []
        var previous: Set<[UInt8]> = []
        var startedAt: Int64?
    }

    private let state = Mutex(State())

    package init() {}

    /// False when the signature was there, or the cache is full.
    package func insert(_ signature: [UInt8], at now: Timestamp) -> Bool {
        state.withLock { state in
            let start = state.startedAt ?? now.microseconds
            if state.startedAt == nil { state.startedAt = start }
            if now.microseconds - start >= Self.generationMicroseconds {
                state.previous = now.microseconds - start < 2 * Self.generationMicroseconds ? state.current : []
                state.current = []
                state.startedAt = now.microseconds
            }
            guard !state.previous.contains(signature), state.current.count < Self.entriesMax else { return false }
            return state.current.insert(signature).inserted
        }
    }
}
