/// Events cannot be brought into the table.
package struct CommitError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The table has columns or partitions the collector cannot fill. Needs an operator.
        case unsuitableTable
        /// The table and the log contradict each other. Needs an operator: going on could lose or double events.
        case contradiction
        /// The catalog or the object store is away or refuses; tried again.
        case unavailable
        /// The encoder failed; tried again, since the events are still in the log.
        case failed
        /// The process is shutting down.
        case cancelled
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
