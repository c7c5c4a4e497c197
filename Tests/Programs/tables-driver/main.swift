import Glibc
import JSONFormat

// Writes and reads Iceberg tables below a directory for tests against other implementations: one request a line on
// standard input, one answer a line on standard output. What the requests are is said where they are handled: TableSteps,
// DeleteSteps, ReadSteps. Each has "command", "root" (a directory), "table" (its name with dots).

while let line = readLine(strippingNewline: true) {
    var answer: JSONObject
    do {
        answer = try await Request(try JSONCursor(JSONValue.parse(line))).answer()
    } catch {
        answer = JSONObject([JSONObject.Member(key: "error", value: .string("\(error)"))])
    }
    let text = JSONValue.object(answer).serialized() + [UInt8(ascii: "\n")]
    var written = 0
    while written < text.count {
        let count = text[written...].withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        guard count > 0 || errno == EINTR else { exit(1) }
        written += max(count, 0)
    }
}
