import Bytes
import JSONFormat

enum DriverJSON {
    static func appendQuoted(_ value: String, to text: inout [UInt8]) { JSONValue.appendQuoted(value, to: &text) }

    static func parse(_ text: [UInt8], _ what: String) throws(DriverError) -> JSONCursor {
        do {
            return JSONCursor(try JSONValue.parse(text))
        } catch {
            throw DriverError("\(what): \(error)")
        }
    }
}
