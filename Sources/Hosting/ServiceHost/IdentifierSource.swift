import Clocks
import Synchronization

/// Random bits for ids of requests and traces: unlike secrets they need not be unguessable, and there are several in every request.
///
/// SplitMix64 over a counter, begun at a random place: no system call, no lock.
package final class IdentifierSource: RandomSource {
    private let counter: Atomic<UInt64>

    package init(seed: UInt64 = SystemRandom().next()) { counter = Atomic(seed) }

    package func next() -> UInt64 {
        var value = counter.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
