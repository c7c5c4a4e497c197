import Batching
import Bytes
import CatalogAccess
import Clocks
import JSONFormat
import ObjectStore
import ServiceHost
import Telemetry
import WriteAheadLog

/// `/debug/*`: buffers, flushes, the source bucket.
extension CollectorRoutes {
    func addDebug(to router: inout Router) {
        router.get("/debug/status/all", access: .keyOutsideDevelopment) { _ in .json(await statusOfAll()) }
        router.get("/debug/status/{type}", access: .keyOutsideDevelopment) {
            .json(try await status(of: $0.parameter("type")))
        }
        router.post("/debug/flush/all", access: .keyOutsideDevelopment) { _ in .json(try await flush(nil)) }
        router.post("/debug/flush/{type}", access: .keyOutsideDevelopment) {
            .json(try await flush($0.parameter("type")))
        }
        router.get("/debug/list-r2", access: .keyOutsideDevelopment) { .json(try await list($0)) }
    }

    private func json(_ buffer: EventPipeline.BufferStatus) -> JSONObject {
        let hour = Timestamp(microseconds: buffer.partition.hour &* 3_600_000_000).civil
        let pad = { (value: Int) in Timestamp.pad(value, 2) }
        let key =
            "\(buffer.partition.type)/\(Timestamp.pad(hour.year, 4))-\(pad(hour.month))-\(pad(hour.day))"
            + "-\(pad(hour.hour))"
        var json = JSONObject()
        json["partition_key"] = .string(key)
        json["buffered_count"] = JSONValue(buffer.count)
        json["buffered_bytes"] = JSONValue(buffer.bytes)
        json["age_ms"] = JSONValue(buffer.ageMilliseconds)
        json["max_buffer_size"] = JSONValue(service.configuration.batches.openEventsMax)
        json["buffer_threshold"] = JSONValue(service.configuration.batches.partitionEventsMax)
        json["table_location"] = .string(service.configuration.catalog.tableLocation?.rawValue ?? "")
        return json
    }

    private func status(of type: String) async throws -> JSONValue {
        let buffers = service.pipeline.status.buffers.filter { $0.partition.type == type }
        guard let newest = buffers.max(by: { $0.partition.hour < $1.partition.hour }) else {
            throw ServiceError.notFound("no event of the type \"\(type.prefix(200))\" is buffered")
        }
        var json = json(newest)
        if buffers.count > 1 { json["buffers"] = .array(buffers.map { .object(self.json($0)) }) }
        return .object(json)
    }

    private func statusOfAll() async -> JSONValue {
        let status = service.pipeline.status
        let log = service.log.status
        let committed = status.committedThrough.map { Int64(clamping: $0) }
        var json = JSONObject()
        json["buffers"] = .array(status.buffers.map { .object(self.json($0)) })
        json["totals"] = [
            "buffers": JSONValue(status.buffers.count),
            "buffered_count": JSONValue(status.buffers.reduce(0) { $0 + $1.count }),
            "buffered_bytes": JSONValue(status.bufferedBytes), "in_flight_count": JSONValue(status.inFlightEvents),
            "remembered_ids": JSONValue(service.intake.rememberedKeys),
        ]
        json["log"] = [
            "id": .string(service.log.identity.id.description), "bytes": JSONValue(log.bytes),
            "max_bytes": JSONValue(log.bytesMax), "segments": JSONValue(log.segments),
            "first_sequence": JSONValue(log.firstSequence), "last_sequence": JSONValue(log.syncedThrough),
        ]
        json["lag"] = [
            "committed_sequence": committed.map { .integer($0) } ?? .null,
            "uncommitted_records": committed.map { .integer(max(0, Int64(clamping: log.syncedThrough) - $0)) } ?? .null,
            "oldest_age_ms": JSONValue(status.buffers.map(\.ageMilliseconds).max() ?? 0),
        ]
        json["tables"] = .array(([status.events] + status.others).map { Self.json($0, log) })
        json["last_commit"] = [
            "time": status.lastCommit.map { .string($0.description) } ?? .null,
            "snapshot_id": status.lastSnapshotID.map { JSONValue($0) } ?? .null, "commits": JSONValue(status.commits),
            "error": (status.halted ?? status.trouble).map(JSONValue.string) ?? .null,
        ]
        json["table_location"] = .string(service.configuration.catalog.tableLocation?.rawValue ?? "")
        json["paused"] = .bool(service.pause.isPaused)
        return .object(json)
    }

    static func json(_ table: EventPipeline.TableStatus, _ log: WriteAheadLog.Status) -> JSONValue {
        let settled = table.settledThrough.map { Int64(clamping: $0) }
        return [
            "table": .string(table.name),
            "committed_sequence": table.committedThrough.map { JSONValue($0) } ?? .null,
            "uncommitted_records": settled.map { .integer(max(0, Int64(clamping: log.syncedThrough) - $0)) } ?? .null,
            "buffered_bytes": JSONValue(table.bufferedBytes), "in_flight_count": JSONValue(table.inFlightEvents),
            "last_commit_time": table.lastCommit.map { .string($0.description) } ?? .null,
            "trouble": table.trouble.map(JSONValue.string) ?? .null,
            "halted": table.halted.map(JSONValue.string) ?? .null,
        ]
    }

    private func flush(_ type: String?) async throws -> JSONValue {
        metrics.flushes.increment()
        let flushed = try await service.pipeline.flush(type: type, timeoutMilliseconds: 60_000)
        return [
            "flushed": JSONValue(flushed.events), "snapshot_id": flushed.snapshotID.map { JSONValue($0) } ?? .null,
            "files": .array(flushed.files.map(JSONValue.string)),
        ]
    }

    private func list(_ context: RequestContext) async throws -> JSONValue {
        let limit = try context.query("limit", in: 1...1000) ?? 100
        let page = try await service.store.list(
            service.configuration.objectStore.sourceBucket, prefix: context.query("prefix") ?? "", delimiter: nil,
            startAfter: context.query("cursor"), limit: limit)
        return [
            "objects": .array(
                page.objects.map {
                    [
                        "key": .string($0.key.rawValue), "size": JSONValue($0.size), "etag": .string($0.etag),
                        "uploaded": .string($0.lastModified.description),
                    ]
                }),
            "truncated": .bool(page.next != nil), "cursor": page.next.map(JSONValue.string) ?? .null,
        ]
    }
}
