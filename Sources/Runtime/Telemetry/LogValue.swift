import Clocks
import JSONFormat

/// What a log field can hold. Never pass a secret.
public protocol LogValue: Sendable {
    var logValue: JSONValue { get }
}

extension JSONValue: LogValue { public var logValue: JSONValue { self } }
extension String: LogValue { public var logValue: JSONValue { .string(self) } }
extension Substring: LogValue { public var logValue: JSONValue { .string(String(self)) } }
extension Bool: LogValue { public var logValue: JSONValue { .bool(self) } }
extension Int: LogValue { public var logValue: JSONValue { JSONValue(self) } }
extension Int32: LogValue { public var logValue: JSONValue { JSONValue(self) } }
extension Int64: LogValue { public var logValue: JSONValue { JSONValue(self) } }
extension UInt64: LogValue { public var logValue: JSONValue { JSONValue(self) } }
extension Double: LogValue { public var logValue: JSONValue { JSONValue(self) } }
extension Timestamp: LogValue { public var logValue: JSONValue { .string(description) } }
extension UUID: LogValue { public var logValue: JSONValue { .string(description) } }
extension Optional: LogValue where Wrapped: LogValue {
    public var logValue: JSONValue { self?.logValue ?? .null }
}
