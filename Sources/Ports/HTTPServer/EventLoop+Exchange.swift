import Clocks
import Glibc
import HTTP
import Synchronization

/// Requests in, responses out.
extension EventLoop {
    private static let readsPerTurn = 8
    private static let discardBytesMax = 64 << 20

    /// Goes on with a connection that has input, or may have.
    func advance(_ connection: Connection) {
        if connection.phase == .receiving, !connection.input.isEmpty { readOn(connection) }
        var reads = 0
        while connection.mayRead, connection.phase == .receiving || connection.phase == .lingering {
            guard reads < Self.readsPerTurn else { return ready.append(connection.address) }
            reads += 1
            if connection.isTLSUnproved, connection.phase == .receiving {
                guard let isTLS = connection.proveTLS() else { return connection.mayRead = false }
                guard isTLS else { return refuse(connection, .malformed("this port takes HTTPS alone")) }
            }
            take(connection)
        }
        if connection.isInputEnded, connection.phase == .receiving { inputEnded(connection) }
    }

    private func take(_ connection: Connection) {
        switch connection.receive(scratch) {
        case .bytes(let count):
            // Edge-triggered: a short read has emptied the socket, and what comes later is told anew.
            if connection.tls == nil, count < scratch.count, !connection.sawHangup { connection.mayRead = false }
            connection.lastMoved = now
            if connection.phase == .lingering {
                connection.discarded += count
                if connection.discarded > Self.discardBytesMax { drop(connection) }
            } else {
                feed(connection, UnsafeRawBufferPointer(rebasing: scratch[..<count]))
            }
        case .wouldBlock: connection.mayRead = false
        case .end:
            connection.mayRead = false
            connection.isInputEnded = true
            if connection.phase == .lingering { drop(connection) }
        case .failed: drop(connection)
        }
    }

    private func feed(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) {
        guard connection.input.isEmpty else {
            connection.input.append(contentsOf: bytes)
            return readOn(connection)
        }
        let consumed = process(connection, bytes)
        if consumed < bytes.count { connection.input = [UInt8](bytes[consumed...]) }
    }

    private func readOn(_ connection: Connection) {
        let input = connection.input
        connection.input = []
        let consumed = input.withUnsafeBytes { process(connection, $0) }
        if consumed == 0 {
            connection.input = input
        } else if consumed < input.count {
            connection.input = [UInt8](input[consumed...])
        }
    }

    /// - Returns: how many of the bytes are done with.
    private func process(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int {
        var offset = 0
        do throws(HTTPRefusal) {
            while connection.phase == .receiving {
                if connection.reader.phase == .start { connection.since = now }
                let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
                let (consumed, event) = try connection.reader.read(rest)
                offset += consumed
                switch event {
                case .needsMore: return offset
                case .head(let head): begin(connection, head, hasMore: offset < bytes.count)
                case .request(let head, let body): dispatch(connection, head, body)
                }
            }
            return connection.phase == .handling ? offset : bytes.count
        } catch {
            refuse(connection, error)
            return bytes.count
        }
    }

    /// The head is there.
    private func begin(_ connection: Connection, _ head: RequestHead, hasMore: Bool) {
        connection.isCounted = true
        setup.counters.requests.wrappingAdd(1, ordering: .relaxed)
        connection.since = now
        connection.isHeadRequest = head.method == .head
        connection.keepsAlive = head.keepsAlive
        connection.isOldPeer = head.isOld
        guard head.isBodyWorthAsking else { return }
        guard setup.callbacks.needsBody(HTTPRequest(head, peer: connection.peer)) else {
            connection.keepsAlive = false
            return dispatch(connection, head, [])
        }
        if head.expectsContinue, !hasMore {
            connection.output.append(ResponseEncoder.goOn)
            send(connection)
        }
    }

    private func dispatch(_ connection: Connection, _ head: RequestHead, _ body: [UInt8]) {
        connection.phase = .handling
        let request = HTTPRequest(head, body: body, peer: connection.peer)
        let (handler, mailbox, address) = (setup.callbacks.handler, mailbox, connection.address)
        if setup.callbacks.isShort(request) {
            Task.immediate(executorPreference: mailbox) {
                mailbox.reply(await handler(request), to: address)
            }
        } else {
            Task.detached { mailbox.reply(await handler(request), to: address) }
        }
    }

    private func inputEnded(_ connection: Connection) {
        if connection.isIdle {
            drop(connection)
        } else {
            refuse(connection, .malformed("the request ends before it is whole"))
        }
    }

    // MARK: - Out

    /// The connection is closed after it: where the next request would begin is not known.
    func refuse(_ connection: Connection, _ refusal: HTTPRefusal) {
        setup.counters.refused.wrappingAdd(1, ordering: .relaxed)
        connection.input = []
        connection.keepsAlive = false
        respond(connection, setup.callbacks.refusal(refusal))
    }

    func respond(_ connection: Connection, _ response: HTTPResponse) {
        if isQuiescing { connection.keepsAlive = false }
        let word: StaticString? = !connection.keepsAlive ? "close" : connection.isOldPeer ? "keep-alive" : nil
        connection.output += encoder.encode(
            response, toHead: connection.isHeadRequest, connection: word, now: SystemClock().now())
        connection.phase = .sending
        connection.lastMoved = now
        send(connection)
    }

    func send(_ connection: Connection) {
        let before = (connection.output.count, connection.sentOfFirst)
        switch connection.flush() {
        case .bytes: if connection.phase == .sending { sent(connection) }
        case .wouldBlock:
            if before != (connection.output.count, connection.sentOfFirst) { connection.lastMoved = now }
        case .end, .failed: drop(connection)
        }
    }

    private func sent(_ connection: Connection) {
        finishRequest(connection)
        connection.isHeadRequest = false
        connection.isProven = true
        connection.since = now
        connection.lastMoved = now
        guard connection.keepsAlive else { return finish(connection) }
        connection.phase = .receiving
        if connection.mayRead || !connection.input.isEmpty || connection.isInputEnded {
            ready.append(connection.address)
        }
    }

    /// Closing a socket with unread bytes resets the connection, and the reset can overtake the response: so what comes is read and
    /// thrown away until the peer has closed, for a while.
    private func finish(_ connection: Connection) {
        connection.finishSending()
        guard !connection.isInputEnded else { return drop(connection) }
        connection.phase = .lingering
        connection.input = []
        if connection.mayRead { ready.append(connection.address) }
    }
}

extension RequestHead {
    /// Whether it pays to find out, before the body comes, if it will be refused anyway.
    fileprivate var isBodyWorthAsking: Bool {
        switch body {
        case .none: false
        case .fixed(let length): expectsContinue || length > EventLoop.readBytes
        case .chunked: true
        }
    }
}

extension HTTPRequest {
    fileprivate init(_ head: RequestHead, body: [UInt8] = [], peer: HTTPPeer) {
        self.init(method: head.method, target: head.target, headers: head.headers, body: body, peer: peer)
    }
}
