import IcebergSpec
import ParquetFormat

extension DataFile {
    /// Describes a Parquet file that was just written: sizes, counts and bounds of every column that has a field id.
    ///
    /// What is said of each column is for `metrics` to say: the table's `MetricsConfiguration`. Bounds of strings and
    /// binaries that are cut are cut up at the upper end; those of columns that `spec` partitions by identity are kept
    /// whole. Columns within lists and maps have counts of values only.
    public static func make(
        from summary: ParquetFileSummary, path: String, schema: Schema, spec: PartitionSpec, partition: [Datum?],
        sortOrderID: Int? = nil, metrics: MetricsConfiguration = .standard
    ) -> DataFile {
        var file = DataFile(
            path: path, specID: spec.specID, partition: partition, recordCount: summary.rowCount,
            fileSizeBytes: summary.fileSizeBytes)
        file.splitOffsets = summary.splitOffsets
        file.sortOrderID = sortOrderID
        let whole = Set(spec.fields.filter { $0.transform == .identity }.map(\.sourceID))
        for column in summary.columns {
            guard let id = column.leaf.fieldID.map(Int.init) else { continue }
            file.columnSizes[id] = column.compressedBytes
            let mode = metrics.mode(ofColumn: id)
            guard mode != .none else { continue }
            file.valueCounts[id] = column.valueCount
            guard column.leaf.maxRepetitionLevel == 0, let type = schema.field(id: id)?.type else { continue }
            file.nullValueCounts[id] = column.nullCount
            file.nanValueCounts[id] = column.nanCount
            guard let length = mode.lengthMax else { continue }
            let lengthMax = whole.contains(id) ? Int.max : length
            let bounds = ColumnBounds(type: type, leaf: column.leaf, lengthMax: lengthMax)
            file.lowerBounds[id] = column.min.flatMap(bounds.lower)
            file.upperBounds[id] = column.max.flatMap(bounds.upper)
        }
        return file
    }
}

/// Makes Iceberg's single-value binary of Parquet's minima and maxima. Nil wherever the file stores the column in a way
/// whose bounds do not carry over: no bound is always right.
private struct ColumnBounds {
    let type: IcebergType
    let leaf: SchemaLeaf
    let lengthMax: Int

    func lower(_ bound: ColumnBound) -> [UInt8]? {
        switch type {
        case .string: String(validating: bound.bytes, as: UTF8.self).map { Self.prefix($0, lengthMax) }
        case .binary: Array(bound.bytes.prefix(lengthMax))
        default: bound.isExact ? exact(bound.bytes) : nil
        }
    }

    func upper(_ bound: ColumnBound) -> [UInt8]? {
        switch type {
        case .string: String(validating: bound.bytes, as: UTF8.self).flatMap { Self.raised($0, lengthMax) }
        case .binary: Self.raised(bound.bytes, lengthMax)
        default: bound.isExact ? exact(bound.bytes) : nil
        }
    }

    private func exact(_ bytes: [UInt8]) -> [UInt8]? {
        switch (type, leaf.physicalType) {
        case (.boolean, .boolean), (.int, .int32), (.long, .int64), (.float, .float), (.double, .double),
            (.date, .int32):
            return bytes
        case (.time, .int64), (.timestamp, .int64), (.timestamptz, .int64):
            return hasUnit(.microseconds) ? bytes : nil
        case (.timestampNanos, .int64), (.timestamptzNanos, .int64):
            return hasUnit(.nanoseconds) ? bytes : nil
        case (.uuid, .fixedLengthByteArray), (.fixed, .fixedLengthByteArray): return bytes
        case (.decimal(_, let scale), .int32), (.decimal(_, let scale), .int64):
            return decimal(bytes.reversed(), scale: scale)
        case (.decimal(_, let scale), .fixedLengthByteArray), (.decimal(_, let scale), .byteArray):
            return decimal(bytes, scale: scale)
        default: return nil
        }
    }

    private func hasUnit(_ unit: LogicalType.TimeUnit) -> Bool {
        switch leaf.logicalType {
        case .time(let stored, _), .timestamp(let stored, _): stored == unit
        default: false
        }
    }

    /// From big-endian two's complement of any length to the shortest.
    private func decimal(_ bytes: [UInt8], scale: Int) -> [UInt8]? {
        guard (1...16).contains(bytes.count) else { return nil }
        let sign: Int128 = bytes[0] & 0x80 == 0 ? 0 : -1
        return Datum.decimal(unscaled: bytes.reduce(sign) { $0 << 8 | Int128($1) }, scale: scale).singleValueBinary
    }

    private static func prefix(_ text: String, _ count: Int) -> [UInt8] {
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(count) { scalars.append(scalar) }
        return Array(String(scalars).utf8)
    }

    /// The text if it is short enough, else the lowest shorter text above all that begin as it does; nil when there is none.
    private static func raised(_ text: String, _ count: Int) -> [UInt8]? {
        var kept = Array(text.unicodeScalars.prefix(count))
        guard kept.count == count, text.unicodeScalars.dropFirst(count).first != nil else { return Array(text.utf8) }
        while let last = kept.popLast() {
            // Between the last scalar before the surrogates and the first after them there is none.
            let next = last.value == 0xD7FF ? 0xE000 : last.value + 1
            guard let scalar = Unicode.Scalar(next) else { continue }
            var scalars = String.UnicodeScalarView()
            for keptScalar in kept { scalars.append(keptScalar) }
            scalars.append(scalar)
            return Array(String(scalars).utf8)
        }
        return nil
    }

    private static func raised(_ bytes: [UInt8], _ count: Int) -> [UInt8]? {
        guard bytes.count > count else { return bytes }
        var kept = Array(bytes.prefix(count))
        while let last = kept.popLast() {
            if last < 0xFF { return kept + [last + 1] }
        }
        return nil
    }
}
