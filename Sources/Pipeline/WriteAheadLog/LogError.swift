/// The log cannot do what was asked.
package struct LogError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The log has its largest size, or the disk is full. Later appends may succeed, once it has been trimmed.
        case full
        /// An earlier write or sync failed: nothing more is taken until the process restarts and reads back what the
        /// disk really holds.
        case poisoned
        /// The files are not what this program wrote. Nothing was changed.
        case corrupt
        /// Another process has the directory open.
        case locked
        /// The log is closed.
        case closed
        /// A record that is empty or too long.
        case invalidRecord
        /// The file system refused.
        case failed
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
