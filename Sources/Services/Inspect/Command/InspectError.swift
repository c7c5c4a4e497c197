/// A file cannot be shown, or a command line is not understood.
package struct InspectError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The command line: which operand or option, and what is allowed.
        case usage
        /// There is no such file, object, snapshot or column.
        case notFound
        /// The file is not of the kind that was asked for, or is damaged.
        case malformed
    }

    package let code: Code
    /// The file, or the word of the command line.
    package let place: String
    package let message: String

    package init(_ code: Code, at place: String, _ message: String) {
        self.code = code
        self.place = place
        self.message = message
    }

    package var description: String { place.isEmpty ? message : "\(place): \(message)" }
}
