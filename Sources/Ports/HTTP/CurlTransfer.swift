import CCurl
import Glibc
import Synchronization

/// One request on its way.
///
// Safe to share: the caller fills it in and hands it over once, through the engine's lock; from then on only the
// engine's thread touches it (libcurl calls back on that thread alone), except for `isCancelled`, which is atomic.
final class CurlTransfer: @unchecked Sendable {
    let isCancelled = Atomic<Bool>(false)
    var continuation: CheckedContinuation<Result<HTTPResponse, HTTPClientError>, Never>?
    private(set) var easy: UnsafeMutableRawPointer?

    private let request: HTTPRequest
    private let options: HTTPRequestOptions
    private let configuration: CurlClient.Configuration
    private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private var response = HTTPResponse(status: 0)
    private var headerBytes = 0
    /// libcurl takes a connection that closes amid the header for a whole answer; only the empty line proves it.
    private var isHeaderWhole = false
    private var bodySent = 0
    /// How often libcurl was about to send the request.
    private var attempts = 0
    /// Why one of our callbacks ended the transfer.
    private var refusal: String?

    init(request: HTTPRequest, options: HTTPRequestOptions, configuration: CurlClient.Configuration) {
        self.request = request
        self.options = options
        self.configuration = configuration
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit { errorText.deallocate() }

    // MARK: - Life on the engine's thread

    /// The handle to run; nil when the request cannot even be put to libcurl, in which case it is answered here.
    func prepare() -> UnsafeMutableRawPointer? {
        guard let easy = curl_easy_init() else {
            fail("out of memory")
            return nil
        }
        self.easy = easy
        var settings = CurlSettings(easy: easy)
        setTarget(&settings)
        setLimits(&settings)
        setRequest(&settings)
        setCallbacks(&settings)
        guard settings.code == CURLE_OK else {
            finish(settings.code)
            return nil
        }
        return easy
    }

    /// Answers the caller with what libcurl reports. The handle must not be in the multi handle any more.
    func finish(_ code: CURLcode) {
        guard code == CURLE_OK else {
            let own = String(cString: errorText)
            let text = refusal ?? (own.isEmpty ? String(cString: curl_easy_strerror(code)) : own)
            fail(text, isTimeout: code == CURLE_OPERATION_TIMEDOUT)
            return
        }
        guard isHeaderWhole else {
            fail("the connection was closed within the header of the answer")
            return
        }
        response.status = easy.map(ccurl_response_code) ?? 0
        answer(.success(response))
    }

    func fail(_ why: String, isTimeout: Bool = false) {
        let place = request.target.prefix { $0 != "?" }.prefix(300)
        let via = options.unixSocketPath.map { " over \($0)" } ?? ""
        answer(
            .failure(
                HTTPClientError(
                    stage: attempts == 0 ? .notSent : .maybeSent,
                    message: "\(request.method) \(place)\(via): \(why)", isTimeout: isTimeout)))
    }

    private func answer(_ result: Result<HTTPResponse, HTTPClientError>) {
        if let easy { curl_easy_cleanup(easy) }
        easy = nil
        if let headerList { curl_slist_free_all(headerList) }
        headerList = nil
        continuation?.resume(returning: result)
        continuation = nil
    }

    // MARK: - Settings

    private func setTarget(_ settings: inout CurlSettings) {
        if let socket = options.unixSocketPath {
            settings.set(CURLOPT_UNIX_SOCKET_PATH, socket)
            settings.set(
                CURLOPT_URL, request.target.hasPrefix("/") ? "http://localhost\(request.target)" : request.target)
        } else {
            settings.set(CURLOPT_URL, request.target)
        }
        settings.set(CURLOPT_PATH_AS_IS, 1)
        settings.set(CURLOPT_PROTOCOLS_STR, "http,https")
        settings.set(CURLOPT_FOLLOWLOCATION, 0)
        settings.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        settings.set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        if let file = configuration.certificateAuthorityFile { settings.set(CURLOPT_CAINFO, file) }
        if !configuration.usesProxyFromEnvironment || options.unixSocketPath != nil { settings.set(CURLOPT_PROXY, "") }
    }

    private func setLimits(_ settings: inout CurlSettings) {
        settings.set(CURLOPT_NOSIGNAL, 1)
        settings.set(CURLOPT_TCP_KEEPALIVE, 1)
        let connect = max(1, options.connectTimeoutMilliseconds)
        settings.set(CURLOPT_CONNECTTIMEOUT_MS, connect)
        settings.set(CURLOPT_TIMEOUT_MS, connect + max(1, options.timeoutMilliseconds))
        if options.stallSeconds > 0 {
            settings.set(CURLOPT_LOW_SPEED_LIMIT, 1024)
            settings.set(CURLOPT_LOW_SPEED_TIME, options.stallSeconds)
        }
        settings.set(CURLOPT_BUFFERSIZE, 128 * 1024)
        if request.body.count > 64 * 1024 { settings.set(CURLOPT_UPLOAD_BUFFERSIZE, 256 * 1024) }
    }

    private func setRequest(_ settings: inout CurlSettings) {
        settings.set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
        if request.method == .head {
            settings.set(CURLOPT_NOBODY, 1)
        } else if (1...Self.bodyWithHeadMax).contains(request.body.count) {
            setSmallBody(&settings)
        } else if !request.body.isEmpty || request.method == .put || request.method == .post {
            settings.set(CURLOPT_UPLOAD, 1)
            settings.set(size: Int64(request.body.count))
        }
        // libcurl would wait a second for a server that does not know `Expect: 100-continue`.
        appendHeader("Expect:")
        for field in request.headers.fields {
            appendHeader(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
        }
        settings.set(pointer: CURLOPT_HTTPHEADER, headerList)
    }

    /// Bodies up to this are sent together with the header: one system call here, and a server that has all of the request when it
    /// is woken. libcurl takes no more than 64 KiB.
    private static let bodyWithHeadMax = 48 << 10

    private func setSmallBody(_ settings: inout CurlSettings) {
        settings.set(CURLOPT_POSTFIELDSIZE, request.body.count)
        request.body.withUnsafeBytes { body in
            settings.set(pointer: CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: body.baseAddress))
        }
        // libcurl would call it a form.
        if request.headers["Content-Type"] == nil { appendHeader("Content-Type:") }
    }

    private func appendHeader(_ line: String) {
        if let longer = curl_slist_append(headerList, line) { headerList = longer }
    }

    private func setCallbacks(_ settings: inout CurlSettings) {
        settings.set(pointer: CURLOPT_ERRORBUFFER, errorText)
        // Unretained: the engine holds the transfer as long as libcurl has its handle.
        let context = Unmanaged.passUnretained(self).toOpaque()
        let easy = settings.easy
        settings.note(
            ccurl_set_before_request(
                easy, { context, _, _, _, _ in CurlTransfer.from(context)?.beforeRequest() ?? 1 }, context))
        settings.note(
            ccurl_set_read(
                easy, { data, size, count, context in CurlTransfer.from(context)?.read(data, size * count) ?? 0 },
                context
            ))
        settings.note(
            ccurl_set_seek(
                easy, { context, offset, origin in CurlTransfer.from(context)?.seek(Int64(offset), origin) ?? 1 },
                context))
        settings.note(
            ccurl_set_write(
                easy, { data, size, count, context in CurlTransfer.from(context)?.write(data, size * count) ?? 0 },
                context
            ))
        settings.note(
            ccurl_set_header(
                easy, { data, size, count, context in CurlTransfer.from(context)?.header(data, size * count) ?? 0 },
                context
            ))
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> CurlTransfer? {
        context.map { Unmanaged<CurlTransfer>.fromOpaque($0).takeUnretainedValue() }
    }

    // MARK: - Callbacks

    /// Called when the connection stands, before the first byte of the request: what tells `notSent` from `maybeSent`.
    /// libcurl itself repeats a request whose reused connection dies without an answer; that is for the caller to decide
    /// when the request may have had an effect.
    private func beforeRequest() -> Int32 {
        let isSafe = request.method == .get || request.method == .head || request.method == .options
        guard attempts == 0 || isSafe else {
            refusal = "the connection was closed without an answer"
            return CURL_PREREQFUNC_ABORT
        }
        attempts += 1
        return CURL_PREREQFUNC_OK
    }

    private func read(_ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int) -> Int {
        let count = min(capacity, request.body.count - bodySent)
        guard count > 0, let buffer else { return 0 }
        request.body.withUnsafeBytes { body in
            UnsafeMutableRawBufferPointer(start: buffer, count: count)
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: body[bodySent..<(bodySent + count)]))
        }
        bodySent += count
        return count
    }

    private func seek(_ offset: Int64, _ origin: Int32) -> Int32 {
        guard origin == SEEK_SET, offset >= 0, offset <= Int64(request.body.count) else { return CURL_SEEKFUNC_FAIL }
        bodySent = Int(offset)
        return CURL_SEEKFUNC_OK
    }

    private func write(_ data: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        guard let data, count > 0 else { return 0 }
        guard count <= options.responseBytesMax - response.body.count else {
            refusal = "the response is longer than the \(options.responseBytesMax) bytes allowed"
            return 0
        }
        if response.body.isEmpty { reserveBody() }
        response.body.append(contentsOf: UnsafeRawBufferPointer(start: data, count: count))
        return count
    }

    private func reserveBody() {
        // The announced length is only a hint: no more than a bounded part of it is believed.
        guard let announced = response.headers["content-length"].flatMap({ Int($0) }), announced > 0 else { return }
        response.body.reserveCapacity(min(announced, options.responseBytesMax, 16 << 20))
    }

    private func header(_ data: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        guard let data, count > 0 else { return 0 }
        headerBytes += count
        guard headerBytes <= CurlClient.headerBytesMax else {
            refusal = "the response's header is longer than the \(CurlClient.headerBytesMax) bytes allowed"
            return 0
        }
        let line = String(decoding: UnsafeRawBufferPointer(start: data, count: count), as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            // A new response begins: what came before was a `100 Continue`, or the answer on a connection that died.
            response = HTTPResponse(status: 0)
            isHeaderWhole = false
        } else if line == "\r\n" || line == "\n" {
            isHeaderWhole = true
        } else if let colon = line.utf8.firstIndex(of: 0x3A) {
            let value = line[line.utf8.index(after: colon)...]
            response.headers.append(String(line[..<colon]), Self.trimmed(value))
        }
        return count
    }

    private static func trimmed(_ text: Substring) -> String {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }
        let bytes = text.utf8.drop(while: isSpace)
        guard let last = bytes.lastIndex(where: { !isSpace($0) }) else { return "" }
        return String(decoding: bytes[...last], as: UTF8.self)
    }
}

/// Sets options of one handle and keeps the first failure.
private struct CurlSettings {
    let easy: UnsafeMutableRawPointer
    private(set) var code = CURLE_OK

    init(easy: UnsafeMutableRawPointer) { self.easy = easy }

    mutating func note(_ result: CURLcode) {
        if code == CURLE_OK { code = result }
    }

    mutating func set(_ option: CURLoption, _ value: Int) { note(ccurl_set_long(easy, option, value)) }
    mutating func set(_ option: CURLoption, _ value: String) { note(ccurl_set_string(easy, option, value)) }
    mutating func set(size: Int64) { note(ccurl_set_size(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(size))) }

    mutating func set(pointer option: CURLoption, _ value: UnsafeMutableRawPointer?) {
        note(ccurl_set_pointer(easy, option, value))
    }
}
