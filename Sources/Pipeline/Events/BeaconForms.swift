import Bytes
import CSimdJSON
import Compression
import JSONFormat

/// The forms in which pages and their libraries send, brought to the forms that the parser reads.
extension EventRequest {
    private static let formType = "application/x-www-form-urlencoded"
    static let formFieldsMax = 1000

    /// The request as the parser reads it:
    ///
    /// - gzip and zstd that no `Content-Encoding` announced, since beacons cannot, are undone;
    /// - of a form (`application/x-www-form-urlencoded`) is taken the one field `data`, `e` or `events`, which holds JSON, or
    ///   base64 of JSON, that may be compressed too; or its fields become the members of one event;
    /// - a form whose body begins with `{` or `[` is JSON: it is what curl says when it is told nothing.
    ///
    /// In binary mode the body is data, and stays as it is. Rejections then quote the body as it came out here.
    ///
    /// - Parameter bytesMax: limit on what comes out of decompression.
    /// - Throws: `.malformed`, `.tooLarge`, `.unsupportedMediaType` for UTF-16 and UTF-32.
    package func unwrapped(bytesMax: Int) throws(EventBodyError) -> EventRequest {
        if isBinary { return self }
        if let contentType, contentType.utf8.contains(UInt8(ascii: ";")) { try Self.checkCharset(contentType) }
        var request = self
        if let inflated = try Self.inflate(body, bytesMax: bytesMax) { request.body = inflated }
        guard let contentType, Self.begins(contentType, Self.formType) else { return request }
        request.contentType = "application/json"
        if !Self.looksLikeJSON(request.body[...]) { request.body = try Self.json(ofForm: request.body, bytesMax) }
        return request
    }

    /// Nil when the bytes are not compressed: neither JSON nor a form begins like gzip or zstd.
    private static func inflate(_ bytes: [UInt8], bytesMax: Int) throws(EventBodyError) -> [UInt8]? {
        guard let first = bytes.first, first == 0x1F || first == 0x28 else { return nil }
        do throws(CompressionError) {
            if bytes.starts(with: [0x1F, 0x8B]) {
                return try Deflate.decompress(bytes, container: .gzip, limit: bytesMax)
            }
            if bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
                return try Zstandard.decompress(bytes, limit: bytesMax)
            }
            return nil
        } catch {
            switch error.code {
            case .tooLarge:
                throw EventBodyError(.tooLarge, "the body is longer than \(bytesMax) bytes once decompressed")
            case .corrupt: throw EventBodyError(.malformed, "the compressed body is damaged or cut short")
            case .failed: throw EventBodyError(.failed, "the body could not be decompressed")
            }
        }
    }

    /// JSON is UTF-8 (RFC 8259 §8.1), whatever `charset` says; but what says UTF-16 or UTF-32 is believed to be.
    private static func checkCharset(_ contentType: String) throws(EventBodyError) {
        for parameter in contentType.split(separator: ";").dropFirst() {
            let parts = parameter.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " }.lowercased() }
            guard parts.count == 2, parts[0] == "charset" else { continue }
            let charset = parts[1].filter { $0 != "\"" }
            if charset.hasPrefix("utf-16") || charset.hasPrefix("utf-32") || charset.hasPrefix("utf16") {
                throw EventBodyError(
                    .unsupportedMediaType, "the charset \(charset.prefix(30)) is not supported; utf-8 is")
            }
        }
    }

    private static func looksLikeJSON(_ bytes: ArraySlice<UInt8>) -> Bool {
        let start = bytes.drop { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
        return start.first == UInt8(ascii: "{") || start.first == UInt8(ascii: "[")
    }

    // MARK: - Forms

    private static func json(ofForm body: [UInt8], _ bytesMax: Int) throws(EventBodyError) -> [UInt8] {
        guard let text = String(validating: body, as: UTF8.self) else {
            throw EventBodyError(.malformed, "the form is not UTF-8")
        }
        var fields: [(name: String, value: String)] = []
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(parts[0], plusIsSpace: true),
                let value = PercentEncoding.decode(parts.count > 1 ? parts[1] : "", plusIsSpace: true)
            else { throw EventBodyError(.malformed, "the form has a broken percent escape") }
            fields.append((name, value))
            guard fields.count <= formFieldsMax else {
                throw EventBodyError(.tooLarge, "a form has at most \(formFieldsMax) fields")
            }
        }
        let isEvent = fields.contains { $0.name == "event_type" || $0.name == "specversion" }
        let payloads = fields.filter { ["data", "e", "events"].contains($0.name) }
        if !isEvent, payloads.count == 1, let payload = payloads.first {
            return try json(ofField: payload.name, payload.value, bytesMax)
        }
        return json(ofFields: fields)
    }

    private static func json(
        ofField name: String, _ value: String, _ bytesMax: Int
    ) throws(EventBodyError) -> [UInt8] {
        let bytes = Array(value.utf8)
        if looksLikeJSON(bytes[...]) { return bytes }
        // A plus sign that was not escaped has become a space.
        let base64 = String(decoding: bytes.map { $0 == 0x20 ? UInt8(ascii: "+") : $0 }, as: UTF8.self)
        guard let decoded = Base64.decode(base64) else {
            throw EventBodyError(.malformed, "the field \"\(name)\" of the form is neither JSON nor base64")
        }
        return try inflate(decoded, bytesMax: bytesMax) ?? decoded
    }

    /// One object; a field that comes several times becomes an array, a `data` that is a JSON object or array stays one.
    private static func json(ofFields fields: [(name: String, value: String)]) -> [UInt8] {
        var values: [String: [String]] = [:]
        var names: [String] = []
        for field in fields {
            if values[field.name] == nil { names.append(field.name) }
            values[field.name, default: []].append(field.value)
        }
        var json: [UInt8] = [UInt8(ascii: "{")]
        for (position, name) in names.enumerated() {
            if position > 0 { json.append(UInt8(ascii: ",")) }
            JSONValue.appendQuoted(name, to: &json)
            json.append(UInt8(ascii: ":"))
            append(values[name] ?? [], isData: name == "data", to: &json)
        }
        json.append(UInt8(ascii: "}"))
        return json
    }

    private static func append(_ values: [String], isData: Bool, to json: inout [UInt8]) {
        if isData, values.count == 1, let raw = rawJSON(values[0]) {
            json += raw
            return
        }
        if values.count > 1 { json.append(UInt8(ascii: "[")) }
        for (position, value) in values.enumerated() {
            if position > 0 { json.append(UInt8(ascii: ",")) }
            JSONValue.appendQuoted(value, to: &json)
        }
        if values.count > 1 { json.append(UInt8(ascii: "]")) }
    }

    private static func rawJSON(_ text: String) -> ArraySlice<UInt8>? {
        let bytes = Array(text.utf8)
        var begin = 0
        var end = 0
        guard looksLikeJSON(bytes[...]), cevents_is_json(bytes, bytes.count, 100, &begin, &end) == 1 else {
            return nil
        }
        return bytes[begin..<end]
    }
}
