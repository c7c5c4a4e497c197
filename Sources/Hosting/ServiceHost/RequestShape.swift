import HTTP

/// What no request may look like (RFC 9110 §5.1, §9.1; RFC 9112 §3.2), however lenient the server is that has read it: what a proxy
/// in front and we understand differently is refused.
enum RequestShape {
    static let methodBytesMax = 32

    static func check(_ request: HTTPRequest) throws(ServiceError) {
        guard request.method.rawValue.utf8.count <= methodBytesMax, isToken(request.method.rawValue) else {
            throw .badRequest("the method of the request is none")
        }
        guard request.target.utf8.first == 0x2F || request.target == "*" && request.method == .options else {
            throw .badRequest("the target of the request is no path")
        }
        var hosts = 0
        for field in request.headers.fields {
            guard isToken(field.name) else {
                throw .badRequest("a header field has no name, or one with characters that names do not have")
            }
            if field.name.utf8.count == 4, field.begins("host") { hosts += 1 }
        }
        guard hosts <= 1 else { throw .badRequest("the request has two Host fields") }
    }

    private static func isToken(_ text: String) -> Bool {
        guard !text.isEmpty else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 0x61...0x7A, 0x41...0x5A, 0x30...0x39, 0x2D, 0x5F: true
            // ! # $ % & ' * + . ^ ` | ~
            case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2E, 0x5E, 0x60, 0x7C, 0x7E: true
            default: false
            }
        }
    }
}
