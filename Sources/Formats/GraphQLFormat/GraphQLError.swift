import JSONFormat

/// A place in a document, counted from 1; a column is a Unicode scalar.
public struct SourceLocation: Hashable, Sendable {
    public let line: Int
    public let column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

/// One step from the root of a response to a field.
public enum ResponsePathElement: Hashable, Sendable {
    case field(String)
    case index(Int)

    var json: JSONValue {
        switch self {
        case .field(let name): .string(name)
        case .index(let index): JSONValue(index)
        }
    }
}

/// An error as the response shows it (GraphQL October 2021 §7.1.2).
public struct GraphQLError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    public var locations: [SourceLocation]
    public var path: [ResponsePathElement]
    /// A stable name for programs, shown as `extensions.code`.
    public var code: String

    public static let syntaxCode = "GRAPHQL_PARSE_FAILED"
    public static let validationCode = "GRAPHQL_VALIDATION_FAILED"
    public static let badInputCode = "BAD_USER_INPUT"
    public static let internalCode = "INTERNAL_SERVER_ERROR"

    public init(
        _ message: String, locations: [SourceLocation] = [], path: [ResponsePathElement] = [], code: String
    ) {
        self.message = message
        self.locations = locations
        self.path = path
        self.code = code
    }

    public var json: JSONValue {
        var object = JSONObject()
        object["message"] = .string(message)
        if !locations.isEmpty {
            object["locations"] = .array(
                locations.map { ["line": JSONValue($0.line), "column": JSONValue($0.column)] })
        }
        if !path.isEmpty { object["path"] = .array(path.map(\.json)) }
        object["extensions"] = ["code": .string(code)]
        return .object(object)
    }

    public var description: String {
        locations.first.map { "\(message) (line \($0.line), column \($0.column))" } ?? message
    }
}

/// What a resolver throws when the message may be shown to the caller. Any other error is shown as an internal one.
public protocol GraphQLPresentableError: Error {
    var graphQLMessage: String { get }
    var graphQLCode: String { get }
}
