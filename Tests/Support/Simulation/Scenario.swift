/// Worlds of one kind. What a kind does not decide the seed draws.
package enum Scenario: String, CaseIterable, Sendable {
    /// Everything at once.
    case road
    /// One machine with many senders, whose power fails again and again.
    case storage
    /// As `storage`, and the log is synced at intervals: a power loss may take what was acknowledged within the last one.
    case interval
    /// Collectors, a compactor and others on one table, over a bad network; disks are good.
    case commits
    /// Collectors that find no table and make it, with all its columns and specs.
    case newTable
    /// A copy of a machine is started beside it, as after a restored backup.
    case copies
    /// A second table that is left out for a while, and comes back.
    case leftOut

    func decide(_ plan: inout SimulationPlan, _ random: SimulatedRandom) {
        switch self {
        case .road: break
        case .interval:
            Scenario.storage.decide(&plan, random)
            plan.syncIntervalMilliseconds = random.pick([5, 20, 60])
        case .storage:
            plan.collectors = 1
            plan.clientsPerCollector = 4
            plan.requestsPerClient = random.within(2...5)
            plan.eventsPerRequest = 1
            plan.deaths = random.within(2...6)
            plan.stepsOfLife = random.pick([20, 40, 80])
            plan.powerLossPerThousand = 1000
            plan.network = SimulatedNetwork.Faults()
            plan.network.loseReply = random.pick([0, 100])
            plan.appends = 0
            plan.compactions = 0
            plan.expirations = 0
            plan.propertyChanges = 0
            plan.hasSideTable = false
        case .commits:
            plan.collectors = random.within(2...3)
            plan.disk = SimulatedDisk.Faults()
            plan.powerLossPerThousand = 0
            plan.requestsPerClient = random.within(1...3)
        case .newTable:
            plan.makesTable = true
            plan.collectors = random.within(1...3)
            plan.requestsPerClient = random.within(1...2)
            plan.hasSideTable = false
        case .copies:
            plan.copiesMachine = true
            plan.cutsCopyOff = random.chance(400)
            if plan.cutsCopyOff { plan.deaths = max(plan.deaths, 1) }
            plan.replacesMachine = false
            plan.collectors = 1
            plan.requestsPerClient = random.within(2...5)
            plan.hasSideTable = false
        case .leftOut:
            plan.hasSideTable = true
            plan.leavesSideTableOut = true
            plan.replacesMachine = false
            plan.collectors = 1
            plan.clientsPerCollector = 2
            plan.requestsPerClient = random.within(3...8)
            plan.deaths = random.within(2...5)
        }
    }
}
