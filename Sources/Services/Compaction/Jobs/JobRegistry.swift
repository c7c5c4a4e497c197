import Clocks
import Synchronization

/// The jobs of this process and the history it found, at most one running job a table.
package final class JobRegistry: Sendable {
    private struct State {
        var jobs: [UUID: MaintenanceJob] = [:]
        /// Oldest first.
        var order: [UUID] = []
        var runningByTable: [String: UUID] = [:]
        var tasks: [UUID: Task<Void, Never>] = [:]
        /// Why jobs of this process failed, with the kind of failure that the record does not keep.
        var failures: [UUID: CompactionError] = [:]
        var isStopped = false
    }

    private let state = Mutex(State())

    package init() {}

    package func restore(_ jobs: [MaintenanceJob]) {
        state.withLock { state in
            for job in jobs where state.jobs[job.id] == nil {
                state.jobs[job.id] = job
                state.order.append(job.id)
            }
            state.order.sort()
        }
    }

    /// - Throws: `.conflict` while another job of the table runs; `.unavailable` once the worker stops.
    func begin(_ job: MaintenanceJob) throws(CompactionError) {
        let busy: CompactionError? = state.withLock { state in
            if state.isStopped { return CompactionError(.unavailable, "the worker is stopping") }
            if let other = state.runningByTable[job.table] {
                return CompactionError(.conflict, "the job \(other) of \(job.table) is still running")
            }
            state.jobs[job.id] = job
            state.order.append(job.id)
            state.runningByTable[job.table] = job.id
            if state.order.count > CompactionLimits.jobsKept {
                let oldest = state.order.removeFirst()
                state.jobs[oldest] = nil
                state.failures[oldest] = nil
            }
            return nil
        }
        if let busy { throw busy }
    }

    func update(_ id: UUID, _ change: (inout MaintenanceJob) -> Void) {
        state.withLock { state in
            guard var job = state.jobs[id] else { return }
            change(&job)
            state.jobs[id] = job
        }
    }

    func end(
        _ id: UUID, failure: CompactionError?, _ change: (inout MaintenanceJob) -> Void
    ) -> MaintenanceJob? {
        state.withLock { state in
            state.failures[id] = failure
            state.tasks[id] = nil
            guard var job = state.jobs[id] else { return nil }
            change(&job)
            state.jobs[id] = job
            if state.runningByTable[job.table] == id { state.runningByTable[job.table] = nil }
            return job
        }
    }

    /// Remembers the task, to be cancelled at the stop.
    func attach(_ task: Task<Void, Never>, to id: UUID) {
        let cancel = state.withLock { state in
            guard state.jobs[id]?.state == .running else { return false }
            state.tasks[id] = task
            return state.isStopped
        }
        if cancel { task.cancel() }
    }

    package func failure(of id: UUID) -> CompactionError? { state.withLock { $0.failures[id] } }

    package func job(_ id: UUID) -> MaintenanceJob? { state.withLock { $0.jobs[id] } }

    /// Newest first.
    package func recent(limit: Int, table: String? = nil) -> [MaintenanceJob] {
        state.withLock { state in
            var found: [MaintenanceJob] = []
            for id in state.order.reversed() where found.count < limit {
                if let job = state.jobs[id], table == nil || job.table == table { found.append(job) }
            }
            return found
        }
    }

    package func running(table: String) -> MaintenanceJob? {
        state.withLock { state in state.runningByTable[table].flatMap { state.jobs[$0] } }
    }

    package var runningCount: Int { state.withLock { $0.runningByTable.count } }

    /// Cancels what runs and waits for it to end: a commit under way is not cut off.
    package func stop() async {
        let tasks = state.withLock { state in
            state.isStopped = true
            return Array(state.tasks.values)
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }
}
