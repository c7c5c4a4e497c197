import Clocks
import JSONFormat
import ObjectStore
import Telemetry

/// The jobs of the past, one small object each below `compaction/history/` in the catalog bucket.
///
/// Losing an entry loses a line of history and nothing else, so failures are logged and do not stop the work.
struct JobHistory: Sendable {
    static let prefix = "compaction/history/"

    let store: any ObjectStore
    let bucket: BucketName
    let logger: Logger

    func save(_ job: MaintenanceJob, now: Timestamp) async {
        do throws(ObjectStoreError) {
            let location = ObjectLocation(bucket: bucket, key: try ObjectKey("\(Self.prefix)\(job.id).json"))
            _ = try await store.put(
                location, job.json(now: now).serialized(), condition: .always, contentType: "application/json")
        } catch {
            logger.warn("the job could not be written to the history", ["error": error.message])
        }
    }

    /// The newest jobs, oldest first; older ones are deleted. Names begin with the time, so that key order is that of time.
    func load() async -> [MaintenanceJob] {
        do throws(ObjectStoreError) {
            var keys: [ObjectKey] = []
            var next: String?
            repeat {
                let page = try await store.list(
                    bucket, prefix: Self.prefix, delimiter: nil, startAfter: next, limit: 1000)
                keys += page.objects.map(\.key)
                next = page.next
            } while next != nil
            if keys.count > CompactionLimits.jobsKept {
                try await store.delete(bucket, Array(keys.dropLast(CompactionLimits.jobsKept)))
            }
            var jobs: [MaintenanceJob] = []
            for key in keys.suffix(CompactionLimits.jobsKept) {
                let bytes = try await store.get(ObjectLocation(bucket: bucket, key: key), range: nil).bytes
                if let job = Self.read(bytes) { jobs.append(job) }
            }
            return jobs
        } catch {
            logger.warn("the history could not be read", ["error": error.message])
            return []
        }
    }

    private static func read(_ bytes: [UInt8]) -> MaintenanceJob? {
        do {
            var job = MaintenanceJob(json: try JSONValue.parse(bytes))
            if job?.state == .running { job?.state = .interrupted }
            return job
        } catch {
            return nil
        }
    }
}
