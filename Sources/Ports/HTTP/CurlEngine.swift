import CCurl
import Glibc
import Synchronization

/// What other threads ask of libcurl's multi interface, and its multi handle. Everything of libcurl but `curl_multi_wakeup` is called by
/// one thread, which `CurlTurns` belongs to.
final class CurlEngine: Sendable {
    private struct Inbox {
        var orders = Orders()
        var isClosed = false
        /// Whether the thread has looked here, found nothing, and waits: whoever posts wakes it.
        var isWaiting = false
    }

    struct Orders {
        var added: [CurlTransfer] = []
        var cancelled: [CurlTransfer] = []

        var isEmpty: Bool { added.isEmpty && cancelled.isEmpty }
    }

    // libcurl's handle, used by the thread that drives it alone, but for `curl_multi_wakeup`, which may be called from any; it is freed
    // when neither that thread nor one that is about to wake it holds it any more.
    private final class Multi: @unchecked Sendable {
        let handle: UnsafeMutableRawPointer

        init(_ handle: UnsafeMutableRawPointer) { self.handle = handle }

        deinit { curl_multi_cleanup(handle) }
    }

    private static let isLibraryReady: Bool = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK
    private let inbox = Mutex(Inbox())
    private let multi: Multi

    init(connectionsPerHostMax: Int) throws(HTTPClientError) {
        guard Self.isLibraryReady, let handle = curl_multi_init() else {
            throw HTTPClientError(stage: .notSent, message: "libcurl cannot start: out of memory")
        }
        _ = ccurl_multi_set_long(handle, CURLMOPT_MAX_HOST_CONNECTIONS, connectionsPerHostMax)
        _ = ccurl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, 256)
        multi = Multi(handle)
    }

    // MARK: - From any thread

    func add(_ transfer: CurlTransfer) { post { $0.orders.added.append(transfer) } }

    func cancel(_ transfer: CurlTransfer) {
        transfer.isCancelled.store(true, ordering: .sequentiallyConsistent)
        post { $0.orders.cancelled.append(transfer) }
    }

    func close() { post { $0.isClosed = true } }

    private func post(_ change: (inout sending Inbox) -> Void) {
        let mustWake = inbox.withLock { inbox in
            change(&inbox)
            defer { inbox.isWaiting = false }
            return inbox.isWaiting
        }
        if mustWake { curl_multi_wakeup(multi.handle) }
    }

    // MARK: - From the thread that drives libcurl

    var handle: UnsafeMutableRawPointer { multi.handle }

    /// What has come; nil once the client is closed.
    func takeOrders() -> Orders? {
        inbox.withLock { inbox in
            inbox.isWaiting = false
            guard !inbox.isClosed else { return nil }
            defer { inbox.orders = Orders() }
            return inbox.orders
        }
    }

    /// Nothing is taken any more; what has come and was not taken.
    func closeDown() -> Orders {
        inbox.withLock { inbox in
            inbox.isClosed = true
            defer { inbox.orders = Orders() }
            return inbox.orders
        }
    }

    /// False when there is something to do: then the thread must not wait. Else whoever posts wakes it.
    func beginWaiting() -> Bool {
        inbox.withLock { inbox in
            inbox.isWaiting = inbox.orders.isEmpty && !inbox.isClosed
            return inbox.isWaiting
        }
    }
}
