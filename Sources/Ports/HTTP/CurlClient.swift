import CCurl
import Synchronization

/// The HTTP client of the suite: libcurl's multi interface on one thread of its own, HTTP/1.1, connections kept and
/// reused, plain or TLS 1.2 and newer, TCP or Unix sockets.
///
/// Requests sent on the thread of a loop with a free seat (`LoopSeat`) are driven there instead, over connections of that loop's.
///
/// It follows no redirect, reads no `.netrc`, speaks no protocol but http and https, and never sends a request twice on
/// its own unless the method is safe (GET, HEAD, OPTIONS): a request whose connection dies is reported with its stage
/// instead, and the caller decides.
public final class CurlClient: HTTPClient {
    public struct Configuration: Hashable, Sendable {
        /// Certificate authorities in PEM, instead of the system's.
        public var certificateAuthorityFile: String?
        /// Whether `http_proxy` and its kin in the environment are honoured.
        public var usesProxyFromEnvironment = false
        /// Requests beyond this many to one host wait for a connection; the wait counts as part of the timeout.
        public var connectionsPerHostMax = 64

        public init(certificateAuthorityFile: String? = nil) {
            self.certificateAuthorityFile = certificateAuthorityFile
        }
    }

    /// Response headers beyond this are an error.
    public static let headerBytesMax = 256 * 1024

    private let configuration: Configuration
    /// Has a thread of its own.
    private let engine: CurlEngine
    /// Those that loops drive.
    private let seated = Mutex<[CurlEngine]>([])

    /// - Throws: when libcurl cannot start, which means that the machine is out of memory.
    public init(_ configuration: Configuration = Configuration()) throws(HTTPClientError) {
        self.configuration = configuration
        engine = try CurlEngine(connectionsPerHostMax: configuration.connectionsPerHostMax)
        try engine.startThread()
    }

    deinit {
        engine.close()
        for engine in seated.withLock({ $0 }) { engine.close() }
    }

    public func send(
        _ request: HTTPRequest, options: HTTPRequestOptions = HTTPRequestOptions()
    ) async throws(HTTPClientError) -> HTTPResponse {
        let engine = engineOfThisThread()
        let transfer = CurlTransfer(request: request, options: options, configuration: configuration)
        let result: Result<HTTPResponse, HTTPClientError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                transfer.continuation = continuation
                engine.add(transfer)
            }
        } onCancel: {
            engine.cancel(transfer)
        }
        return try result.get()
    }

    /// The engine that this thread's loop drives, if it has room for this client.
    private func engineOfThisThread() -> CurlEngine {
        guard let seat = LoopSeat.current else { return engine }
        if let guest = seat.guest as? CurlGuest { return guest.owner === engine ? guest.turns.engine : engine }
        do throws(HTTPClientError) {
            let made = try CurlEngine(connectionsPerHostMax: configuration.connectionsPerHostMax)
            guard seat.take(CurlGuest(of: engine, made)) else { return engine }
            seated.withLock { $0.append(made) }
            return made
        } catch {
            return engine
        }
    }
}
