import IcebergCatalog
import JSONFormat

/// What a register says of a function: its metadata whole (specification: "Iceberg UDF Spec"). Earlier states are the
/// register's earlier versions.
package struct FunctionState: Hashable, Sendable {
    package let metadata: JSONValue

    var uuid: String? { metadata["function-uuid"]?.string?.lowercased() }

    var json: JSONValue { ["kind": "function", "metadata": metadata] }

    init(metadata: JSONValue) { self.metadata = metadata }

    init(_ cursor: JSONCursor) throws(JSONError) { metadata = try cursor.member("metadata").value }
}
