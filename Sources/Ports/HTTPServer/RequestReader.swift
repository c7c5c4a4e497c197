import HTTP

/// Puts requests together from the bytes of one connection: a machine without sockets and clocks.
///
/// Bytes go in as they come, and after each request what it did not use goes in again. A refusal ends the connection: where the
/// next request would begin is not known.
struct RequestReader {
    enum Event {
        /// Nothing more to do without further bytes. Those not consumed are to be given again, with more behind them.
        case needsMore
        /// The head is there, the body not yet. Go on with `read`.
        case head(RequestHead)
        case request(RequestHead, body: [UInt8])
    }

    /// What is awaited.
    enum Phase: Hashable {
        case start
        case head
        case body
    }

    private let headerBytesMax: Int
    private let bodyBytesMax: Int
    private let budget: BodyBudget
    private var parser: HeadParser
    private var head: RequestHead?
    private var body: [UInt8] = []
    private var remaining = 0
    private var chunks = ChunkedBody()
    /// Of the budget, until the request is answered.
    private var reserved = 0
    private(set) var phase = Phase.start
    /// Body bytes that came of the present request.
    var bodyCount: Int { body.count }

    init(headerBytesMax: Int, bodyBytesMax: Int, budget: BodyBudget) {
        self.headerBytesMax = headerBytesMax
        self.bodyBytesMax = bodyBytesMax
        self.budget = budget
        parser = HeadParser(bytesMax: headerBytesMax, bodyBytesMax: bodyBytesMax)
    }

    /// Gives back what the last request took of the budget, and awaits the next. To be called at the connection's end too.
    mutating func reset() {
        budget.release(reserved)
        reserved = 0
        head = nil
        body = []
        phase = .start
        parser = HeadParser(bytesMax: headerBytesMax, bodyBytesMax: bodyBytesMax)
    }

    mutating func read(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) -> (consumed: Int, event: Event) {
        guard let head else { return try readHead(bytes) }
        let consumed: Int
        let isDone: Bool
        switch head.body {
        case .none: (consumed, isDone) = (0, true)
        case .fixed(let length):
            consumed = min(remaining, bytes.count)
            try append(UnsafeRawBufferPointer(rebasing: bytes[..<consumed]), expected: length)
            remaining -= consumed
            isDone = remaining == 0
        case .chunked:
            var chunks = chunks
            consumed = try chunks.read(bytes) { (run) throws(HTTPRefusal) in
                guard body.count + run.count <= bodyBytesMax else { throw .bodyTooLong(bodyBytesMax) }
                try append(run, expected: 0)
            }
            self.chunks = chunks
            isDone = chunks.isDone
        }
        guard isDone else { return (consumed, .needsMore) }
        let whole = body
        body = []
        return (consumed, .request(head, body: whole))
    }

    private mutating func readHead(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) -> (Int, Event) {
        if !bytes.isEmpty { phase = .head }
        guard let (head, count) = try parser.parse(bytes) else { return (0, .needsMore) }
        self.head = head
        phase = .body
        switch head.body {
        case .none: break
        case .fixed(let length):
            remaining = length
            guard budget.hasRoom(length) else { throw Self.busy }
        case .chunked: chunks = ChunkedBody()
        }
        return (count, .head(head))
    }

    /// Room is taken when bytes come; a claim of much costs nothing.
    private mutating func append(_ bytes: UnsafeRawBufferPointer, expected: Int) throws(HTTPRefusal) {
        let needed = body.count + bytes.count
        if needed > reserved {
            let wanted = max(needed, expected > 0 ? min(expected, reserved * 2) : reserved * 2)
            guard budget.reserve(wanted - reserved) else { throw Self.busy }
            reserved = wanted
            body.reserveCapacity(wanted)
        }
        body.append(contentsOf: bytes)
    }

    private static let busy = HTTPRefusal(503, "too many request bodies are being received")
}
