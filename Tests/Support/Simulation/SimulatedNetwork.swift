import Synchronization

/// What lies between programs: takes time, and loses, delays and repeats.
package final class SimulatedNetwork: Sendable {
    /// How often each fault befalls a request, in thousandths.
    package struct Faults: Sendable {
        /// Nothing happens and the caller is told so.
        package var refuse = 0
        /// Nothing happens, and the caller waits until its time is up.
        package var loseRequest = 0
        /// It happens, and the caller does not hear of it.
        package var loseReply = 0
        /// It happens, and a proxy says that it failed.
        package var failAfter = 0
        /// It happens long after the caller has given up.
        package var late = 0
        /// It happens twice, and the caller gets either answer.
        package var duplicate = 0
        package init() {}
    }

    package enum Answer<Value: Sendable>: Sendable {
        case answered(Value)
        /// It certainly did not happen.
        case refused
        case unknown
    }

    private enum Fate { case delivered, refuse, loseRequest, loseReply, failAfter, late, duplicate }

    package let executor: SimulatedExecutor
    private let random: SimulatedRandom
    private let trace: SimulatedTrace
    private let faults: Mutex<Faults>
    private let isHealed = Mutex(false)
    private let latencyMicroseconds: Int
    private let timeoutMicroseconds: Int

    package init(
        _ executor: SimulatedExecutor, _ random: SimulatedRandom, faults: Faults, latencyMicroseconds: Int = 3000,
        timeoutMicroseconds: Int = 20_000, _ trace: SimulatedTrace
    ) {
        self.executor = executor
        self.random = random
        self.trace = trace
        self.faults = Mutex(faults)
        self.latencyMicroseconds = latencyMicroseconds
        self.timeoutMicroseconds = timeoutMicroseconds
    }

    /// Requests from here on arrive and are answered. Those on their way are still late.
    package func heal() {
        faults.withLock { $0 = Faults() }
        isHealed.withLock { $0 = true }
    }

    private func fate(reads: Bool) -> Fate {
        let faults = faults.withLock { $0 }
        var drawn = random.below(1000)
        let fates: [(Int, Fate)] = [
            (faults.refuse, .refuse), (faults.loseRequest, .loseRequest), (faults.loseReply, .loseReply),
            (faults.failAfter, .failAfter), (faults.late, .late), (faults.duplicate, .duplicate),
        ]
        for (chance, fate) in fates {
            if drawn < chance {
                // A read does nothing: it is answered, or it is not.
                return !reads || fate == .refuse ? fate : .loseRequest
            }
            drawn -= chance
        }
        return .delivered
    }

    private func pass(_ microseconds: Int) async { await executor.sleep(microseconds: Int64(microseconds)) }

    /// A request of `process`. `effect` may run after its death.
    package func call<Value: Sendable>(
        from process: SimulatedProcess, _ what: @autoclosure () -> String, reads: Bool = false,
        _ effect: @escaping @Sendable () async -> Value
    ) async -> Answer<Value> {
        guard process.mayGoOn(what()) else { return .unknown }
        let fate = process.isCutOff && !isHealed.withLock { $0 } ? .loseRequest : fate(reads: reads)
        if fate != .delivered { trace.note("  \(fate): \(what())") }
        let answer = await deliver(fate, effect)
        // Between the answer's arrival and what it leads to.
        guard process.mayGoOn("  answered: \(what())") else { return .unknown }
        return answer
    }

    private func deliver<Value: Sendable>(
        _ fate: Fate, _ effect: @escaping @Sendable () async -> Value
    ) async -> Answer<Value> {
        let latency = random.below(latencyMicroseconds)
        switch fate {
        case .delivered:
            await pass(latency)
            return .answered(await effect())
        case .refuse:
            await pass(latency)
            return .refused
        case .loseRequest:
            await pass(timeoutMicroseconds)
            return .unknown
        case .loseReply:
            await pass(latency)
            _ = await effect()
            await pass(timeoutMicroseconds - latency)
            return .unknown
        case .failAfter:
            await pass(latency)
            _ = await effect()
            return .unknown
        case .late:
            let delay = timeoutMicroseconds / 2 + random.below(timeoutMicroseconds * 6)
            executor.spawn {
                await self.pass(delay)
                self.trace.note("  a late request arrives")
                _ = await effect()
            }
            await pass(timeoutMicroseconds)
            return .unknown
        case .duplicate:
            await pass(latency)
            let first = await effect()
            if random.chance(500) { return .answered(await effect()) }
            let delay = random.below(timeoutMicroseconds * 3)
            executor.spawn {
                await self.pass(delay)
                _ = await effect()
            }
            return .answered(first)
        }
    }
}
