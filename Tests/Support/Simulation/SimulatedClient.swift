import Synchronization

/// Sends events to one machine, each request again and again until it is told that they are kept.
struct SimulatedClient: Sendable {
    let name: String
    let machine: SimulatedMachine
    let world: SimulatedWorld

    func run() async {
        let process = SimulatedProcess(name, world.trace)
        for request in 0..<world.plan.requestsPerClient {
            let ids = ids(of: request)
            world.ledger.withLock { $0.sent.formUnion(ids) }
            while await !send(ids, process) {
                guard !machine.hasHalted else { return }
                await world.sleep(milliseconds: world.fates.within(1...20))
            }
            world.trace.note("\(name) knows that \(ids.joined(separator: " ")) are kept")
            world.ledger.withLock { $0.acknowledged.formUnion(ids) }
            await world.sleep(milliseconds: world.fates.below(40))
            // As one does who has forgotten that he was answered.
            if world.fates.chance(world.plan.repetitions) {
                _ = await send(self.ids(of: world.fates.below(request + 1)), process)
            }
        }
    }

    private func ids(of request: Int) -> [String] {
        (0..<world.plan.eventsPerRequest).map { "\(name).\(request).\($0)" }
    }

    private func send(_ ids: [String], _ process: SimulatedProcess) async -> Bool {
        let answer = await world.network.call(from: process, "sends \(ids.joined(separator: " "))") { [machine] in
            guard let collector = machine.collector else { return false }
            return await collector.take(ids)
        }
        guard case .answered(true) = answer else { return false }
        return true
    }
}
