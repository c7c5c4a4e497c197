import JSONFormat

/// Specification: "Schema Evolution".
extension Schema {
    /// Whether values of one type can be read as another without rewriting files.
    ///
    /// - Parameter formatVersion: version 3 also lets dates become timestamps without a zone, and unknown any type.
    public static func canPromote(_ from: IcebergType, to: IcebergType, formatVersion: Int = 2) -> Bool {
        switch (from, to) {
        case (.int, .long), (.float, .double): true
        case (.decimal(let old, let oldScale), .decimal(let new, let newScale)): oldScale == newScale && new >= old
        case (.date, .timestamp), (.date, .timestampNanos): formatVersion >= 3
        case (.unknown, _): formatVersion >= 3
        default: from == to
        }
    }

    /// Checks that files written with `self` can be read with `next`: columns of the same id keep a compatible type,
    /// parent and kind, none becomes required, and a new required one has an initial default. Columns may be added,
    /// dropped, renamed, reordered, made optional, documented.
    ///
    /// - Throws: `.invalid`, naming the column.
    public func checkEvolution(to next: Schema, formatVersion: Int) throws(IcebergError) {
        for (id, field) in next.fieldsByID.sorted(by: { $0.key < $1.key }) {
            let name = next.fullName(id: id) ?? field.name
            guard let old = self.field(id: id) else {
                try Self.checkAdded(field, name, parentExists: next.parentID(of: id).map { self.field(id: $0) != nil })
                continue
            }
            guard parentID(of: id) == next.parentID(of: id) else {
                throw IcebergError(.invalid, "\"\(name)\" (id \(id)) moved into or out of another field")
            }
            if field.required && !old.required && old.initialDefault == nil {
                throw IcebergError(.invalid, "\"\(name)\" (id \(id)) is optional and cannot become required")
            }
            if old.initialDefault != field.initialDefault {
                throw IcebergError(.invalid, "the initial default of \"\(name)\" (id \(id)) cannot change")
            }
            guard Self.isEvolution(old.type, field.type, formatVersion) else {
                throw IcebergError(
                    .invalid,
                    "\"\(name)\" (id \(id)) cannot change from \(Self.kind(old.type)) to \(Self.kind(field.type))")
            }
        }
    }

    /// A field within a new struct needs no default: the struct itself is what is missing in old files.
    private static func checkAdded(_ field: NestedField, _ name: String, parentExists: Bool?) throws(IcebergError) {
        if field.required, parentExists ?? true, field.initialDefault?.isNull ?? true {
            throw IcebergError(
                .invalid, "the new column \"\(name)\" (id \(field.id)) is required and has no initial default")
        }
    }

    private static func isEvolution(_ old: IcebergType, _ new: IcebergType, _ formatVersion: Int) -> Bool {
        switch (old, new) {
        case (.structure, .structure): true
        case (.list(let left), .list(let right)): left.elementID == right.elementID
        case (.map(let left), .map(let right)):
            left.keyID == right.keyID && left.valueID == right.valueID && left.key == right.key
        default: canPromote(old, to: new, formatVersion: formatVersion)
        }
    }

    private static func kind(_ type: IcebergType) -> String {
        switch type {
        case .structure: "struct"
        case .list: "list"
        case .map: "map"
        default: type.description
        }
    }

    /// Checks that every type and default exists in this version of the format, and fits its field.
    func checkFormatVersion(_ version: Int) throws(IcebergError) {
        for (id, field) in fieldsByID.sorted(by: { $0.key < $1.key }) {
            let name = fullName(id: id) ?? field.name
            if field.type.minimumFormatVersion > version {
                throw IcebergError(
                    .invalid,
                    "the type \(Self.kind(field.type)) of \"\(name)\" needs format version "
                        + "\(field.type.minimumFormatVersion), the table has \(version)")
            }
            if field.type == .unknown, field.required {
                throw IcebergError(.invalid, "\"\(name)\" is of type unknown, always null, and cannot be required")
            }
            for value in [field.initialDefault, field.writeDefault].compactMap({ $0 }) where !value.isNull {
                do {
                    try field.type.checkDefault(JSONReader(value))
                } catch {
                    throw IcebergError(error.code, "the default of \"\(name)\": \(error.message)")
                }
            }
            if let value = field.initialDefault, !value.isNull, version < 3 {
                throw IcebergError(
                    .invalid, "the initial default of \"\(name)\" needs format version 3, the table has \(version)")
            }
        }
    }
}
