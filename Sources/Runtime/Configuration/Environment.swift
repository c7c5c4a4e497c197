import Glibc

/// The environment variables a configuration is read from: those of the process, or a test's.
public struct Environment: Sendable, ExpressibleByDictionaryLiteral {
    public let values: [String: String]

    public init(_ values: [String: String]) { self.values = values }

    public init(dictionaryLiteral elements: (String, String)...) {
        values = Dictionary(elements) { _, last in last }
    }

    /// The variables this process was started with.
    public static var process: Environment {
        var values: [String: String] = [:]
        var entry = environ
        while let pointer = entry.pointee {
            let text = String(cString: pointer)
            if let mark = text.firstIndex(of: "=") {
                values[String(text[..<mark])] = String(text[text.index(after: mark)...])
            }
            entry += 1
        }
        return Environment(values)
    }

    /// The value of `name` without surrounding white space; nil when it is unset or blank, which mean the same.
    public subscript(name: String) -> String? {
        guard let value = values[name] else { return nil }
        let isBlank = { (character: Character) in character == " " || character == "\t" || character.isNewline }
        let trimmed = value.drop(while: isBlank)
        guard let last = trimmed.lastIndex(where: { !isBlank($0) }) else { return nil }
        return String(trimmed[...last])
    }
}

/// Which of the three deployments this is, and with it what is enforced (`ICEBERG_ENV`).
public enum DeploymentEnvironment: String, CaseIterable, Sendable {
    case development, staging, production

    /// Staging and production: a missing secret stops the start instead of being warned about.
    public var isEnforcing: Bool { self != .development }
}

/// A value that must not be shown: it prints as `[redacted]`.
public struct Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The secret itself. Never log it.
    public let revealed: String

    public init(_ text: String) { revealed = text }

    public var description: String { "[redacted]" }
    public var debugDescription: String { "[redacted]" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
