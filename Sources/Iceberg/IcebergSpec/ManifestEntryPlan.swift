import AvroFormat

/// How to read the entries of one manifest: the writer's fields in their order, each with what is to be done with it.
/// Types are checked once, here.
struct ManifestEntryPlan {
    private enum Field: Int32 {
        case status = 0
        case snapshotID = 1
        case dataFile = 2
        case dataSequenceNumber = 3
        case fileSequenceNumber = 4
        case path = 100
        case format = 101
        case partition = 102
        case recordCount = 103
        case fileSizeBytes = 104
        case columnSizes = 108
        case valueCounts = 109
        case nullValueCounts = 110
        case lowerBounds = 125
        case upperBounds = 128
        case keyMetadata = 131
        case splitOffsets = 132
        case content = 134
        case equalityIDs = 135
        case nanValueCounts = 137
        case sortOrderID = 140
        case firstRowID = 142
        case referencedDataFile = 143
        case contentOffset = 144
        case contentSizeBytes = 145
    }

    /// One field of the writer.
    private struct Step {
        /// Nil: to be skipped.
        let field: Field?
        let type: AvroSchema
        /// The branch that is null; -1 where a value always follows.
        let nullBranch: Int64
        let isAlwaysNull: Bool

        init(_ column: ManifestRecordPlan.Column) throws(AvroError) {
            field = Field(rawValue: column.id)
            type = column.type
            nullBranch = column.nullBranch.map { Int64($0) } ?? -1
            isAlwaysNull = column.nullBranch == nil && column.type == .null
            if let field, !isAlwaysNull, !Self.allows(field, column.type) {
                throw AvroError(.corrupt, "the field \(column.name) has another type than manifests give it")
            }
        }

        private static func allows(_ field: Field, _ type: AvroSchema) -> Bool {
            switch (field, type) {
            case (.dataFile, .record), (.partition, .record): true
            case (.path, .string), (.format, .string), (.referencedDataFile, .string): true
            case (.path, _), (.format, _), (.referencedDataFile, _), (.dataFile, _), (.partition, _): false
            case (.keyMetadata, .bytes), (.keyMetadata, .string), (.keyMetadata, .fixed): true
            case (.columnSizes, .array), (.valueCounts, .array), (.nullValueCounts, .array), (.lowerBounds, .array),
                (.upperBounds, .array), (.nanValueCounts, .array), (.splitOffsets, .array), (.equalityIDs, .array):
                true
            case (.keyMetadata, _), (.columnSizes, _), (.valueCounts, _), (.nullValueCounts, _), (.lowerBounds, _),
                (.upperBounds, _), (.nanValueCounts, _), (.splitOffsets, _), (.equalityIDs, _):
                false
            case (_, .int), (_, .long): true
            default: false
            }
        }

        @inline(__always)
        func isPresent(_ cursor: inout ManifestCursor) throws(AvroError) -> Bool {
            guard nullBranch >= 0 else { return !isAlwaysNull }
            let branch = try cursor.readLong()
            guard branch == 0 || branch == 1 else { throw cursor.corrupt("branch \(branch) of a union of 2") }
            return branch != nullBranch
        }
    }

    /// Where a value of the writer's partition record goes.
    private struct PartitionColumn {
        let step: Step
        /// Index in the spec; nil for a field the spec does not have.
        let target: Int?
        let type: IcebergType?
    }

    private let entry: [Step]
    private let file: [Step]
    private let partition: [PartitionColumn]
    private let partitionCount: Int
    private let maps: [Field: ManifestMapPlan]

    init(_ schema: AvroSchema, spec: PartitionSpec, types: [IcebergType]) throws(AvroError) {
        let entryPlan = try ManifestRecordPlan(schema, idsByName: ManifestSchema.idsByName)
        guard let fileSchema = entryPlan.type(of: 2) else { throw AvroError(.corrupt, "the entries have no data_file") }
        let filePlan = try ManifestRecordPlan(fileSchema, idsByName: ManifestSchema.idsByName)
        entry = try Self.steps(entryPlan)
        file = try Self.steps(filePlan)
        var maps: [Field: ManifestMapPlan] = [:]
        let fields: [Field] = [
            .columnSizes, .valueCounts, .nullValueCounts, .nanValueCounts, .lowerBounds, .upperBounds,
        ]
        for field in fields {
            if let type = filePlan.type(of: field.rawValue), type != .null { maps[field] = try ManifestMapPlan(type) }
        }
        self.maps = maps
        partitionCount = spec.fields.count
        guard let partitionSchema = filePlan.type(of: 102), partitionSchema != .null else {
            partition = []
            return
        }
        var names: [String: Int32] = [:]
        for field in spec.fields {
            names[field.name] = Int32(truncatingIfNeeded: field.fieldID)
            names[ManifestSchema.sanitized(field.name)] = Int32(truncatingIfNeeded: field.fieldID)
        }
        var partition: [PartitionColumn] = []
        for column in try ManifestRecordPlan(partitionSchema, idsByName: names).columns {
            let target = spec.fields.firstIndex { $0.fieldID == Int(column.id) }
            let plain = ManifestRecordPlan.Column(
                id: -1, name: column.name, type: column.type, nullBranch: column.nullBranch)
            partition.append(
                PartitionColumn(
                    step: try Step(plain), target: target,
                    type: target.flatMap { types.indices.contains($0) ? types[$0] : nil }))
        }
        self.partition = partition
    }

    private static func steps(_ plan: ManifestRecordPlan) throws(AvroError) -> [Step] {
        var steps: [Step] = []
        for column in plan.columns { steps.append(try Step(column)) }
        return steps
    }

    func readEntry(
        _ cursor: inout ManifestCursor, _ inheritance: inout ManifestInheritance
    ) throws(AvroError) -> ManifestEntry {
        var result = ManifestEntry(
            status: .existing, snapshotID: nil, file: DataFile(path: "", recordCount: -1, fileSizeBytes: -1))
        var (hasStatus, hasFile) = (false, false)
        for step in entry where try step.isPresent(&cursor) {
            switch step.field {
            case .status:
                guard let status = ManifestEntry.Status(rawValue: try cursor.readInt()) else { break }
                result.status = status
                hasStatus = true
            case .snapshotID: result.snapshotID = try cursor.readLong()
            case .dataSequenceNumber: result.dataSequenceNumber = try cursor.readLong()
            case .fileSequenceNumber: result.fileSequenceNumber = try cursor.readLong()
            case .dataFile:
                try readFile(&cursor, into: &result.file)
                hasFile = true
            default: try skip(step.type, &cursor)
            }
        }
        guard hasStatus, hasFile else { throw cursor.corrupt("an entry has no known status or no data_file") }
        try inheritance.apply(to: &result)
        return result
    }

    private func readFile(_ cursor: inout ManifestCursor, into result: inout DataFile) throws(AvroError) {
        for step in file where try step.isPresent(&cursor) {
            switch step.field {
            case .content: result.content = try readContent(&cursor)
            case .path: result.path = try cursor.readString()
            case .format: result.format = try readFormat(&cursor)
            case .partition: result.partition = try readPartition(&cursor)
            case .recordCount: result.recordCount = try cursor.readLong()
            case .fileSizeBytes: result.fileSizeBytes = try cursor.readLong()
            case .columnSizes: result.columnSizes = try readMap(.columnSizes, &cursor)
            case .valueCounts: result.valueCounts = try readMap(.valueCounts, &cursor)
            case .nullValueCounts: result.nullValueCounts = try readMap(.nullValueCounts, &cursor)
            case .nanValueCounts: result.nanValueCounts = try readMap(.nanValueCounts, &cursor)
            case .lowerBounds: result.lowerBounds = try readMap(.lowerBounds, &cursor)
            case .upperBounds: result.upperBounds = try readMap(.upperBounds, &cursor)
            case .keyMetadata:
                result.keyMetadata = try cursor.withDecoder { decoder throws(AvroError) in
                    try decoder.readBinary(step.type)
                }
            case .splitOffsets: result.splitOffsets = try readIntegers(step.type, &cursor)
            case .equalityIDs:
                result.equalityIDs = try readIntegers(step.type, &cursor).map { Int(truncatingIfNeeded: $0) }
            case .sortOrderID: result.sortOrderID = Int(try cursor.readInt())
            case .firstRowID: result.firstRowID = try cursor.readLong()
            case .referencedDataFile: result.referencedDataFile = try cursor.readString()
            case .contentOffset: result.contentOffset = try cursor.readLong()
            case .contentSizeBytes: result.contentSizeBytes = try cursor.readLong()
            default: try skip(step.type, &cursor)
            }
        }
        guard !result.path.isEmpty, result.recordCount >= 0, result.fileSizeBytes >= 0 else {
            throw cursor.corrupt("a data_file without a path, a record count or a size")
        }
        if result.partition.isEmpty, partitionCount > 0 {
            result.partition = [Datum?](repeating: nil, count: partitionCount)
        }
    }

    private func skip(_ type: AvroSchema, _ cursor: inout ManifestCursor) throws(AvroError) {
        try cursor.withDecoder { decoder throws(AvroError) in try decoder.skip(type) }
    }

    private func readContent(_ cursor: inout ManifestCursor) throws(AvroError) -> DataFile.Content {
        let number = try cursor.readInt()
        guard let content = DataFile.Content(rawValue: number) else {
            throw cursor.corrupt("a file of the unknown content \(number)")
        }
        return content
    }

    private func readFormat(_ cursor: inout ManifestCursor) throws(AvroError) -> DataFile.Format {
        let bytes = try cursor.readBytes()
        if bytes.elementsEqual("PARQUET".utf8) { return .parquet }
        let name = String(decoding: bytes, as: UTF8.self)
        guard let format = DataFile.Format(rawValue: name.uppercased()) else {
            throw cursor.corrupt("a file of the unknown format \(name.prefix(40))")
        }
        return format
    }

    private func readPartition(_ cursor: inout ManifestCursor) throws(AvroError) -> [Datum?] {
        var values = [Datum?](repeating: nil, count: partitionCount)
        for item in partition where try item.step.isPresent(&cursor) {
            guard let target = item.target else {
                try skip(item.step.type, &cursor)
                continue
            }
            switch (item.step.type, item.type) {
            case (.string, .string): values[target] = .string(try cursor.readString())
            case (.int(nil), .int): values[target] = .int(try cursor.readInt())
            default:
                values[target] = try cursor.withDecoder { decoder throws(AvroError) in
                    try decoder.readDatum(item.step.type, as: item.type)
                }
            }
        }
        return values
    }

    private func readIntegers(_ type: AvroSchema, _ cursor: inout ManifestCursor) throws(AvroError) -> [Int64] {
        guard case .array(let array) = type else { throw cursor.corrupt("a list was expected") }
        switch array.element {
        case .int, .long:
            var values: [Int64] = []
            while case let count = try cursor.readItemCount(), count > 0 {
                for _ in 0..<count { values.append(try cursor.readLong()) }
            }
            return values
        default:
            return try cursor.withDecoder { decoder throws(AvroError) in try decoder.readIntegers(type) }
        }
    }

    private func readMap(_ field: Field, _ cursor: inout ManifestCursor) throws(AvroError) -> FieldMap<Int64> {
        guard let plan = maps[field] else { return [:] }
        if plan.isPlain(bytes: false), let map = try cursor.readFieldMap(isBytes: false) { return FieldMap(map) }
        return try cursor.withDecoder { decoder throws(AvroError) in
            try plan.read(&decoder) { (decoder, type) throws(AvroError) in try decoder.readInteger(type) }
        }
    }

    private func readMap(_ field: Field, _ cursor: inout ManifestCursor) throws(AvroError) -> FieldMap<[UInt8]> {
        guard let plan = maps[field] else { return [:] }
        if plan.isPlain(bytes: true), let map = try cursor.readFieldMap(isBytes: true) { return FieldMap(map) }
        return try cursor.withDecoder { decoder throws(AvroError) in
            try plan.read(&decoder) { (decoder, type) throws(AvroError) in try decoder.readBinary(type) }
        }
    }
}
