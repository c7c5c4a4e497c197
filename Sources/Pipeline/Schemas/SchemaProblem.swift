import JSONFormat

/// Why a schema may not follow another.
package struct SchemaProblem: Hashable, Sendable, CustomStringConvertible {
    /// Where in the schema that is too narrow: a JSON pointer.
    package let pointer: String
    package let message: String

    package init(pointer: String, message: String) {
        self.pointer = pointer
        self.message = message
    }

    package var description: String { "\(pointer.isEmpty ? "the schema" : pointer): \(message)" }
}

extension SchemaCompatibility {
    /// Why `schema` may not follow `earlier`, oldest first; empty when it may. Each problem names the version it is with.
    ///
    /// Cost: bounded by the limits of schemas; some milliseconds at most for each version.
    package func problems(
        of schema: JSONValue, after earlier: [(version: Int, schema: JSONValue)]
    ) -> [(version: Int, problem: SchemaProblem)] {
        let compared: ArraySlice<(version: Int, schema: JSONValue)>
        switch self {
        case .none: return []
        case .backward, .forward, .full: compared = earlier.suffix(1)
        case .backwardTransitive, .forwardTransitive, .fullTransitive: compared = earlier[...]
        }
        let readsOld = [.backward, .backwardTransitive, .full, .fullTransitive].contains(self)
        let isReadByOld = [.forward, .forwardTransitive, .full, .fullTransitive].contains(self)
        var found: [(version: Int, problem: SchemaProblem)] = []
        for (version, old) in compared {
            var problems: [SchemaProblem] = []
            if readsOld { problems += SchemaDiff(writer: old, reader: schema).problems }
            if isReadByOld {
                problems += SchemaDiff(writer: schema, reader: old).problems.map {
                    SchemaProblem(pointer: $0.pointer, message: "of the earlier schema: \($0.message)")
                }
            }
            found += problems.map { (version, $0) }
        }
        return found
    }

    package var isTransitive: Bool { [.backwardTransitive, .forwardTransitive, .fullTransitive].contains(self) }
}
