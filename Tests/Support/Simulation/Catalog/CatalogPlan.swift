/// What one world of the catalog is made of and what befalls it: drawn from its seed.
package struct CatalogPlan: Sendable {
    package var replicas = 2
    package var clients = 4
    package var wishesPerClient = 6
    package var tables = 3
    /// Deaths of each replica.
    package var deaths = 1
    /// Within this many steps of its life.
    package var stepsOfLife = 60
    /// Between replicas and the object store.
    package var storeFaults = SimulatedNetwork.Faults()
    /// Between clients and replicas. Nothing there comes late or twice: a client that was refused would not know.
    package var clientFaults = SimulatedNetwork.Faults()
    /// How often a list does not show what was put lately, in thousandths.
    package var staleLists = 0
    /// How many wishes carry an idempotency key, in thousandths.
    package var keyed = 500
    package var skewSeconds = 0
    /// Whether appends that lost a race are put on top of the winner.
    package var rebases = false
    /// How often registers are trimmed, most times after days have passed.
    package var trims = 0
    /// Versions that trimming leaves.
    package var keptVersions: Int64 = 2
    /// How often a writer is stalled before it creates a version, in thousandths.
    package var stalls = 0
    /// How long dropped tables can be brought back. Days that pass are two at a time.
    package var dropRetentionHours = 168
    /// How often replicas look what is to be purged.
    package var purges = 0
    /// How often each wish for tables is drawn: create, drop, rename, set, append, transaction, load, undrop, expire, purge,
    /// register.
    package var weights = [2, 1, 2, 5, 5, 4, 4, 1, 1, 0, 0]
    /// How often each wish for views is drawn: create, replace, drop, rename, load.
    package var viewWeights = [0, 0, 0, 0, 0]

    init(_ random: SimulatedRandom) {
        replicas = random.pick([1, 2, 2, 2, 3])
        clients = random.within(2...6)
        wishesPerClient = random.within(3...9)
        tables = random.within(1...4)
        deaths = random.pick([0, 1, 1, 2, 4])
        stepsOfLife = random.pick([15, 40, 120])
        storeFaults.refuse = random.pick([0, 0, 30, 100])
        storeFaults.loseRequest = random.pick([0, 0, 30, 100])
        storeFaults.loseReply = random.pick([0, 30, 150])
        storeFaults.failAfter = random.pick([0, 0, 50, 150])
        storeFaults.late = random.pick([0, 30, 150])
        storeFaults.duplicate = random.pick([0, 0, 50, 150])
        clientFaults.refuse = random.pick([0, 0, 50])
        clientFaults.loseRequest = random.pick([0, 0, 50])
        clientFaults.loseReply = random.pick([0, 50, 200])
        staleLists = random.pick([0, 0, 200])
        keyed = random.pick([0, 500, 1000])
        skewSeconds = random.pick([0, 0, 5])
        rebases = random.chance(400)
        if random.chance(300) { weights = [1, 0, 0, 3, 6, 0, 2, 0, 1, 0, 0] }
        if random.chance(200) { weights = [3, 2, 5, 2, 0, 6, 5, 0, 0, 0, 0] }
        if random.chance(150) { weights = [1, 4, 2, 3, 2, 1, 3, 5, 0, 0, 0] }
        trims = random.pick([0, 0, 3, 8])
        keptVersions = Int64(random.within(1...3))
        stalls = trims == 0 ? 0 : random.pick([0, 50, 200])
        if trims > 0, random.chance(400) {
            // One table, and many that write to it: a writer that is stalled is overtaken by a few versions at once.
            (replicas, clients, wishesPerClient, tables) = (3, 6, 9, 1)
            weights = [2, 0, 0, 8, 2, 0, 1, 0, 1, 0, 0]
            (trims, keptVersions, stalls) = (12, 1, 150)
        }
        if random.chance(250) { view(random) }
        if random.chance(250) { purge(random) }
    }

    /// Views share the names with tables, or have most of them.
    private mutating func view(_ random: SimulatedRandom) {
        viewWeights = random.pick([[3, 6, 1, 2, 4], [6, 3, 5, 5, 3]])
        if random.chance(500) { weights = [2, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0] }
    }

    /// Tables are dropped and brought back while others are purged.
    private mutating func purge(_ random: SimulatedRandom) {
        weights = random.pick([[2, 1, 2, 1, 4, 1, 2, 3, 1, 4, 2], [3, 1, 4, 0, 3, 0, 3, 5, 0, 6, 3]])
        purges = random.pick([2, 4, 8])
        dropRetentionHours = random.pick([0, 24, 24, 72])
        stalls = random.pick([0, 50, 200])
        if random.chance(500) {
            // One name: whoever brings its table back is stalled, and days later it is purged.
            (replicas, clients, wishesPerClient, tables) = (3, 6, 9, 1)
            (weights, viewWeights) = ([3, 0, 0, 0, 2, 0, 0, 8, 0, 5, 2], [0, 0, 0, 0, 0])
            (purges, dropRetentionHours, stalls) = (8, 24, 400)
        }
    }
}
