import Clocks
import Synchronization

/// An object store that fails as networks and services do: by script, or at random from a seed. For tests and simulation.
public final class FaultyObjectStore: ObjectStore {
    public enum Operation: String, Hashable, Sendable, CaseIterable { case get, head, put, list, delete }

    public enum Fault: Hashable, Sendable {
        /// Nothing happens and the caller is told so.
        case refuse
        /// Nothing happens, but the caller cannot know.
        case loseRequest
        /// It happens, and the caller does not hear of it.
        case loseReply
        /// It happens twice, as when a proxy repeats it; the caller gets the second answer.
        case repeatRequest
    }

    /// Which calls meet a fault.
    public struct Rule: Sendable {
        public let operation: Operation?
        public let keyPrefix: String
        /// How many matching calls go through before this rule begins.
        public let skipping: Int
        /// How many matching calls meet the fault; then the rule is spent.
        public let times: Int
        public let fault: Fault

        public init(
            _ fault: Fault, on operation: Operation? = nil, keyPrefix: String = "", skipping: Int = 0, times: Int = 1
        ) {
            self.fault = fault
            self.operation = operation
            self.keyPrefix = keyPrefix
            self.skipping = skipping
            self.times = times
        }
    }

    public struct Plan: Sendable {
        /// The first rule that applies decides.
        public var rules: [Rule]
        /// Chance of a random fault on a call that no rule decides, in 1/1000.
        public var faultsPerThousand: Int
        public var seed: UInt64

        public init(rules: [Rule] = [], faultsPerThousand: Int = 0, seed: UInt64 = 0) {
            self.rules = rules
            self.faultsPerThousand = faultsPerThousand
            self.seed = seed
        }
    }

    /// One call as it came in, and what became of it.
    public struct Call: Hashable, Sendable {
        public let operation: Operation
        /// The key, the prefix of a listing, or the first key of a deletion.
        public let key: String
        public let fault: Fault?
    }

    private struct State {
        var matches: [Int]
        var random: UInt64
        var calls: [Call] = []
    }

    private let store: any ObjectStore
    private let plan: Plan
    private let state: Mutex<State>

    public init(wrapping store: any ObjectStore, plan: Plan) {
        self.store = store
        self.plan = plan
        state = Mutex(State(matches: [Int](repeating: 0, count: plan.rules.count), random: plan.seed))
    }

    /// Every call so far, in order.
    public var calls: [Call] { state.withLock { $0.calls } }

    public func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        try await call(.get, location.key.rawValue) { () async throws(ObjectStoreError) in
            try await store.get(location, range: range)
        }
    }

    public func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        try await call(.head, location.key.rawValue) { () async throws(ObjectStoreError) in
            try await store.head(location)
        }
    }

    public func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        try await call(.put, location.key.rawValue) { () async throws(ObjectStoreError) in
            try await store.put(location, bytes, condition: condition, contentType: contentType)
        }
    }

    public func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        try await call(.list, prefix) { () async throws(ObjectStoreError) in
            try await store.list(
                bucket, prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
        }
    }

    public func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        try await call(.delete, keys.first?.rawValue ?? "") { () async throws(ObjectStoreError) in
            try await store.delete(bucket, keys)
        }
    }

    public func uri(of location: ObjectLocation) -> String { store.uri(of: location) }
    public func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation { try store.location(of: uri) }

    private func call<T>(
        _ operation: Operation, _ key: String, _ body: () async throws(ObjectStoreError) -> T
    ) async throws(ObjectStoreError) -> T {
        let fault = state.withLock { decide(operation, key, &$0) }
        let what = "\(operation.rawValue) of \(key)"
        switch fault {
        case nil: return try await body()
        case .refuse: throw ObjectStoreError(.unavailable, "injected: \(what) was refused")
        case .loseRequest:
            throw ObjectStoreError(.unavailable, "injected: the request to \(what) was lost", effect: .unknown)
        case .loseReply:
            _ = try await body()
            throw ObjectStoreError(.unavailable, "injected: the reply to \(what) was lost", effect: .unknown)
        case .repeatRequest:
            _ = try await body()
            return try await body()
        }
    }

    private func decide(_ operation: Operation, _ key: String, _ state: inout State) -> Fault? {
        let fault = scripted(operation, key, &state) ?? random(&state)
        state.calls.append(Call(operation: operation, key: key, fault: fault))
        return fault
    }

    private func scripted(_ operation: Operation, _ key: String, _ state: inout State) -> Fault? {
        for (index, rule) in plan.rules.enumerated() {
            guard rule.operation.map({ $0 == operation }) ?? true, key.utf8.starts(with: rule.keyPrefix.utf8) else {
                continue
            }
            let match = state.matches[index]
            state.matches[index] += 1
            if match >= rule.skipping && match < rule.skipping + rule.times { return rule.fault }
        }
        return nil
    }

    private func random(_ state: inout State) -> Fault? {
        guard plan.faultsPerThousand > 0 else { return nil }
        guard Int(Self.next(&state.random) % 1000) < plan.faultsPerThousand else { return nil }
        let faults: [Fault] = [.refuse, .loseRequest, .loseReply]
        return faults[Int(Self.next(&state.random) % UInt64(faults.count))]
    }

    /// SplitMix64: the same faults for the same seed and the same order of calls.
    private static func next(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }
}
