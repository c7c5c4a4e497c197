/// Sums of numbers that come from files: a table that states absurd ones gets absurd totals, and stops no process.
extension Int64 {
    /// The sum, or the end of the range that it lies beyond.
    package func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    /// The difference, or the end of the range that it lies beyond.
    package func subtractingClamped(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other > 0 ? .min : .max) : difference
    }

    package mutating func addClamped(_ other: Int64) { self = addingClamped(other) }
}
