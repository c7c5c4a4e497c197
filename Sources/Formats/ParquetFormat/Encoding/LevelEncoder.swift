/// Which of a column's levels.
enum Level {
    case repetition
    case definition
}

extension LeafColumn {
    func maximum(_ level: Level) -> UInt8 { level == .repetition ? maxRepetitionLevel : maxDefinitionLevel }

    /// Some levels as runs, without a length; nothing where the maximum is 0.
    func encode(_ level: Level, _ range: Range<Int>, into sink: inout ByteSink) {
        let maximum = maximum(level)
        guard maximum > 0 else { return }
        let width = HybridEncoder.bitWidth(maximum: Int(maximum))
        if level == .definition && hasImplicitLevels {
            HybridEncoder.repeated(maximum, range.count, width, &sink)
            return
        }
        let levels = level == .repetition ? repetitionLevels : definitionLevels
        levels.withUnsafeBufferPointer {
            HybridEncoder.encode(UnsafeBufferPointer(rebasing: $0[range]), bitWidth: width, into: &sink)
        }
    }
}
