import Bytes
import Clocks
import HTTP
import JSONFormat
import Telemetry

/// Who sends a request, as far as it is proved.
package struct Caller: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// Nothing was shown.
        case anonymous
        /// An API key.
        case key
        /// Another worker or application, over a service binding.
        case binding
        /// Somebody the service's own `Authenticator` knows: a token's subject, a user.
        case principal
    }

    package let kind: Kind
    /// For logs: a key's fingerprint, the name of the binding, the principal.
    package let name: String
    /// What a principal or a key may do, in the service's own terms.
    package let roles: Set<String>
    /// What a key is good for; nil for all others.
    package let scopes: KeyScopes?

    package init(kind: Kind, name: String, roles: Set<String> = [], scopes: KeyScopes? = nil) {
        self.kind = kind
        self.name = name
        self.roles = roles
        self.scopes = scopes
    }

    package static let anonymous = Caller(kind: .anonymous, name: "anonymous")

    package var isAnonymous: Bool { kind == .anonymous }
    package var description: String { kind == .anonymous ? name : "\(kind):\(name)" }
}

/// A request with all that was found out about it before the handler is called.
///
/// A class: it goes through many hands, and one reference is cheaper to hand on than a dozen fields.
package final class RequestContext: Sendable {
    /// The body is decoded (`Content-Encoding` undone) and within `MAX_BODY_BYTES`.
    package let request: HTTPRequest
    package let caller: Caller
    /// Accepted from the caller or made; in the response, every log record, and every call over a binding.
    package let requestID: String
    package let trace: TraceParent
    /// The address of the client: of the peer, or what a trusted proxy says. `unix` over a Unix socket.
    package let clientAddress: String
    /// Whether what the request says of others, in fields such as `CF-IPCountry`, comes from a proxy that is believed
    /// (`TRUSTED_PROXIES`), or over a binding.
    package let isFromTrustedProxy: Bool
    let parameters: [(name: String, value: String)]
    let baseLogger: Logger
    let allowance: EventAllowance?

    init(
        request: HTTPRequest, caller: Caller, requestID: String, trace: TraceParent, clientAddress: String,
        isFromTrustedProxy: Bool, parameters: [(name: String, value: String)], baseLogger: Logger,
        allowance: EventAllowance?
    ) {
        self.request = request
        self.caller = caller
        self.requestID = requestID
        self.trace = trace
        self.clientAddress = clientAddress
        self.isFromTrustedProxy = isFromTrustedProxy
        self.parameters = parameters
        self.baseLogger = baseLogger
        self.allowance = allowance
    }

    /// The decoded value of `{name}` in the route's template.
    package func parameter(_ name: String) -> String {
        guard let found = parameters.first(where: { $0.name == name }) else {
            preconditionFailure("the route has no parameter {\(name)}")
        }
        return found.value
    }

    /// The first query parameter of that name.
    package func query(_ name: String) -> String? { request.parameter(name) }

    /// A query parameter that is a whole number within `range`.
    package func query(_ name: String, in range: ClosedRange<Int>) throws(ServiceError) -> Int? {
        guard let text = query(name) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw .badRequest(
                "the parameter \(name) must be a whole number from \(range.lowerBound) to \(range.upperBound),"
                    + " not \"\(text.prefix(100))\"")
        }
        return number
    }

    /// A query parameter that is `true` or `false`; present without a value means true.
    package func flag(_ name: String, default fallback: Bool = false) throws(ServiceError) -> Bool {
        switch query(name) {
        case nil: return fallback
        case "true", "1", "": return true
        case "false", "0": return false
        case let text?: throw .badRequest("the parameter \(name) must be true or false, not \"\(text.prefix(100))\"")
        }
    }

    /// The body as JSON.
    package func json() throws(ServiceError) -> JSONCursor {
        do {
            return JSONCursor(try JSONValue.parse(request.body))
        } catch {
            throw .badRequest("the body is not JSON: \(error)")
        }
    }

    /// The body as JSON, an empty one as `{}`.
    package func jsonIfAny() throws(ServiceError) -> JSONCursor {
        request.body.isEmpty ? JSONCursor([:]) : try json()
    }

    /// Counts events against what the caller's key may send in a window.
    package func charge(events: Int) { allowance?.charge(events) }

    /// A logger whose records carry the request's ids. Made on each call: keep it where it is used often.
    package var logger: Logger { baseLogger.with(["request_id": requestID, "trace_id": trace.traceID]) }
}

/// Hexadecimal text of words, without going through arrays: made for every request.
enum HexadecimalText {
    static func make(_ first: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { buffer in
            write(first, to: buffer, at: 0)
            return 16
        }
    }

    static func make(_ first: UInt64, _ second: UInt64) -> String {
        String(unsafeUninitializedCapacity: 32) { buffer in
            write(first, to: buffer, at: 0)
            write(second, to: buffer, at: 16)
            return 32
        }
    }

    /// The sixteen digits of `word`.
    static func write(_ word: UInt64, to buffer: UnsafeMutableBufferPointer<UInt8>, at offset: Int) {
        for place in 0..<16 {
            let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * place) & 15)
            buffer[offset + place] = digit < 10 ? 0x30 + digit : 0x57 + digit
        }
    }
}
