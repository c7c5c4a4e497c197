import IcebergSpec
import IcebergTable
import ParquetFormat

/// What a manifest says of a data file's columns, against its footer.
struct StatisticsComparison {
    let metadata: TableMetadata
    let file: DataFile
    let actual: DataFile

    init(metadata: TableMetadata, file: DataFile, footer: FileMetadata, size: Int64) {
        self.metadata = metadata
        self.file = file
        actual = DataFile.make(
            from: footer.summary(fileSize: size), path: file.path, schema: metadata.currentSchema,
            spec: metadata.partitionSpec(id: file.specID) ?? .unpartitioned, partition: file.partition,
            metrics: MetricsConfiguration(defaultMode: .full))
    }

    var findings: [FileValidator.Found] {
        var found: [FileValidator.Found] = []
        // Columns within lists and maps are left out: writers count their values differently.
        for id in actual.nullValueCounts.entries.map({ Int($0.0) }) {
            for problem in problems(ofColumn: id) {
                let name = metadata.currentSchema.fullName(id: id) ?? "\(id)"
                found.append((.statistics, file.path, "column \(name): \(problem)"))
            }
        }
        if let problem = partitionProblem { found.append((.partition, file.path, problem)) }
        return found
    }

    private func problems(ofColumn id: Int) -> [String] {
        var found: [String] = []
        for (what, stated, actual) in [
            ("values", file.valueCounts[id], actual.valueCounts[id]),
            ("nulls", file.nullValueCounts[id], actual.nullValueCounts[id]),
        ] {
            if let stated, let actual, stated != actual {
                found.append("the manifest says \(stated) \(what); the file has \(actual)")
            }
        }
        guard let type = metadata.currentSchema.field(id: id)?.type else { return found }
        if order(file.lowerBounds[id], actual.lowerBounds[id], type) == .greater {
            found.append("the manifest's lower bound is above the file's lowest value")
        }
        if order(file.upperBounds[id], actual.upperBounds[id], type) == .less {
            found.append("the manifest's upper bound is below the file's highest value")
        }
        return found
    }

    /// How the stated bound lies to the actual one; nil where it cannot be said.
    private func order(_ stated: [UInt8]?, _ actual: [UInt8]?, _ type: IcebergType) -> Datum.Order? {
        // Longer values may be cut in footers.
        guard let stated, let actual, actual.count < ParquetLimits.statisticsBytesMax else { return nil }
        do throws(IcebergError) {
            let (left, right) = (
                try Datum(singleValueBinary: stated, type: type), try Datum(singleValueBinary: actual, type: type)
            )
            // Writers differ in the sign of zero.
            return left.isZero && right.isZero ? .equal : left.order(to: right)
        } catch {
            return nil
        }
    }

    private var partitionProblem: String? {
        guard let spec = metadata.partitionSpec(id: file.specID), spec.fields.count == file.partition.count else {
            return nil
        }
        for (field, stated) in zip(spec.fields, file.partition) {
            guard case .known(let actual) = PartitionInference(metadata: metadata, file: actual).value(of: field),
                actual != stated
            else { continue }
            return "the manifest says \(field.name)=\(field.transform.humanString(stated)); by its columns it is "
                + field.transform.humanString(actual)
        }
        return nil
    }
}

extension Datum {
    fileprivate var isZero: Bool {
        switch self {
        case .float(let value): value == 0
        case .double(let value): value == 0
        default: false
        }
    }
}
