import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat

/// A table as the schema's `Table`.
enum TableViewModel {
    static func json(_ identifier: TableIdentifier, _ table: LoadedTable) -> JSONValue {
        let metadata = table.metadata
        let current = metadata.currentSnapshot
        return [
            "name": .string(identifier.name), "namespace": .string(identifier.namespace.description),
            "location": .string(metadata.location), "formatVersion": JSONValue(metadata.formatVersion),
            "currentSnapshotId": current.map { .string(String($0.snapshotID)) } ?? .null,
            "lastUpdated": time(metadata.lastUpdatedMilliseconds),
            "recordCount": count("total-records", current), "sizeInBytes": count("total-files-size", current),
            "fileCount": count("total-data-files", current),
            "columns": .array(metadata.currentSchema.fields.map(column)),
            "partitioning": .array(partitioning(metadata)), "snapshots": .array(metadata.snapshots.map(snapshot)),
            "properties": JSONValue(metadata.properties),
        ]
    }

    private static func time(_ milliseconds: Int64) -> JSONValue {
        .string(Timestamp(milliseconds: milliseconds).rfc3339())
    }

    /// A total of the snapshot's summary. A table without a snapshot has none of anything.
    private static func count(_ key: String, _ snapshot: Snapshot?) -> JSONValue {
        guard let snapshot else { return .integer(0) }
        return snapshot.summary[key].flatMap(Int64.init).map { .integer($0) } ?? .null
    }

    private static func column(_ field: NestedField) -> JSONValue {
        [
            "id": JSONValue(field.id), "name": .string(field.name), "type": .string(TypeText.text(field.type)),
            "required": .bool(field.required), "doc": field.doc.map { .string($0) } ?? .null,
        ]
    }

    private static func partitioning(_ metadata: TableMetadata) -> [JSONValue] {
        metadata.defaultSpec.fields.map { field in
            let name = metadata.currentSchema.fullName(id: field.sourceID) ?? "\(field.sourceID)"
            let transform = field.transform.description
            return .string(transform == "identity" ? name : "\(transform)(\(name))")
        }
    }

    private static func snapshot(_ snapshot: Snapshot) -> JSONValue {
        [
            "id": .string(String(snapshot.snapshotID)),
            "parentId": snapshot.parentSnapshotID.map { .string(String($0)) } ?? .null,
            "timestamp": time(snapshot.timestampMilliseconds),
            "operation": snapshot.operation.map { .string($0) } ?? .null,
            "recordCount": count("total-records", snapshot), "addedRecords": count("added-records", snapshot),
            "deletedRecords": count("deleted-records", snapshot), "sizeInBytes": count("total-files-size", snapshot),
            "summary": JSONValue(snapshot.summary),
        ]
    }
}

/// The type as Iceberg's metadata writes it, nested ones in words.
enum TypeText {
    static func text(_ type: IcebergType) -> String {
        switch type {
        case .list(let list): "list<\(text(list.element))>"
        case .map(let map): "map<\(text(map.key)), \(text(map.value))>"
        case .structure(let fields):
            "struct<" + fields.map { "\($0.name): \(text($0.type))" }.joined(separator: ", ") + ">"
        default: type.description
        }
    }
}

/// A plan as the schema's `QueryPlan`.
enum PlanView {
    static func json(_ explanation: QueryExplanation) -> JSONValue {
        var plan = sums(explanation.tables.map(\.plan))
        plan["tables"] = .array(explanation.tables.map(table))
        plan["duckdb"] = .string(explanation.engine)
        return .object(plan)
    }

    private static func table(_ table: PlannedTable) -> JSONValue {
        var object = sums([table.plan])
        object["name"] = .string(table.identifier.description)
        object["snapshotId"] = .string(table.snapshotID)
        object["deleteFiles"] = JSONValue(Set(table.plan.files.flatMap(\.deletes).map(\.path)).count)
        let counts = table.plan.counts
        let isPruned = counts.filesPrunedByPartition + counts.filesPrunedByBounds > 0
        let columns = isPruned ? Set(table.conditions.map(\.column)).sorted() : []
        object["prunedBy"] = .array(columns.map { .string($0) })
        return .object(object)
    }

    private static func sums(_ plans: [ScanPlan]) -> JSONObject {
        func sum(_ value: (ScanPlan.Counts) -> Int64) -> JSONValue {
            .integer(plans.reduce(0) { $0 + value($1.counts) })
        }
        var object = JSONObject()
        object["filesTotal"] = sum(\.filesTotal)
        object["filesScanned"] = JSONValue(plans.reduce(0) { $0 + $1.files.count })
        object["filesPrunedByPartition"] = sum(\.filesPrunedByPartition)
        object["filesPrunedByColumnBounds"] = sum(\.filesPrunedByBounds)
        object["bytesScanned"] = sum(\.bytes)
        object["recordsScanned"] = sum(\.records)
        object["manifestsTotal"] = sum { Int64($0.manifestsTotal) }
        object["manifestsRead"] = sum { Int64($0.manifestsRead) }
        return object
    }
}

/// The counters as the schema's `Metrics` and as `/cache/stats`.
enum MetricsView {
    static func json(_ context: QueryContext) async -> JSONValue {
        let service = context.service
        let values = service.statistics.values
        let caches = await caches(context)
        func quantile(_ share: Double) -> JSONValue { values.latency(quantile: share).map { .double($0) } ?? .null }
        let uptime = Double(service.monotonicClock.nanoseconds() - context.startedAt) / 1e9
        return [
            "uptimeSeconds": .double(uptime), "queries": JSONValue(values.queries),
            "failures": JSONValue(values.failures), "timeouts": JSONValue(values.timeouts),
            "active": JSONValue(values.active), "rowsReturned": JSONValue(values.rows),
            "filesRead": JSONValue(values.filesRead), "filesPruned": JSONValue(values.filesPruned),
            "bytesRead": .integer(values.bytesRead), "workers": JSONValue(service.pool.size),
            "latencyMs": ["p50": quantile(0.5), "p95": quantile(0.95), "p99": quantile(0.99)],
            "manifestCache": caches["manifests"] ?? .null, "fileCache": caches["files"] ?? .null,
        ]
    }

    static func caches(_ context: QueryContext) async -> JSONObject {
        let manifests = context.service.planner.scanPlanner.loader.cache.statistics
        let files = await context.service.planner.cache.statistics
        var object = JSONObject()
        object["manifests"] = [
            "entries": JSONValue(manifests.count), "bytes": JSONValue(manifests.estimatedBytes),
            "bytesMax": JSONValue(manifests.bytesMax), "hits": JSONValue(manifests.hits),
            "misses": JSONValue(manifests.misses),
        ]
        object["files"] = [
            "entries": JSONValue(files.entries), "bytes": .integer(files.bytes),
            "bytesMax": JSONValue(context.cacheBytesMax), "hits": JSONValue(files.hits),
            "misses": JSONValue(files.misses),
        ]
        return object
    }
}
