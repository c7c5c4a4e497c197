import Clocks
import Synchronization

/// SplitMix64.
package struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }

    mutating func next(below bound: Int) -> Int {
        Int(next().multipliedFullWidth(by: UInt64(max(1, bound))).high)
    }
}

/// Numbers that follow from a seed. Each part of a world has its own, so that what one draws does not depend on how often
/// another draws.
package final class SimulatedRandom: RandomSource {
    private let state: Mutex<SplitMix>

    /// - Parameter part: what the numbers are for.
    package init(seed: UInt64, _ part: Int) {
        var mix = SplitMix(state: seed &* 0x2545_F491_4F6C_DD1D &+ UInt64(part))
        state = Mutex(SplitMix(state: mix.next()))
    }

    package func next() -> UInt64 { state.withLock { $0.next() } }
    package func below(_ bound: Int) -> Int { state.withLock { $0.next(below: bound) } }
    package func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }
    /// True that many times in a thousand.
    package func chance(_ perThousand: Int) -> Bool { below(1000) < perThousand }
    package func pick<T>(_ items: [T]) -> T { items[below(items.count)] }
}
