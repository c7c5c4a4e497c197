/// The most recently used values, up to a total cost.
struct BoundedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Slot: Sendable {
        var value: Value
        var cost: Int
        var usedAt: UInt64
    }

    private let costMax: Int
    private var slots: [Key: Slot] = [:]
    private var cost = 0
    private var tick: UInt64 = 0

    init(costMax: Int) { self.costMax = costMax }

    mutating func value(_ key: Key) -> Value? {
        guard let slot = slots[key] else { return nil }
        tick += 1
        slots[key]?.usedAt = tick
        return slot.value
    }

    /// Everything, in no order; nothing counts as used.
    var all: [(key: Key, value: Value)] { slots.map { ($0.key, $0.value.value) } }

    mutating func set(_ key: Key, _ value: Value, cost: Int = 1) {
        remove(key)
        guard cost <= costMax else { return }
        tick += 1
        slots[key] = Slot(value: value, cost: cost, usedAt: tick)
        self.cost += cost
        if self.cost > costMax { evict() }
    }

    mutating func remove(_ key: Key) {
        if let old = slots.removeValue(forKey: key) { cost -= old.cost }
    }

    mutating func removeAll() {
        slots = [:]
        cost = 0
    }

    /// Drops the least recently used down to three quarters, so that the search is paid for seldom.
    private mutating func evict() {
        for (key, slot) in slots.sorted(by: { $0.value.usedAt < $1.value.usedAt }) {
            guard cost > costMax / 4 * 3 else { return }
            slots.removeValue(forKey: key)
            cost -= slot.cost
        }
    }
}
