import CCurl
import Glibc
import Synchronization

/// The thread that drives libcurl. Everything of libcurl but `curl_multi_wakeup` is called on it alone.
final class CurlEngine: Sendable {
    /// What other threads ask of the engine's.
    private struct Inbox {
        var added: [CurlTransfer] = []
        var cancelled: [CurlTransfer] = []
        var isClosed = false
        /// Nil once the thread has freed it: a wake-up after that would touch freed memory.
        var multi: CurlMulti?
    }

    // libcurl's handle. Used by the engine's thread alone, but for `curl_multi_wakeup`, which may be called from any.
    private struct CurlMulti: @unchecked Sendable {
        let handle: UnsafeMutableRawPointer
    }

    private static let isLibraryReady: Bool = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK
    private let inbox = Mutex(Inbox())

    init(connectionsPerHostMax: Int) throws(HTTPClientError) {
        guard Self.isLibraryReady, let handle = curl_multi_init() else {
            throw HTTPClientError(stage: .notSent, message: "libcurl cannot start: out of memory")
        }
        _ = ccurl_multi_set_long(handle, CURLMOPT_MAX_HOST_CONNECTIONS, connectionsPerHostMax)
        _ = ccurl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, 256)
        let multi = CurlMulti(handle: handle)
        inbox.withLock { $0.multi = multi }
        try start(multi)
    }

    func add(_ transfer: CurlTransfer) { post { $0.added.append(transfer) } }

    func cancel(_ transfer: CurlTransfer) {
        transfer.isCancelled.store(true, ordering: .sequentiallyConsistent)
        post { $0.cancelled.append(transfer) }
    }

    func close() { post { $0.isClosed = true } }

    private func post(_ change: (inout sending Inbox) -> Void) {
        inbox.withLock { inbox in
            change(&inbox)
            if let multi = inbox.multi { curl_multi_wakeup(multi.handle) }
        }
    }

    private func start(_ multi: CurlMulti) throws(HTTPClientError) {
        var thread = pthread_t()
        let engine = Unmanaged.passRetained(self)
        let failure = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<CurlEngine>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, engine.toOpaque())
        guard failure == 0 else {
            engine.release()
            inbox.withLock { $0.multi = nil }
            curl_multi_cleanup(multi.handle)
            throw HTTPClientError(stage: .notSent, message: "no thread for the HTTP client: error \(failure)")
        }
        pthread_detach(thread)
    }

    private func run() {
        guard let multi = inbox.withLock({ $0.multi })?.handle else { return }
        var running: [UnsafeMutableRawPointer: CurlTransfer] = [:]
        while takeOrders(multi, &running) {
            var count: Int32 = 0
            curl_multi_perform(multi, &count)
            var code = CURLE_OK
            while let easy = ccurl_multi_next_done(multi, &code) {
                curl_multi_remove_handle(multi, easy)
                running.removeValue(forKey: easy)?.finish(code)
            }
            // Sleeps until a socket is ready, libcurl's next timer is due, or somebody posts.
            curl_multi_poll(multi, nil, 0, 60_000, nil)
        }
        for (easy, transfer) in running {
            curl_multi_remove_handle(multi, easy)
            transfer.fail("the HTTP client was closed")
        }
        inbox.withLock { $0.multi = nil }
        curl_multi_cleanup(multi)
    }

    /// Starts and cancels what was asked for; false when the client is closed.
    private func takeOrders(
        _ multi: UnsafeMutableRawPointer, _ running: inout [UnsafeMutableRawPointer: CurlTransfer]
    ) -> Bool {
        let (added, cancelled, isClosed) = inbox.withLock { inbox in
            defer {
                inbox.added = []
                inbox.cancelled = []
            }
            return (inbox.added, inbox.cancelled, inbox.isClosed)
        }
        for transfer in added {
            // A cancellation may have come, and been looked for in vain, before the transfer itself did.
            if isClosed || transfer.isCancelled.load(ordering: .sequentiallyConsistent) {
                transfer.fail("cancelled before it began")
            } else if let easy = transfer.prepare() {
                curl_multi_add_handle(multi, easy)
                running[easy] = transfer
            }
        }
        for transfer in cancelled {
            guard let easy = transfer.easy, running.removeValue(forKey: easy) != nil else { continue }
            curl_multi_remove_handle(multi, easy)
            transfer.fail("cancelled")
        }
        return !isClosed
    }
}
