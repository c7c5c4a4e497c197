import Clocks

/// Waiting times between attempts: exponential, with full jitter, so that many who were refused at once do not come back
/// at once.
package struct Backoff: Hashable, Sendable {
    package var baseMilliseconds: Int
    package var maxMilliseconds: Int

    package init(baseMilliseconds: Int = 100, maxMilliseconds: Int = 60_000) {
        self.baseMilliseconds = baseMilliseconds
        self.maxMilliseconds = maxMilliseconds
    }

    /// Before attempt `attempt` + 1 (`attempt` from 1): uniform in 0…base·2ᵃᵗᵗᵉᵐᵖᵗ⁻¹, at most the maximum.
    package func milliseconds(attempt: Int, _ random: any RandomSource) -> Int {
        let shift = min(max(0, attempt - 1), 30)
        let ceiling = min(maxMilliseconds, baseMilliseconds << shift)
        return Int(random.next(below: UInt64(max(0, ceiling) + 1)))
    }
}
