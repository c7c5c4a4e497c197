import IcebergSpec
import ParquetFormat

/// Takes columns of rows apart into Parquet's leaf columns, a column at a time: the inverse of `VectorAssembly`.
struct BatchShredder {
    let parquetSchema: ParquetSchema

    /// - Parameter columns: one for each field of the schema that `parquetSchema` was made for, in its order.
    /// - Throws: `.invalid`, naming column and row, when a required value is null.
    func shred(_ columns: [ColumnVector], rowCount: Int) throws(DataError) -> RowGroup {
        var walk = Walk(leaves: parquetSchema.leaves)
        for column in columns {
            try walk.visit(column, column.field.name, Entries(rows: rowCount), repetition: 0)
        }
        do {
            return try RowGroup(columns: walk.columns, rowCount: rowCount)
        } catch {
            throw DataError(error).within("rows")
        }
    }
}

/// The level entries of a field: for each the slot of its value, or that something above it is missing.
private struct Entries {
    static let missing = UInt32.max

    var slots: [UInt32]
    var definitions: [UInt8]
    /// Empty when nothing on the path repeats.
    var repetitions: [UInt8]
    /// Whether entry `i` is slot `i`, none missing: most columns are so.
    var isIdentity: Bool

    init(rows: Int) {
        slots = (0..<UInt32(rows)).map { $0 }
        definitions = [UInt8](repeating: 0, count: rows)
        repetitions = []
        isIdentity = true
    }

    /// The entries of a list's elements: one for each, and one for each list that is empty or missing.
    init(_ outer: Entries, offsets: [UInt32], repetition: UInt8) {
        slots = []
        definitions = []
        repetitions = []
        isIdentity = false
        for (entry, slot) in outer.slots.enumerated() {
            let first = outer.repetitions.isEmpty ? 0 : outer.repetitions[entry]
            let definition = outer.definitions[entry]
            let range = slot == Self.missing ? 0..<0 : offsets[Int(slot)]..<offsets[Int(slot) + 1]
            if range.isEmpty {
                slots.append(Self.missing)
                definitions.append(definition)
                repetitions.append(first)
            }
            for element in range {
                slots.append(element)
                definitions.append(definition + 1)
                repetitions.append(element == range.lowerBound ? first : repetition)
            }
        }
    }
}

private struct Walk {
    private let leaves: [SchemaLeaf]
    private(set) var columns: [LeafColumn] = []

    init(leaves: [SchemaLeaf]) { self.leaves = leaves }

    /// - Parameter repetition: lists and maps around the field.
    mutating func visit(
        _ vector: ColumnVector, _ name: String, _ outer: Entries, repetition: UInt8
    ) throws(DataError) {
        if case .none = vector.values { return }
        var entries = outer
        try descend(into: vector, name, &entries)
        switch vector.values {
        case .none: return
        case .structure(let fields):
            for field in fields {
                try visit(field, "\(name).\(field.field.name)", entries, repetition: repetition)
            }
        case .list(let offsets, let element):
            let inner = Entries(entries, offsets: offsets, repetition: repetition + 1)
            try visit(element, name + ".element", inner, repetition: repetition + 1)
        case .map(let offsets, let key, let value):
            let inner = Entries(entries, offsets: offsets, repetition: repetition + 1)
            try visit(key, name + ".key", inner, repetition: repetition + 1)
            try visit(value, name + ".value", inner, repetition: repetition + 1)
        case .variant(let metadata, let value):
            try append(.bytes(metadata), name + ".metadata", entries)
            try append(.bytes(value), name + ".value", entries)
        default: try append(vector.values, name, entries)
        }
    }

    /// Raises the definition level where the value is there.
    private func descend(into vector: ColumnVector, _ name: String, _ entries: inout Entries) throws(DataError) {
        let raise: UInt8 = vector.field.required ? 0 : 1
        guard let validity = vector.validity else {
            if raise == 0 { return }
            for index in entries.slots.indices where entries.slots[index] != Entries.missing {
                entries.definitions[index] += raise
            }
            return
        }
        for index in entries.slots.indices where entries.slots[index] != Entries.missing {
            if validity[Int(entries.slots[index])] {
                entries.definitions[index] += raise
                continue
            }
            guard raise == 1 else {
                throw DataError(
                    .invalid, at: "row \(row(of: index, entries)), column \(name)", "a required value is missing")
            }
            entries.slots[index] = Entries.missing
            entries.isIdentity = false
        }
    }

    private func row(of entry: Int, _ entries: Entries) -> Int {
        entries.repetitions.isEmpty ? entry : entries.repetitions[...entry].count { $0 == 0 } - 1
    }

    private mutating func append(_ values: VectorValues, _ name: String, _ entries: Entries) throws(DataError) {
        guard columns.count < leaves.count else {
            throw DataError(.invalid, at: "column \(name)", "it is not in the Parquet schema")
        }
        let leaf = leaves[columns.count]
        let isIdentity = entries.isIdentity && values.slotCount == entries.slots.count
        let present = isIdentity ? values : values.gather(entries.slots.filter { $0 != Entries.missing })
        guard let stored = present.stored(as: leaf.physicalType) else {
            throw DataError(.invalid, at: "column \(name)", "its values are not stored as \(leaf.physicalType)")
        }
        let isFlat = leaf.maxRepetitionLevel == 0
        let hasLevels = leaf.maxDefinitionLevel > 0 && !(isFlat && stored.count == entries.slots.count)
        columns.append(
            LeafColumn(
                leaf, values: stored, definitionLevels: hasLevels ? entries.definitions : [],
                repetitionLevels: isFlat ? [] : entries.repetitions))
    }
}

extension VectorValues {
    /// The values in a physical type that `ParquetSchema.make` gives their type; nil for another.
    fileprivate func stored(as type: PhysicalType) -> ColumnValues? {
        switch (self, type) {
        case (.boolean(let values), .boolean): return .boolean(values)
        case (.int(let values), .int32): return .int32(values)
        case (.long(let values), .int64): return .int64(values)
        case (.float(let values), .float): return .float(values)
        case (.double(let values), .double): return .double(values)
        case (.bytes(let column), .byteArray): return .byteArray(column)
        case (.fixed(let column), .fixedLengthByteArray(let width)):
            return column.width == width ? .fixedLengthByteArray(column) : nil
        case (.decimal(let values), .int32): return .int32(values.map { Int32(truncatingIfNeeded: $0) })
        case (.decimal(let values), .int64): return .int64(values.map { Int64(truncatingIfNeeded: $0) })
        case (.decimal(let values), .fixedLengthByteArray(let width)):
            var column = FixedLengthByteArrayColumn(width: width)
            for value in values {
                withUnsafeBytes(of: value.bigEndian) {
                    column.append(UnsafeRawBufferPointer(rebasing: $0.suffix(width)))
                }
            }
            return .fixedLengthByteArray(column)
        default: return nil
        }
    }
}
