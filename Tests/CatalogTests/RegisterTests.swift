import Clocks
import IcebergCatalog
import ObjectStore
import Synchronization
import Testing

@testable import Catalog

@Suite struct RegisterTests {
    let memory = MemoryObjectStore()
    let chain: RegisterChain
    let other: RegisterChain
    let bucket: BucketName

    init() throws {
        bucket = try BucketName("analytics-catalog")
        chain = try RegisterChain.namespace(NamespaceName(["a"]))
        other = try RegisterChain.namespace(NamespaceName(["b"]))
    }

    private func registers(_ store: any ObjectStore) -> RegisterStore {
        RegisterStore(store: store, bucket: bucket, clock: SystemClock())
    }

    private func state(_ value: String) -> RegisterState { .namespace(properties: ["value": value]) }

    private func write(_ registers: RegisterStore, _ chain: RegisterChain, _ value: String) async throws -> Bool {
        let head = try await registers.settledHead(chain)
        guard case .advanced = try await registers.advance(head, to: state(value), operation: "test") else {
            return false
        }
        return true
    }

    @Test(arguments: [1, 2, 3, 7, 8, 9, 33])
    func `a replica that knows nothing finds the newest version`(versions: Int) async throws {
        let writer = registers(memory)
        for version in 1...versions { #expect(try await write(writer, chain, "\(version)")) }
        let head = try await registers(memory).head(chain)
        #expect(head.version == Int64(versions))
        #expect(head.state == state("\(versions)"))
    }

    @Test func `a cached version does not hide what another replica wrote since`() async throws {
        let (first, second) = (registers(memory), registers(memory))
        #expect(try await write(first, chain, "1"))
        #expect(try await second.head(chain).version == 1)
        #expect(try await write(first, chain, "2"))
        #expect(try await write(first, chain, "3"))
        #expect(try await second.head(chain).state == state("3"))
    }

    @Test func `of two writers exactly one makes each version, in every order`() async throws {
        let orders = try await Interleaving.forEvery { scheduler in
            let memory = MemoryObjectStore()
            let store = SteppedStore(store: memory, scheduler: scheduler)
            let wins = Mutex<[String]>([])
            try await scheduler.run(
                ["x", "y"].map { name in
                    {
                        if try await self.write(self.registers(store), self.chain, name) {
                            wins.withLock { $0.append(name) }
                        }
                    }
                })
            let winners = wins.withLock { $0 }
            let head = try await registers(memory).head(chain)
            #expect(head.version == Int64(winners.count))
            #expect(!winners.isEmpty)
            if winners.count == 1 { #expect(head.state == state(winners[0])) }
        }
        #expect(orders > 5)
    }

    @Test func `a transaction changes both registers or none, for any reader at any moment`() async throws {
        let orders = try await Interleaving.forEvery { scheduler in
            let memory = MemoryObjectStore()
            #expect(try await write(registers(memory), chain, "old"))
            #expect(try await write(registers(memory), other, "old"))
            let store = SteppedStore(store: memory, scheduler: scheduler)
            let (chain, other) = (chain, other)
            try await scheduler.run([
                { _ = try await self.transact(self.registers(store), to: "new") },
                {
                    let reader = self.registers(store)
                    // Read in this order, the first old and the second new is possible; the reverse is not.
                    let first = try await reader.head(chain).state
                    let second = try await reader.head(other).state
                    if first == self.state("new") { #expect(second == self.state("new")) }
                },
            ])
            #expect(try await registers(memory).head(chain).state == state("new"))
            #expect(try await registers(memory).head(other).state == state("new"))
        }
        #expect((20..<20_000).contains(orders))
    }

    @Test func `a writer and a transaction never lose each other's change`() async throws {
        let orders = try await Interleaving.forEvery { scheduler in
            let memory = MemoryObjectStore()
            let store = SteppedStore(store: memory, scheduler: scheduler)
            let outcomes = Mutex<(transaction: Bool, write: Bool)>((false, false))
            try await scheduler.run([
                {
                    let done = try await self.transact(self.registers(store), to: "both")
                    outcomes.withLock { $0.transaction = done }
                },
                {
                    let done = try await self.write(self.registers(store), self.other, "mine")
                    outcomes.withLock { $0.write = done }
                },
            ])
            let (transaction, written) = outcomes.withLock { $0 }
            let states = [
                try await registers(memory).head(chain).state, try await registers(memory).head(other).state,
            ]
            #expect(transaction || written, "both gave up")
            if !transaction { #expect(states == [.absent, state("mine")]) }
            if transaction && !written { #expect(states == [state("both"), state("both")]) }
            if transaction && written {
                // One came wholly after the other.
                #expect(states[0] == state("both"))
            }
        }
        #expect((20..<20_000).contains(orders))
    }

    @Test func `a crash at any step of a transaction leaves all registers old or all new`() async throws {
        for step in 0... {
            let memory = MemoryObjectStore()
            #expect(try await write(registers(memory), chain, "old"))
            #expect(try await write(registers(memory), other, "old"))
            let crash = FaultyObjectStore.Rule(.refuse, skipping: step, times: .max - step)
            let store = FaultyObjectStore(wrapping: memory, plan: FaultyObjectStore.Plan(rules: [crash]))
            var isDone = false
            do { isDone = try await transact(registers(store), to: "new") } catch is CatalogError { isDone = false }
            let states = [
                try await registers(memory).head(chain).state, try await registers(memory).head(other).state,
            ]
            #expect(states == [state("old"), state("old")] || states == [state("new"), state("new")])
            if isDone { #expect(states[0] == state("new")) }
            // The next writer is not held up.
            #expect(try await write(registers(memory), other, "next"))
            #expect(try await registers(memory).head(chain).state == states[0])
            if isDone { return }
        }
    }

    @Test func `a lost reply never turns into a wrong answer`() async throws {
        for step in 0..<12 {
            for fault in [FaultyObjectStore.Fault.loseReply, .loseRequest, .repeatRequest] {
                let memory = MemoryObjectStore()
                let rule = FaultyObjectStore.Rule(fault, on: .put, skipping: step)
                let store = FaultyObjectStore(wrapping: memory, plan: FaultyObjectStore.Plan(rules: [rule]))
                var isDone: Bool?
                do { isDone = try await transact(registers(store), to: "new") } catch { isDone = nil }
                let states = [
                    try await registers(memory).head(chain).state, try await registers(memory).head(other).state,
                ]
                switch isDone {
                case true: #expect(states == [state("new"), state("new")])
                case false: #expect(states == [.absent, .absent])
                case nil: #expect(states[0] == states[1])
                }
            }
        }
    }

    private func transact(_ registers: RegisterStore, to value: String) async throws -> Bool {
        let changes = [
            RegisterStore.Change(head: try await registers.settledHead(chain), state: state(value)),
            RegisterStore.Change(head: try await registers.settledHead(other), state: state(value)),
        ]
        return try await registers.transact(UUID.random(), changes, operation: "test", idempotencyKey: nil)
    }

    @Test(arguments: ["..", ".", "a/b", "a.b", "%2E", "ä", "a b", "*"])
    func `a name is one segment of a key and comes back unchanged`(name: String) throws {
        let namespace = try NamespaceName(["x.y", name])
        let segment = try RegisterChain.segment(of: namespace)
        #expect(!segment.contains("/"))
        #expect(RegisterChain.namespace(ofSegment: segment[...]) == namespace)
        let key = try RegisterChain.table(TableIdentifier(namespace, name)).key(1)
        #expect(key.rawValue.split(separator: "/").count == 4)
    }
}
