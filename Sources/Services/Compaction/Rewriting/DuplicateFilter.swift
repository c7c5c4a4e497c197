import ParquetFormat

/// Finds rows whose (source, id) an earlier row of the same rewrite has.
///
/// Exact: equal hashes are told apart by comparing the bytes. Memory: 4 to 8 bytes a row.
struct DuplicateFilter {
    let sourceLeaf: Int
    let idLeaf: Int

    /// Nil when the table is not one of events: columns `source` and `id`, both required strings.
    init?(_ schema: ParquetSchema) {
        func required(_ name: String) -> Int? {
            guard let leaf = schema.leaf(path: [name]), leaf.physicalType == .byteArray, leaf.maxDefinitionLevel == 0
            else { return nil }
            return leaf.index
        }
        guard let source = required("source"), let id = required("id") else { return nil }
        sourceLeaf = source
        idLeaf = id
    }

    /// The rows to keep in their order; nil when all are kept.
    func rowsToKeep(_ rows: RowGroup) -> [UInt32]? {
        guard let sources = rows.columns[sourceLeaf].values.byteArrays,
            let ids = rows.columns[idLeaf].values.byteArrays,
            rows.rowCount > 1
        else { return nil }
        var capacity = 16
        while capacity < rows.rowCount * 2 { capacity *= 2 }
        let empty = UInt32.max
        var table = [UInt32](repeating: empty, count: capacity)
        var duplicates: [UInt32] = []
        sources.bytes.withUnsafeBufferPointer { sourceBytes in
            ids.bytes.withUnsafeBufferPointer { idBytes in
                func range(_ column: ByteArrayColumn, _ row: Int) -> Range<Int> {
                    Int(column.offsets[row])..<Int(column.offsets[row + 1])
                }
                func isSame(_ left: Int, _ right: Int) -> Bool {
                    idBytes[range(ids, left)].elementsEqual(idBytes[range(ids, right)])
                        && sourceBytes[range(sources, left)].elementsEqual(sourceBytes[range(sources, right)])
                }
                for row in 0..<rows.rowCount {
                    // Seeded at random in each process: chosen ids cannot be made to collide.
                    var hasher = Hasher()
                    hasher.combine(
                        bytes: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(idBytes)[range(ids, row)]))
                    hasher.combine(0xFF as UInt8)
                    hasher.combine(
                        bytes: UnsafeRawBufferPointer(
                            rebasing: UnsafeRawBufferPointer(sourceBytes)[range(sources, row)]))
                    var slot = hasher.finalize() & (capacity - 1)
                    while true {
                        let other = table[slot]
                        if other == empty {
                            table[slot] = UInt32(row)
                            break
                        }
                        if isSame(Int(other), row) {
                            duplicates.append(UInt32(row))
                            break
                        }
                        slot = (slot + 1) & (capacity - 1)
                    }
                }
            }
        }
        guard !duplicates.isEmpty else { return nil }
        let dropped = Set(duplicates)
        return (0..<UInt32(rows.rowCount)).filter { !dropped.contains($0) }
    }
}
