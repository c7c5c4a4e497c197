import ParquetFormat

/// How the columns of one input file become those of the output, found by field id.
struct ColumnMapping {
    private enum Source {
        case leaf(Int)
        /// The column was added to the table after the file was written.
        case missing
    }

    private let target: ParquetSchema
    private let sources: [Source]

    /// - Throws: `.refused` for a file that cannot be carried over without loss; `path` names it.
    init(from file: ParquetSchema, to target: ParquetSchema, path: String) throws(CompactionError) {
        func refuse(_ why: String) -> CompactionError { CompactionError(.refused, "\(path): \(why)") }
        guard file.leaves.allSatisfy({ $0.fieldID != nil }) else {
            throw refuse("the file states no field ids: its columns cannot be told for certain")
        }
        let topLevel = Set(file.fields.compactMap(\.fieldID))
        var sources: [Source] = []
        for (leaf, ancestor) in zip(target.leaves, target.topLevelFields) {
            if let source = leaf.fieldID.flatMap({ file.leaf(fieldID: $0) }) {
                guard Self.canCarry(source, to: leaf) else {
                    throw refuse("the column \(leaf.name) is stored as \(source.physicalType) in another nesting")
                }
                sources.append(.leaf(source.index))
            } else {
                guard ancestor.repetition == .optional else {
                    throw refuse("the required column \(leaf.name) is missing")
                }
                guard let id = ancestor.fieldID, !topLevel.contains(id) else {
                    throw refuse("the field \(leaf.name) was added within a column that the file has")
                }
                sources.append(.missing)
            }
        }
        self.target = target
        self.sources = sources
    }

    private static func canCarry(_ source: SchemaLeaf, to target: SchemaLeaf) -> Bool {
        guard source.maxRepetitionLevel == target.maxRepetitionLevel else { return false }
        // Flat columns may have become optional (or be required again); nested ones must agree in every level.
        guard source.maxDefinitionLevel == target.maxDefinitionLevel || source.path.count == 1 && target.path.count == 1
        else { return false }
        switch (source.physicalType, target.physicalType) {
        case (.int32, .int64), (.float, .double): return source.maxRepetitionLevel == 0
        case let (from, to): return from == to && sameUnit(source.logicalType, target.logicalType)
        }
    }

    /// Times of another unit, and decimals of another scale, are other values with the same bytes.
    private static func sameUnit(_ source: LogicalType?, _ target: LogicalType?) -> Bool {
        switch (source, target) {
        case (.time(let from, _), .time(let to, _)), (.timestamp(let from, _), .timestamp(let to, _)): from == to
        case (.decimal(_, let from), .decimal(_, let to)): from == to
        case (_, .time), (_, .timestamp), (_, .decimal): false
        default: true
        }
    }

    /// Reads one row group of the file as one of the output.
    func read(_ reader: ParquetReader, rowGroup: Int, path: String) throws(CompactionError) -> RowGroup {
        let rows = Int(reader.metadata.rowGroups[rowGroup].rowCount)
        var columns: [LeafColumn] = []
        columns.reserveCapacity(sources.count)
        do throws(ParquetError) {
            for (leaf, source) in zip(target.leaves, sources) {
                switch source {
                case .leaf(let index):
                    columns.append(
                        try Self.convert(try reader.column(rowGroup: rowGroup, leaf: index), to: leaf))
                case .missing: columns.append(Self.nulls(leaf, rows: rows))
                }
            }
            return try RowGroup(columns: columns, rowCount: rows)
        } catch {
            throw CompactionError(error, in: path)
        }
    }

    private static func nulls(_ leaf: SchemaLeaf, rows: Int) -> LeafColumn {
        LeafColumn(
            leaf, values: ColumnValues(leaf.physicalType), definitionLevels: [UInt8](repeating: 0, count: rows),
            repetitionLevels: leaf.maxRepetitionLevel > 0 ? [UInt8](repeating: 0, count: rows) : [])
    }

    private static func convert(_ column: LeafColumn, to leaf: SchemaLeaf) throws(ParquetError) -> LeafColumn {
        var values = column.values
        switch (values, leaf.physicalType) {
        case (.int32(let numbers), .int64): values = .int64(numbers.map(Int64.init))
        case (.float(let numbers), .double): values = .double(numbers.map(Double.init))
        default: break
        }
        if column.maxDefinitionLevel == leaf.maxDefinitionLevel {
            return LeafColumn(
                leaf, values: values, definitionLevels: column.definitionLevels,
                repetitionLevels: column.repetitionLevels)
        }
        if column.maxDefinitionLevel == 0 { return LeafColumn(leaf, values: values) }
        guard column.nullCount == 0 else {
            throw ParquetError(.corrupt, at: "column \(leaf.name)", "nulls where the table requires values")
        }
        return LeafColumn(leaf, values: values)
    }
}

extension ParquetSchema {
    /// For each leaf, the column of the table that it is part of.
    var topLevelFields: [SchemaNode] {
        fields.flatMap { field in [SchemaNode](repeating: field, count: field.leafCount) }
    }
}

extension SchemaNode {
    fileprivate var leafCount: Int {
        switch content {
        case .primitive: 1
        case .group(let fields): fields.reduce(0) { $0 + $1.leafCount }
        }
    }
}
