import Clocks
import HTTP

/// What the answers of an S3 mean for a caller.
struct S3Failure {
    let status: Int
    /// The code of the error document; empty when there is none, as with `HEAD`.
    let code: String
    let message: String
    let retryAfterMilliseconds: Int?

    init(_ response: HTTPResponse, now: Timestamp) {
        status = response.status
        retryAfterMilliseconds = response.headers["Retry-After"].flatMap { Self.milliseconds($0, now) }
        // Whoever looks for what is next asks for what is not there yet, all the time.
        guard status != 404 || !Self.saysNoSuchKey(response.body) else {
            (code, message) = ("NoSuchKey", "")
            return
        }
        var document: XMLElement?
        // An answer without a readable document (from a proxy, or to HEAD) is described by its status alone.
        do throws(XMLElement.SyntaxError) { document = try XMLElement.parse(response.body) } catch {}
        code = document?.name == "Error" ? document?.text("Code") ?? "" : ""
        message = document?.name == "Error" ? document?.text("Message") ?? "" : ""
    }

    private static let noSuchKey = Array("<Code>NoSuchKey</Code>".utf8)

    private static func saysNoSuchKey(_ body: [UInt8]) -> Bool {
        guard (noSuchKey.count...4096).contains(body.count) else { return false }
        return (0...(body.count - noSuchKey.count)).contains { start in
            body[start] == noSuchKey[0] && body[start..<(start + noSuchKey.count)].elementsEqual(noSuchKey)
        }
    }

    private static func milliseconds(_ text: String, _ now: Timestamp) -> Int? {
        if let seconds = Int(text) { return seconds >= 0 && seconds < 86_400 ? seconds * 1000 : nil }
        guard let moment = HTTPDate.parse(text) else { return nil }
        return Int(max(0, min(moment.milliseconds - now.milliseconds, 86_400_000)))
    }

    /// - Parameter effect: what a failure of the service leaves open: `.unknown` for writes.
    func error(_ what: String, effect: ObjectStoreError.Effect) -> ObjectStoreError {
        let detail = [code, message].filter { !$0.isEmpty }.joined(separator: ": ")
        let text = "cannot \(what): the store answered \(status)\(detail.isEmpty ? "" : ", \(detail.prefix(500))")"
        let kind = Self.kind(status: status, code: code)
        return ObjectStoreError(
            kind.code, text, effect: kind.isRefusal ? .none : effect, retryAfterMilliseconds: retryAfterMilliseconds)
    }

    /// - Returns: the code, and whether the answer proves that nothing was done.
    static func kind(status: Int, code: String) -> (code: ObjectStoreError.Code, isRefusal: Bool) {
        switch (status, code) {
        case (409, "ConditionalRequestConflict"), (409, "OperationAborted"): (.unavailable, true)
        case (400, "RequestTimeout"), (408, _): (.unavailable, false)
        case (400, "ExpiredToken"), (400, "InvalidToken"), (401, _), (403, _): (.accessDenied, true)
        case (404, _): (.notFound, true)
        case (429, _): (.unavailable, true)
        case (501, _): (.failed, true)
        case (507, _): (.noSpace, true)
        case (_, "InternalError"), (_, "SlowDown"), (_, "ServiceUnavailable"): (.unavailable, false)
        case (500..., _): (.unavailable, false)
        case (300..., _): (.failed, true)
        // A success status where the answer could not be understood.
        default: (.failed, false)
        }
    }
}

extension ObjectStoreError {
    /// No answer came back.
    init(_ error: HTTPClientError, _ what: String, effect: Effect) {
        self.init(
            .unavailable, "cannot \(what): \(error.message)", effect: error.stage == .notSent ? .none : effect)
    }
}
