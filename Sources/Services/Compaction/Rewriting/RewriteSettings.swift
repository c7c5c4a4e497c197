import IcebergSpec
import IcebergTable
import ParquetFormat

/// How output files are written: from the worker's configuration and the table's properties.
struct RewriteSettings: Sendable {
    let schema: ParquetSchema
    let options: ParquetWriterOptions
    /// The leaf rows are put in order by, ascending; nil leaves them as they come.
    let sortLeaf: Int?
    /// The table's sort order, when it is exactly that one.
    let sortOrderID: Int?
    let memoryBytes: Int
    let targetFileBytes: Int64

    /// - Throws: `.refused` for a table whose files cannot be written here.
    init(_ metadata: TableMetadata, memoryBytes: Int, targetFileBytes: Int64) throws(CompactionError) {
        do {
            schema = try ParquetSchema.make(for: metadata.currentSchema)
        } catch {
            throw CompactionError(error)
        }
        var options: ParquetWriterOptions
        do throws(ParquetError) {
            options = try ParquetWriterOptions(tableProperties: metadata.properties)
        } catch {
            throw CompactionError(.refused, "\(error.place): \(error.message)")
        }
        options.rowGroupRows = 512 << 10
        options.rowGroupBytes = min(options.rowGroupBytes, max(1 << 20, memoryBytes / 8))
        let key = Self.sortKey(metadata, schema)
        sortLeaf = key?.leaf
        sortOrderID = key?.orderID
        self.options = options
        self.memoryBytes = memoryBytes
        self.targetFileBytes = targetFileBytes
    }

    /// The one ascending column of the table's sort order; without an order, the time of the events.
    private static func sortKey(_ metadata: TableMetadata, _ schema: ParquetSchema) -> (leaf: Int, orderID: Int?)? {
        let order = metadata.defaultSortOrder
        if !order.isUnsorted {
            guard order.fields.count == 1, let field = order.fields.first, field.transform == .identity,
                field.direction == .ascending, let leaf = leaf(id: field.sourceID, schema)
            else { return nil }
            return (leaf, order.orderID)
        }
        for name in ["time", "timestamp"] {
            guard let field = metadata.currentSchema.fields.first(where: { $0.name == name }),
                field.type == .timestamptz || field.type == .timestamp, let leaf = leaf(id: field.id, schema)
            else { continue }
            return (leaf, nil)
        }
        return nil
    }

    private static func leaf(id: Int, _ schema: ParquetSchema) -> Int? {
        guard let leaf = Int32(exactly: id).flatMap({ schema.leaf(fieldID: $0) }), leaf.physicalType == .int64,
            leaf.maxDefinitionLevel == 0
        else { return nil }
        return leaf.index
    }
}
