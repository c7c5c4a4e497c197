/// What one world is made of and what befalls it: drawn from its seed, so that every seed tries another mixture.
package struct SimulationPlan: Sendable {
    package var collectors = 1
    package var clientsPerCollector = 1
    package var requestsPerClient = 3
    package var eventsPerRequest = 2
    /// How often a client sends an old request again, in thousandths.
    package var repetitions = 0
    /// Deaths of each collector.
    package var deaths = 2
    /// Within this many steps of its life.
    package var stepsOfLife = 100
    package var powerLossPerThousand = 500
    package var network = SimulatedNetwork.Faults()
    package var disk = SimulatedDisk.Faults()
    /// Commits of another writer, compactions, expirations.
    package var appends = 0
    package var compactions = 0
    package var expirations = 0
    package var propertyChanges = 0
    /// The clocks of the machines differ by up to this much.
    package var skewSeconds = 0
    package var segmentBytes = 4096
    /// Between syncs of the log; nil when replies wait for theirs.
    package var syncIntervalMilliseconds: Int?
    package var batchEvents = 1000
    package var batchAgeMilliseconds = 20
    package var manifestsToMerge = 100
    /// The collectors make the table, with all its columns.
    package var makesTable = false
    /// Events of the type t0 go to a second table too.
    package var hasSideTable = false
    /// Lives of the collectors feed it from their start, later, or not at all.
    package var leavesSideTableOut = false
    /// A copy of one machine's disk comes to life beside it.
    package var copiesMachine = false
    /// The copy's first life reaches nothing but its senders.
    package var cutsCopyOff = false
    /// In the end one machine gets a new disk.
    package var replacesMachine = false

    package init() {}

    init(_ scenario: Scenario, _ random: SimulatedRandom) {
        self.init(random)
        scenario.decide(&self, random)
    }

    private init(_ random: SimulatedRandom) {
        collectors = random.pick([1, 1, 1, 2, 2, 3])
        clientsPerCollector = random.pick([1, 1, 2])
        requestsPerClient = random.within(1...5)
        eventsPerRequest = random.within(1...3)
        repetitions = random.pick([0, 200, 500])
        deaths = random.pick([0, 1, 1, 2, 3, 4])
        stepsOfLife = random.pick([30, 80, 150])
        powerLossPerThousand = random.pick([0, 500, 1000])
        func rate(_ choices: [Int]) -> Int { random.pick(choices) }
        network.refuse = rate([0, 0, 30, 150])
        network.loseRequest = rate([0, 0, 30, 150])
        network.loseReply = rate([0, 30, 200])
        network.failAfter = rate([0, 0, 50, 200])
        network.late = rate([0, 30, 200])
        network.duplicate = rate([0, 0, 50, 200])
        disk.noSpace = rate([0, 0, 0, 30, 100])
        disk.failedWrite = rate([0, 0, 0, 10])
        disk.failedSync = rate([0, 0, 0, 20])
        appends = random.pick([0, 0, 2, 4])
        compactions = random.pick([0, 2, 4])
        expirations = random.pick([0, 0, 2, 4])
        propertyChanges = random.pick([0, 0, 3])
        replacesMachine = random.chance(150)
        skewSeconds = random.pick([0, 0, 5, 600])
        segmentBytes = 4096
        batchEvents = random.pick([1, 3, 1000])
        batchAgeMilliseconds = random.pick([5, 20, 60])
        hasSideTable = random.chance(250)
        manifestsToMerge = random.pick([2, 3, 100, 100])
    }
}
