import Bytes
import Clocks
import Glibc
import HTTP

/// Writes responses as they go over the wire (RFC 9112 §4, §6).
struct ResponseEncoder {
    /// Bodies up to this go into one piece with their head.
    private static let joinedBytesMax = 32 << 10

    private var date: [UInt8] = []
    private var dateSecond: Int64 = .min

    /// Asks for the body (RFC 9110 §10.1.1).
    static let goOn = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// The pieces to send, in order. `Content-Length`, `Connection` and `Date` are ours; what the response says of them is dropped.
    mutating func encode(
        _ response: HTTPResponse, toHead: Bool, connection: StaticString?, now: Timestamp
    ) -> [[UInt8]] {
        let status = (200...599).contains(response.status) ? response.status : 500
        let hasBody = status != 204 && status != 304
        var head: [UInt8] = []
        let isJoined = !toHead && hasBody && response.body.count <= Self.joinedBytesMax
        head.reserveCapacity(384 + (isJoined ? response.body.count : 0))
        head.append(utf8: "HTTP/1.1 ")
        Self.append(status, to: &head)
        head.append(0x20)
        head.append(utf8: Self.reason(status))
        appendDate(now, to: &head)
        if hasBody {
            head.append(utf8: "\r\nContent-Length: ")
            Self.append(response.body.count, to: &head)
        }
        if let connection {
            head.append(utf8: "\r\nConnection: ")
            head.append(
                contentsOf: UnsafeBufferPointer(start: connection.utf8Start, count: connection.utf8CodeUnitCount))
        }
        for field in response.headers.fields where !field.name.isEmpty && !Self.isOurs(field.name) {
            head.append(utf8: "\r\n")
            head.append(utf8: field.name)
            head.append(utf8: ": ")
            head.append(utf8: field.value)
        }
        head.append(utf8: "\r\n\r\n")
        guard hasBody, !toHead, !response.body.isEmpty else { return [head] }
        guard isJoined else { return [head, response.body] }
        head.append(contentsOf: response.body)
        return [head]
    }

    private mutating func appendDate(_ now: Timestamp, to head: inout [UInt8]) {
        let second = now.milliseconds / 1000
        if second != dateSecond {
            dateSecond = second
            date = Self.date(second)
        }
        head.append(contentsOf: date)
    }

    /// With its name, as `IMF-fixdate` (RFC 9110 §5.6.7).
    private static func date(_ second: Int64) -> [UInt8] {
        var time = time_t(second)
        var parts = tm()
        gmtime_r(&time, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let pad = { (value: Int32) in Timestamp.pad(Int(value), 2) }
        let day = "\(days[Int(parts.tm_wday)]), \(pad(parts.tm_mday)) \(months[Int(parts.tm_mon)])"
        return Array(
            ("\r\nDate: \(day) \(Timestamp.pad(Int(parts.tm_year) + 1900, 4)) "
                + "\(pad(parts.tm_hour)):\(pad(parts.tm_min)):\(pad(parts.tm_sec)) GMT").utf8)
    }

    private static func append(_ number: Int, to bytes: inout [UInt8]) {
        var divisor = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            bytes.append(0x30 + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }

    private static func isOurs(_ name: String) -> Bool {
        switch name.utf8.count {
        case 4: name.lowercased() == "date"
        case 10: name.lowercased() == "connection"
        case 14: name.lowercased() == "content-length"
        case 17: name.lowercased() == "transfer-encoding"
        default: false
        }
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 419: "Authentication Timeout"
        case 422: "Unprocessable Content"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 507: "Insufficient Storage"
        default: "Status"
        }
    }
}
