import IcebergSpec
import JSONFormat

/// A column of a typed table that is filled from one top-level field of `data`.
///
/// The column is always optional in the table: a value that does not fit is null there, and stays in `data`.
package struct TypedColumn: Hashable, Sendable {
    /// Which values the column takes, and what of them it holds.
    package enum Content: String, CaseIterable, Hashable, Sendable {
        /// `true` and `false`.
        case boolean
        /// Whole numbers of 64 bits with sign, `1.0` too.
        case long
        /// Every number.
        case double
        /// Strings, without quotes and escapes.
        case text
        /// Any value but null, as its JSON text.
        case json
        /// Strings with a date-time of RFC 3339, in microseconds UTC.
        case timestamp
        /// Strings `YYYY-MM-DD`.
        case date

        package var icebergType: IcebergType {
            switch self {
            case .boolean: .boolean
            case .long: .long
            case .double: .double
            case .text, .json: .string
            case .timestamp: .timestamptz
            case .date: .date
            }
        }

        /// Whether a column of this content takes every value that one of `other` takes.
        package func takesAll(of other: Content) -> Bool {
            self == other || self == .json || (self == .double && other == .long)
                || (self == .text && (other == .timestamp || other == .date))
        }
    }

    /// An attribute of the event that fills the column where `data` has no such field: members of bare events that became
    /// attributes.
    package enum Attribute: String, CaseIterable, Hashable, Sendable {
        case id, type, time, subject

        /// The member of a bare event.
        package var bareName: String {
            switch self {
            case .id: "event_id"
            case .type: "event_type"
            case .time: "timestamp"
            case .subject: "user_id"
            }
        }

        package init?(bareName: String) {
            guard let found = Self.allCases.first(where: { $0.bareName == bareName }) else { return nil }
            self = found
        }
    }

    /// Unique in its table, whatever the case of letters; letters, digits and `_`.
    package let name: String
    /// The member of `data`.
    package let field: String
    package let content: Content
    /// Whether the newest schema requires the field.
    package let isRequired: Bool
    package let doc: String?
    package let attribute: Attribute?

    package init(
        name: String, field: String, content: Content, isRequired: Bool = false, doc: String? = nil,
        attribute: Attribute? = nil
    ) {
        self.name = name
        self.field = field
        self.content = content
        self.isRequired = isRequired
        self.doc = doc
        self.attribute = attribute
    }

    package var icebergType: IcebergType { content.icebergType }
}

// MARK: - JSON

extension TypedColumn {
    package var json: JSONValue {
        var object = JSONObject()
        object["name"] = .string(name)
        object["field"] = .string(field)
        object["content"] = .string(content.rawValue)
        object["type"] = .string(icebergType.description)
        object["required"] = .bool(isRequired)
        if let doc { object["doc"] = .string(doc) }
        if let attribute { object["attribute"] = .string(attribute.rawValue) }
        return .object(object)
    }

    package init(_ cursor: JSONCursor) throws(JSONError) {
        name = try cursor.member("name").string()
        field = try cursor.member("field").string()
        let contentName = try cursor.member("content").string()
        guard let content = Content(rawValue: contentName) else {
            throw cursor.fail("a column content \"\(contentName)\" is not known to this version")
        }
        self.content = content
        isRequired = try cursor.optional("required")?.bool() ?? false
        doc = try cursor.optional("doc")?.string()
        let attributeName = try cursor.optional("attribute")?.string()
        attribute = attributeName.flatMap { Attribute(rawValue: $0) }
    }
}
