/// A schema that cannot be used, or a request to the registry that cannot be met.
package struct SchemaError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// Not a JSON Schema, or one with a keyword that is not supported.
        case malformed
        /// Larger, deeper or more of something than `SchemaLimits` allow.
        case limitExceeded
        /// Against the compatibility rule of its subject.
        case incompatible
    }

    package let code: Code
    /// Where in the schema: a JSON pointer, empty for the schema as a whole.
    package let pointer: String
    package let message: String

    package init(_ code: Code, _ pointer: String, _ message: String) {
        self.code = code
        self.pointer = pointer
        self.message = message
    }

    package var description: String { pointer.isEmpty ? message : "\(pointer): \(message)" }
}
