import Files
import JSONFormat
import Synchronization

/// Warm worker processes, each serving one request at a time. A process that overruns its deadline, dies or answers
/// nonsense is killed and replaced.
package actor WorkerPool {
    private var idle: [WorkerSlot]
    private var waiting: [CheckedContinuation<WorkerSlot, Never>] = []
    private let waitingMax: Int
    package nonisolated let size: Int

    /// - Parameter waitingMax: requests beyond this many in the queue are refused.
    package init(command: WorkerCommand, size: Int, waitingMax: Int = 64) {
        self.size = size
        self.waitingMax = waitingMax
        idle = (0..<size).map { _ in WorkerSlot(command) }
    }

    /// Whether a request would be taken up at once.
    package var hasIdleWorker: Bool { !idle.isEmpty }

    /// Starts the processes, so that the first queries find them running.
    package func warmUp() async throws(QueryError) {
        for worker in idle { try await worker.warmUp() }
    }

    /// Ends the processes. Requests that come later start new ones.
    package func shutDown() async {
        for worker in idle { await worker.shutDown() }
    }

    /// - Throws: `.timeout` when the request was not done in its time, `.overloaded`, or what the worker answered.
    func run(_ request: WorkerRequest) async throws(QueryError) -> WorkerResult {
        let worker = try await take()
        let outcome: Result<WorkerResult, QueryError>
        do throws(QueryError) {
            outcome = .success(try await worker.run(request))
        } catch {
            outcome = .failure(error)
        }
        if worker.isRunning {
            give(worker)
        } else {
            // The caller has its answer; the replacement starts behind its back.
            Task {
                do throws(QueryError) { try await worker.warmUp() } catch {
                    // The next request tries again and reports what it finds.
                }
                give(worker)
            }
        }
        return try outcome.get()
    }

    private func take() async throws(QueryError) -> WorkerSlot {
        if let worker = idle.popLast() { return worker }
        guard waiting.count < waitingMax else {
            throw QueryError(.overloaded, "\(waiting.count) queries are waiting already: try again later.")
        }
        return await withCheckedContinuation { waiting.append($0) }
    }

    private func give(_ worker: WorkerSlot) {
        if waiting.isEmpty { idle.append(worker) } else { waiting.removeFirst().resume(returning: worker) }
    }
}

/// One place of the pool: a thread of its own and the process it started, at most one at a time.
final class WorkerSlot: Sendable {
    /// The one thread that starts the process and speaks with it; the process dies with it.
    private let thread = BlockingPool(threadsMax: 1)
    private let command: WorkerCommand
    private let process = Mutex<WorkerProcess?>(nil)

    init(_ command: WorkerCommand) { self.command = command }

    var isRunning: Bool { process.withLock { $0 != nil } }

    func warmUp() async throws(QueryError) {
        try await thread.run { () throws(QueryError) in _ = try self.running() }
    }

    func shutDown() async { await thread.run { self.kill() } }

    func run(_ request: WorkerRequest) async throws(QueryError) -> WorkerResult {
        let bytes = request.json.serialized()
        guard bytes.count <= WorkerRequest.bytesMax else {
            throw QueryError(.unsupported, "The query names too many files for one worker.")
        }
        return try await thread.run { () throws(QueryError) in try self.exchange(request, bytes) }
    }

    private func running() throws(QueryError) -> WorkerProcess {
        if let process = process.withLock({ $0 }) { return process }
        let started = try WorkerProcess.start(command)
        process.withLock { $0 = started }
        return started
    }

    private func kill() {
        let ended = process.withLock { process in
            defer { process = nil }
            return process
        }
        ended?.kill()
    }

    private func exchange(_ request: WorkerRequest, _ bytes: [UInt8]) throws(QueryError) -> WorkerResult {
        let deadline = WorkerChannel.now() + UInt64(request.limits.timeoutMilliseconds) * 1_000_000
        let answer = try answer(bytes, deadline)
        let json: JSONValue
        do throws(JSONError) {
            json = try JSONValue.parse(answer)
        } catch {
            kill()
            throw QueryError(.failed, "The query worker gave an answer that cannot be read.")
        }
        return try WorkerResult(json: json)
    }

    private func answer(_ bytes: [UInt8], _ deadline: UInt64) throws(QueryError) -> [UInt8] {
        // A process may have died while idle; queries change nothing, so asking a fresh one is safe.
        for isLast in [false, true] {
            let channel = try running().channel
            do throws(WorkerChannel.Failure) {
                try channel.send(bytes, deadline: deadline)
            } catch {
                kill()
                if error == .closed && !isLast { continue }
                throw Self.describe(error)
            }
            do throws(WorkerChannel.Failure) {
                return try channel.receive(bytesMax: WorkerResult.bytesMax, deadline: deadline)
            } catch {
                kill()
                throw Self.describe(error)
            }
        }
        throw QueryError(.failed, "No query worker could be reached.")
    }

    private static func describe(_ failure: WorkerChannel.Failure) -> QueryError {
        switch failure {
        case .timedOut:
            QueryError(
                .timeout, "The query was stopped at its deadline (QUERY_TIMEOUT_MS).")
        case .closed: QueryError(.memory, "The query used too much memory or time and was stopped.")
        case .tooLong: QueryError(.failed, "The result is too large.")
        }
    }
}
