import IcebergSpec
import ParquetFormat

/// Divides rows by a partition spec (specification: "Partition Specs").
struct PartitionRouter: Sendable {
    struct Part {
        let partition: [Datum?]
        let rows: RowGroup
    }

    let spec: PartitionSpec
    let schema: Schema
    let parquetSchema: ParquetSchema

    /// The rows of each partition, in the order in which their first rows come; the rows of one keep their order.
    ///
    /// - Throws: `.unsupported` for a transform that is not known, or of several columns.
    func route(_ rows: RowGroup) throws(DataError) -> [Part] {
        guard rows.rowCount > 0 else { return [] }
        guard !spec.isUnpartitioned else {
            return [Part(partition: [Datum?](repeating: nil, count: spec.fields.count), rows: rows)]
        }
        let datums = ColumnDatums(rows, parquetSchema, schema)
        var columns: [[Datum?]] = []
        for field in spec.fields {
            guard field.sourceIDs.count == 1 || field.transform == .void else {
                throw DataError(
                    .unsupported, at: "partition field \(field.name)", "transforms of several columns are not known")
            }
            columns.append(try datums.transformed(field.transform, of: field.sourceID))
        }
        var order: [[Datum?]] = []
        var members: [[Datum?]: [UInt32]] = [:]
        for row in 0..<rows.rowCount {
            let partition = columns.map { $0[row] }
            if members[partition] == nil { order.append(partition) }
            members[partition, default: []].append(UInt32(row))
        }
        return order.map { partition in
            let chosen = members[partition] ?? []
            return Part(
                partition: partition, rows: chosen.count == rows.rowCount ? rows : rows.gather(rows: chosen))
        }
    }
}
