import CCurl
import Glibc
import Synchronization

/// Drives libcurl: the transfers under way, a turn at a time, on one thread.
final class CurlTurns {
    let engine: CurlEngine
    private var running: [UnsafeMutableRawPointer: CurlTransfer] = [:]

    init(_ engine: CurlEngine) { self.engine = engine }

    /// Starts what has been asked for, and does what can be done without waiting.
    ///
    /// - Returns: false once the client is closed.
    func turn() -> Bool {
        guard let orders = engine.takeOrders() else { return false }
        for transfer in orders.added { begin(transfer) }
        for transfer in orders.cancelled { cancel(transfer) }
        guard !running.isEmpty else { return true }
        var count: Int32 = 0
        curl_multi_perform(engine.handle, &count)
        var code = CURLE_OK
        while let easy = ccurl_multi_next_done(engine.handle, &code) {
            curl_multi_remove_handle(engine.handle, easy)
            running.removeValue(forKey: easy)?.finish(code)
        }
        return true
    }

    /// Sleeps until a socket of a transfer or of `others` is ready, libcurl's next timer is due, somebody posts, or the time is up.
    ///
    /// - Returns: whether a socket is ready.
    @discardableResult
    func wait(_ others: UnsafeMutableBufferPointer<curl_waitfd>, milliseconds: Int32) -> Bool {
        let patience = engine.beginWaiting() ? milliseconds : 0
        var ready: Int32 = 0
        curl_multi_poll(engine.handle, others.baseAddress, UInt32(others.count), patience, &ready)
        return ready > 0
    }

    /// Fails what is under way, and whatever has come.
    func end(_ why: String) {
        for (easy, transfer) in running {
            curl_multi_remove_handle(engine.handle, easy)
            transfer.fail(why)
        }
        running = [:]
        for transfer in engine.closeDown().added { transfer.fail(why) }
    }

    private func begin(_ transfer: CurlTransfer) {
        // A cancellation may have come, and been looked for in vain, before the transfer itself did.
        if transfer.isCancelled.load(ordering: .sequentiallyConsistent) {
            transfer.fail("cancelled before it began")
        } else if let easy = transfer.prepare() {
            curl_multi_add_handle(engine.handle, easy)
            running[easy] = transfer
        }
    }

    private func cancel(_ transfer: CurlTransfer) {
        guard let easy = transfer.easy, running.removeValue(forKey: easy) != nil else { return }
        curl_multi_remove_handle(engine.handle, easy)
        transfer.fail("cancelled")
    }
}

extension CurlEngine {
    /// Drives libcurl on a thread of its own until the client is closed.
    func startThread() throws(HTTPClientError) {
        var thread = pthread_t()
        let engine = Unmanaged.passRetained(self)
        let failure = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<CurlEngine>.fromOpaque(argument).takeRetainedValue().runThread() }
                return nil
            }, engine.toOpaque())
        guard failure == 0 else {
            engine.release()
            throw HTTPClientError(stage: .notSent, message: "no thread for the HTTP client: error \(failure)")
        }
        pthread_detach(thread)
    }

    private func runThread() {
        let turns = CurlTurns(self)
        while turns.turn() { turns.wait(UnsafeMutableBufferPointer(start: nil, count: 0), milliseconds: 60_000) }
        turns.end("the HTTP client was closed")
    }
}

/// A client's transfers on the thread of a loop.
final class CurlGuest: LoopGuest {
    let owner: AnyObject
    let turns: CurlTurns

    init(of owner: AnyObject, _ engine: CurlEngine) {
        self.owner = owner
        turns = CurlTurns(engine)
    }

    func run() -> Bool {
        if turns.turn() { return true }
        turns.end("the HTTP client was closed")
        return false
    }

    func wait(_ descriptors: inout [pollfd], milliseconds: Int32) -> Bool {
        withUnsafeTemporaryAllocation(of: curl_waitfd.self, capacity: descriptors.count) { waited in
            for (index, descriptor) in descriptors.enumerated() {
                waited.initializeElement(
                    at: index, to: curl_waitfd(fd: descriptor.fd, events: Int16(CURL_WAIT_POLLIN), revents: 0))
            }
            let isReady = turns.wait(waited, milliseconds: milliseconds < 0 ? 60_000 : milliseconds)
            for index in descriptors.indices { descriptors[index].revents = waited[index].revents }
            return isReady
        }
    }

    func end() { turns.end("the loop that sent it has ended") }
}
