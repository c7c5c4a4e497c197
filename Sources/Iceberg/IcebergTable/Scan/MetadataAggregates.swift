import IcebergSpec

/// Answers from counts and bounds alone, where those are exact. Nil: the files have to be read.
extension ScanPlan {
    /// Rows that the scan gives: known when no file has deletes and the predicate accepts every row of every file.
    public var exactRowCount: Int64? {
        var count: Int64 = 0
        for file in files {
            guard file.deletes.isEmpty, isWhole(file) else { return nil }
            let (sum, overflow) = count.addingReportingOverflow(file.file.recordCount)
            guard !overflow else { return nil }
            count = sum
        }
        return count
    }

    /// Rows with a value in a column that is not null.
    public func exactValueCount(ofColumn id: Int) -> Int64? {
        guard isFlat(id), let rows = exactRowCount else { return nil }
        var nulls: Int64 = 0
        for file in files where file.file.recordCount > 0 {
            // Files from before the column existed have no counts of it.
            guard let count = file.file.nullValueCounts[id], count >= 0, count <= file.file.recordCount else {
                return nil
            }
            nulls += count
        }
        return rows - nulls
    }

    /// A minimum or maximum that was found: there is none where no row has a value.
    public enum Extreme: Hashable, Sendable {
        case value(Datum)
        case noValue
    }

    /// The lowest value of a column that is not null. For floating-point columns only where no row is NaN.
    public func exactMinimum(ofColumn id: Int) -> Extreme? { extreme(id, isMaximum: false) }

    /// The highest value of a column that is not null. For floating-point columns only where no row is NaN.
    public func exactMaximum(ofColumn id: Int) -> Extreme? { extreme(id, isMaximum: true) }

    /// Whether the column has one value a row: neither in a list or map, nor itself one.
    private func isFlat(_ id: Int) -> Bool {
        guard schema.field(id: id)?.type.isPrimitive ?? false else { return false }
        var parent = schema.parentID(of: id)
        while let above = parent {
            guard case .structure = schema.field(id: above)?.type else { return false }
            parent = schema.parentID(of: above)
        }
        return true
    }

    private func isWhole(_ file: File) -> Bool {
        file.residual == .alwaysTrue || file.residual.mustMatch { file.file.range(fieldID: $0, type: $1) }
    }

    private func extreme(_ id: Int, isMaximum: Bool) -> Extreme? {
        guard isFlat(id), let type = schema.field(id: id)?.type, exactRowCount != nil else { return nil }
        var best: Datum?
        for file in files.map(\.file) where file.recordCount > 0 {
            guard let nulls = file.nullValueCounts[id] else { return nil }
            if nulls == file.recordCount { continue }
            if type == .float || type == .double { guard file.nanValueCounts[id] == 0 else { return nil } }
            guard let bytes = isMaximum ? file.upperBounds[id] : file.lowerBounds[id],
                let value = Self.exact(bytes, type)
            else { return nil }
            guard let known = best else {
                best = value
                continue
            }
            switch value.order(to: known) {
            case .less: best = isMaximum ? known : value
            case .greater: best = isMaximum ? value : known
            case .equal: continue
            case nil: return nil
            }
        }
        return best.map { .value($0) } ?? .noValue
    }

    /// A bound that is a value of the column for certain: those of strings and binaries may have been cut, and zeros may
    /// have been given a sign.
    private static func exact(_ bytes: [UInt8], _ type: IcebergType) -> Datum? {
        switch type {
        case .boolean, .int, .long, .date, .time, .timestamp, .timestamptz, .timestampNanos, .timestamptzNanos, .uuid,
            .decimal, .float, .double:
            break
        default: return nil
        }
        do {
            let value = try Datum(singleValueBinary: bytes, type: type)
            switch value {
            case .float(let number) where number == 0: return .float(0)
            case .double(let number) where number == 0: return .double(0)
            default: return value
            }
        } catch {
            return nil
        }
    }
}
