import Bytes
import Events
import HTTP
import JSONFormat
import ServiceHost

extension CollectorRoutes {
    /// What a request with events is answered.
    ///
    /// Cost: written straight into the body. A request may have 100,000 refused events of a few bytes each, and a tree of
    /// values for each of them would take many times the memory of the request.
    static func response(to reply: EventIntake.Reply, isDryRun: Bool = false) -> HTTPResponse {
        let rejections = reply.rejections
        var body: [UInt8] = []
        body.reserveCapacity(64 + rejections.count * 160)
        // Piece by piece: put together as one text this took longer than reading an event.
        body.append(utf8: "{\"accepted\":")
        body.append(utf8: String(reply.accepted))
        body.append(utf8: ",\"duplicates\":")
        body.append(utf8: String(reply.duplicates))
        body.append(utf8: ",\"rejected\":[")
        for (position, rejection) in rejections.enumerated() {
            if position > 0 { body.append(UInt8(ascii: ",")) }
            append(rejection, to: &body)
        }
        body.append(UInt8(ascii: "]"))
        if isDryRun { body.append(utf8: ",\"dry_run\":true") }
        var status = 202
        if reply.accepted == 0, reply.duplicates == 0, let first = rejections.first {
            let code = Self.status(of: first.reason)
            status = rejections.allSatisfy { Self.status(of: $0.reason) == code } ? code : 400
            let message =
                rejections.count == 1
                ? first.message : "none of the \(rejections.count) events is acceptable; the first: \(first.message)"
            body.append(utf8: ",\"error\":{")
            appendError(message, first.type, status, to: &body)
            body.append(UInt8(ascii: "}"))
        }
        body.append(UInt8(ascii: "}"))
        var headers = HTTPHeaders()
        // With the ids that every response gets.
        headers.reserveCapacity(4)
        headers.appendValidated("Content-Type", "application/json")
        return HTTPResponse(status: status, headers: headers, body: body)
    }

    /// The status of a request whose events are all refused for it.
    private static func status(of reason: EventRejection.Reason) -> Int {
        switch reason {
        case .eventTooLarge: 413
        case .typeNotAllowed: 403
        case .schemaViolation, .schemaIncompatible, .validationTooCostly: 422
        default: 400
        }
    }

    private static func append(_ rejection: EventRejection, to body: inout [UInt8]) {
        body.append(utf8: "{\"index\":\(rejection.index),\"id\":")
        if let id = rejection.id { JSONValue.appendQuoted(id, to: &body) } else { body.append(utf8: "null") }
        body.append(utf8: ",\"error\":{")
        appendError(rejection.message, rejection.type, status(of: rejection.reason), to: &body)
        body.append(utf8: ",\"reason\":\"\(rejection.reason.rawValue)\"}}")
    }

    private static func appendError(_ message: String, _ type: String, _ code: Int, to body: inout [UInt8]) {
        body.append(utf8: "\"message\":")
        JSONValue.appendQuoted(message, to: &body)
        body.append(utf8: ",\"type\":\"\(type)\",\"code\":\(code)")
    }
}
