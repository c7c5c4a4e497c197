/// The configuration cannot be used; every reason, a line each.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One reason: the variable, what was given, what is allowed.
    public struct Problem: Hashable, Sendable, CustomStringConvertible {
        public let variable: String
        public let message: String

        public init(variable: String, message: String) {
            self.variable = variable
            self.message = message
        }

        public var description: String { "\(variable): \(message)" }
    }

    public let problems: [Problem]

    public init(_ problems: [Problem]) { self.problems = problems }

    public init(variable: String, _ message: String) {
        self.init([Problem(variable: variable, message: message)])
    }

    public var description: String { problems.map(\.description).joined(separator: "\n") }
}
