import Bytes
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat

/// The `ScanTasks` of the REST catalog: files as clients read them from a plan.
struct ScanTasksJSON {
    let answer: ScanPlanning.Answer
    let metadata: TableMetadata

    /// `file-scan-tasks`, `delete-files` and `plan-tasks`. Each delete file is listed once, and referred to by its place.
    func members() throws(CatalogError) -> JSONObject {
        var deletes: [JSONValue] = []
        var places: [DeleteKey: Int] = [:]
        var tasks: [JSONValue] = []
        for file in answer.files {
            var task = JSONObject()
            task["data-file"] = data(file)
            let references = file.deletes.map { delete -> JSONValue in
                let key = DeleteKey(path: delete.path, offset: delete.contentOffset)
                if places[key] == nil {
                    places[key] = deletes.count
                    deletes.append(self.delete(delete))
                }
                return JSONValue(places[key] ?? 0)
            }
            if !references.isEmpty { task["delete-file-references"] = .array(references) }
            // Without one some clients take every row for accepted.
            task["residual-filter"] = try residual(file.residual)
            tasks.append(.object(task))
        }
        var members = JSONObject()
        members["plan-tasks"] = .array(answer.planTasks.map { .string($0) })
        members["file-scan-tasks"] = .array(tasks)
        // Clients refuse delete files without tasks, and expect none where no task refers to any.
        if !deletes.isEmpty { members["delete-files"] = .array(deletes) }
        return members
    }

    /// Several deletion vectors may lie in one file.
    private struct DeleteKey: Hashable {
        let path: String
        let offset: Int64?
    }

    private func residual(_ predicate: BoundPredicate) throws(CatalogError) -> JSONValue {
        do {
            return try predicate.unbound(in: answer.schema).json(answer.grammar)
        } catch {
            throw CatalogError(.internalError, "a residual cannot be written: \(error.message)")
        }
    }

    // MARK: - Files

    private func data(_ planned: ScanPlan.File) -> JSONValue {
        let file = planned.file
        var json = content(file, "data")
        json["first-row-id"] = file.firstRowID.map { JSONValue($0) }
        // Not of the standard, but Java's clients read from it when rows were last updated.
        if file.firstRowID != nil { json["data-sequence-number"] = JSONValue(planned.dataSequenceNumber) }
        guard !answer.statisticsIDs.isEmpty else { return .object(json) }
        json["column-sizes"] = counts(file.columnSizes)
        json["value-counts"] = counts(file.valueCounts)
        json["null-value-counts"] = counts(file.nullValueCounts)
        json["nan-value-counts"] = counts(file.nanValueCounts)
        json["lower-bounds"] = bounds(file.lowerBounds)
        json["upper-bounds"] = bounds(file.upperBounds)
        return .object(json)
    }

    private func delete(_ file: DataFile) -> JSONValue {
        guard file.content == .positionDeletes else {
            var json = content(file, "equality-deletes")
            json["equality-ids"] = .array(file.equalityIDs.map { JSONValue($0) })
            return .object(json)
        }
        var json = content(file, "position-deletes")
        json["content-offset"] = file.contentOffset.map { JSONValue($0) }
        json["content-size-in-bytes"] = file.contentSizeBytes.map { JSONValue($0) }
        json["referenced-data-file"] = file.referencedDataFile.map { .string($0) }
        return .object(json)
    }

    private func content(_ file: DataFile, _ kind: String) -> JSONObject {
        var json = JSONObject()
        json["content"] = .string(kind)
        json["file-path"] = .string(file.path)
        json["file-format"] = .string(file.format.rawValue.lowercased())
        json["spec-id"] = JSONValue(file.specID)
        json["partition"] = .array(file.partition.map { $0?.planJSON ?? .null })
        json["file-size-in-bytes"] = JSONValue(file.fileSizeBytes)
        json["record-count"] = JSONValue(file.recordCount)
        json["key-metadata"] = file.keyMetadata.map { .string(Hexadecimal.encode($0).uppercased()) }
        if !file.splitOffsets.isEmpty {
            json["split-offsets"] = .array(file.splitOffsets.map { JSONValue($0) })
        }
        json["sort-order-id"] = file.sortOrderID.map { JSONValue($0) }
        return json
    }

    private func counts(_ map: FieldMap<Int64>) -> JSONValue? {
        pairs { id in map[id].map { JSONValue($0) } }
    }

    /// Bounds that JSON cannot say are left out, as a bound may always be.
    private func bounds(_ map: FieldMap<[UInt8]>) -> JSONValue? {
        pairs { id in
            guard let bytes = map[id], let type = type(of: id) else { return nil }
            do throws(IcebergError) {
                let value = try Datum(singleValueBinary: bytes, type: type)
                guard value.isFinite else { return nil }
                return value.planJSON
            } catch {
                return nil
            }
        }
    }

    private func pairs(_ value: (Int) -> JSONValue?) -> JSONValue? {
        let found = answer.statisticsIDs.compactMap { id in value(id).map { (JSONValue(id), $0) } }
        return found.isEmpty ? nil : ["keys": .array(found.map(\.0)), "values": .array(found.map(\.1))]
    }

    private func type(of id: Int) -> IcebergType? {
        answer.schema.field(id: id)?.type ?? metadata.schemas.lazy.compactMap { $0.field(id: id)?.type }.first
    }
}

extension Datum {
    /// The `PrimitiveTypeValue`: as in metadata, but with capital hexadecimal digits; numbers that JSON has no form for
    /// as text, as Java's writers do.
    fileprivate var planJSON: JSONValue {
        switch self {
        case .fixed, .binary: json.string.map { .string($0.uppercased()) } ?? json
        case .float(let number) where !number.isFinite: .string(Self.name(Double(number)))
        case .double(let number) where !number.isFinite: .string(Self.name(number))
        default: json
        }
    }

    fileprivate var isFinite: Bool {
        switch self {
        case .float(let number): number.isFinite
        case .double(let number): number.isFinite
        default: true
        }
    }

    private static func name(_ number: Double) -> String {
        number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity"
    }
}
