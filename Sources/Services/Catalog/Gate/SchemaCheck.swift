import IcebergCatalog
import IcebergSpec

/// Whether engines can use the columns of a schema that a client brings.
///
/// `Schema` itself refuses ids and full names given twice. Names that differ in case alone are two columns: the table
/// specification compares names as they are.
enum SchemaCheck {
    /// Higher ones are those of metadata columns, such as `_file` and `_row_id` (specification: "Reserved Field IDs").
    static let fieldIDMax = 2_147_483_447

    /// - Parameter takesIDs: whether the ids are kept; those of a table to be made are replaced anyway.
    /// - Throws: `.badRequest`.
    static func check(_ schema: Schema, takesIDs: Bool = true) throws(CatalogError) {
        for (id, field) in schema.fieldsByID.sorted(by: { $0.key < $1.key }) {
            guard !field.name.isEmpty else {
                throw CatalogError(
                    .badRequest,
                    "the column with the id \(id)\(parent(of: id, in: schema)) has an empty name: engines and files need one"
                )
            }
            guard !takesIDs || id <= fieldIDMax else {
                throw CatalogError(
                    .badRequest,
                    "the column \"\(field.name.prefix(100))\" has the id \(id), reserved for metadata columns; allowed are "
                        + "ids up to \(fieldIDMax)")
            }
        }
    }

    private static func parent(of id: Int, in schema: Schema) -> String {
        schema.parentID(of: id).flatMap { schema.fullName(id: $0) }.map { " in \"\($0.prefix(100))\"" } ?? ""
    }
}
