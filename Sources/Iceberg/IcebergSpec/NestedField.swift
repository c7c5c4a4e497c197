import JSONFormat

/// A field of a struct, or of a table's schema: identified by its id, never by its name or place.
public struct NestedField: Hashable, Sendable {
    public var id: Int
    public var name: String
    public var required: Bool
    public var type: IcebergType
    public var doc: String?
    /// The value of rows written before the field existed, as JSON single value (version 3).
    public var initialDefault: JSONValue?
    /// The value of rows whose writer does not give one, as JSON single value (version 3).
    public var writeDefault: JSONValue?

    public init(
        id: Int, name: String, required: Bool, type: IcebergType, doc: String? = nil, initialDefault: JSONValue? = nil,
        writeDefault: JSONValue? = nil
    ) {
        self.id = id
        self.name = name
        self.required = required
        self.type = type
        self.doc = doc
        self.initialDefault = initialDefault
        self.writeDefault = writeDefault
    }

    public static func required(_ id: Int, _ name: String, _ type: IcebergType, doc: String? = nil) -> NestedField {
        NestedField(id: id, name: name, required: true, type: type, doc: doc)
    }

    public static func optional(_ id: Int, _ name: String, _ type: IcebergType, doc: String? = nil) -> NestedField {
        NestedField(id: id, name: name, required: false, type: type, doc: doc)
    }
}
