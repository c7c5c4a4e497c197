import IcebergSpec
import ParquetFormat

/// Works out which partition the rows of a file are in, from the bounds of its columns.
struct PartitionInference {
    enum Value: Hashable {
        case known(Datum?)
        /// The rows are in more than one partition: the file was not written for this spec.
        case several
        /// The file does not say enough.
        case unknown
    }

    let metadata: TableMetadata
    /// With bounds that are not cut: as `MetricsMode.full` makes them.
    let file: DataFile

    /// Right for every row: transforms but `bucket` keep the order of values, so that equal results for the lowest and the
    /// highest value hold for all between.
    func value(of field: PartitionField) -> Value {
        let id = field.sourceID
        switch field.transform {
        case .void: return .known(nil)
        case .unknown: return .unknown
        default: break
        }
        guard field.sourceIDs.count == 1,
            let type = ([metadata.currentSchema] + metadata.schemas).lazy.compactMap({ $0.field(id: id)?.type }).first,
            let nulls = file.nullValueCounts[id], let values = file.valueCounts[id]
        else { return .unknown }
        if file.recordCount > 0, nulls == values { return .known(nil) }
        guard nulls == 0 else { return .several }
        guard let low = datum(file.lowerBounds[id], type), let high = datum(file.upperBounds[id], type) else {
            return .unknown
        }
        if low == high { return .known(field.transform.apply(low)) }
        if case .bucket = field.transform { return .unknown }
        let (first, last) = (field.transform.apply(low), field.transform.apply(high))
        return first == last ? .known(first) : .several
    }

    private func datum(_ bytes: [UInt8]?, _ type: IcebergType) -> Datum? {
        // Longer values may be cut in footers.
        guard let bytes, bytes.count < ParquetLimits.statisticsBytesMax else { return nil }
        do throws(IcebergError) { return try Datum(singleValueBinary: bytes, type: type) } catch { return nil }
    }
}
