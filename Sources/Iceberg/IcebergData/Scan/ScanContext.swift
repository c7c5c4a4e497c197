import IcebergSpec
import IcebergTable
import ObjectStore

/// What is the same for all data files of a scan.
struct ScanContext: Sendable {
    let metadata: TableMetadata
    let schema: Schema
    /// What the batches have.
    let fields: [NestedField]
    let names: NameMapping?
    let unidentified: UnidentifiedColumns
    let decodedBytesMax: Int
    let store: any ObjectStore
    let deletes: DeleteLoader

    init(_ scan: TableScan, _ plan: ScanPlan) throws(DataError) {
        let (metadata, store) = (scan.metadata, scan.loader.store)
        unidentified = scan.unidentifiedColumns
        decodedBytesMax = scan.decodedBytesMax
        self.metadata = metadata
        schema = plan.schema
        self.store = store
        do throws(IcebergError) {
            // A plan without files has not looked at the predicate.
            _ = try scan.predicate?.bound(to: plan.schema)
        } catch {
            throw DataError(error).within("predicate")
        }
        fields = try Self.fields(scan.columns, schema, metadata)
        names = try Self.names(metadata)
        deletes = DeleteLoader(metadata: metadata, schema: schema, names: names, store: store)
    }

    /// The projected fields: all of the schema, or those named, of structs only what is named in them.
    private static func fields(
        _ columns: [String]?, _ schema: Schema, _ metadata: TableMetadata
    ) throws(DataError) -> [NestedField] {
        guard let columns else { return schema.fields }
        var fields: [NestedField] = []
        for name in columns {
            if let field = schema.field(named: name), let path = schema.path(to: field.id) {
                fields.merge(path)
            } else if let column = MetadataColumn(named: name) {
                fields.merge(column.field(in: metadata))
            } else {
                throw DataError(.invalid, at: "projection", "the table has no column \"\(name.prefix(200))\"")
            }
        }
        return fields
    }

    private static func names(_ metadata: TableMetadata) throws(DataError) -> NameMapping? {
        guard let text = metadata.properties[NameMapping.property] else { return nil }
        do throws(IcebergError) {
            return try NameMapping(text: text)
        } catch {
            throw DataError(error).within("table property \(NameMapping.property)")
        }
    }
}
