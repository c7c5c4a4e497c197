import Clocks
import HTTP

/// The trace a request belongs to: W3C Trace Context, level 1.
package struct TraceParent: Hashable, Sendable {
    /// As it goes over the wire. Made for every request, hence one text and not four.
    package let header: String

    /// 32 hexadecimal digits.
    package var traceID: String { part(3, 32) }
    /// 16 hexadecimal digits: of the caller's span, or ours when we make one.
    package var parentID: String { part(36, 16) }
    package var flags: String { part(53, 2) }

    /// Takes a `traceparent` header; nil when it is not valid.
    package init?(_ header: String) {
        let parts = header.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0].utf8.count == 2, parts[0] != "ff", parts[0] != "00" || parts.count == 4,
            parts[1].utf8.count == 32, parts[2].utf8.count == 16, parts[3].utf8.count == 2
        else { return nil }
        let isHexadecimal = parts[..<4].allSatisfy { part in
            part.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        }
        let isZero = { (text: Substring) in text.utf8.allSatisfy { $0 == 0x30 } }
        guard isHexadecimal, !isZero(parts[1]), !isZero(parts[2]) else { return nil }
        // What a later version adds is not passed on.
        self.header = "00-\(parts[1])-\(parts[2])-\(parts[3])"
    }

    private init(_ random: any RandomSource) {
        let (high, low, parent) = (random.next() | 1, random.next(), random.next() | 1)
        header = String(unsafeUninitializedCapacity: 55) { buffer in
            buffer[0] = 0x30
            buffer[1] = 0x30
            for place in [2, 35, 52] { buffer[place] = 0x2D }
            HexadecimalText.write(high, to: buffer, at: 3)
            HexadecimalText.write(low, to: buffer, at: 19)
            HexadecimalText.write(parent, to: buffer, at: 36)
            buffer[53] = 0x30
            buffer[54] = 0x31
            return 55
        }
    }

    private init(header: String) { self.header = header }

    /// A new trace.
    package static func make(_ random: any RandomSource) -> TraceParent { TraceParent(random) }

    /// The same trace, one span on.
    package func child(_ random: any RandomSource) -> TraceParent {
        TraceParent(header: "00-\(traceID)-\(HexadecimalText.make(random.next() | 1))-\(flags)")
    }

    private func part(_ offset: Int, _ count: Int) -> String {
        let start = header.utf8.index(header.startIndex, offsetBy: offset)
        return String(header[start..<header.utf8.index(start, offsetBy: count)])
    }
}

/// What calls to other workers carry on from the request they are made for: its id and its trace.
package struct CallTrace: Sendable {
    package let requestID: String
    package let trace: TraceParent

    /// Of the work of the present task: the request it answers, or the job it runs.
    @TaskLocal package static var current: CallTrace?

    package init(requestID: String, trace: TraceParent) {
        self.requestID = requestID
        self.trace = trace
    }

    /// For work that nobody asked for.
    package static func make(_ random: any RandomSource = IdentifierSource()) -> CallTrace {
        CallTrace(
            requestID: HexadecimalText.make(random.next(), random.next()), trace: TraceParent.make(random))
    }

    /// Adds `X-Request-Id` and `traceparent`, one span on, to a call made for `context`, else for the task's work, else for
    /// none.
    package static func carry(
        into request: inout HTTPRequest, for context: RequestContext? = nil, _ random: any RandomSource = SystemRandom()
    ) {
        let given = context.map { CallTrace(requestID: $0.requestID, trace: $0.trace) }
        let call = given ?? current ?? make(random)
        request.headers["X-Request-Id"] = call.requestID
        request.headers["traceparent"] = call.trace.child(random).header
    }
}
