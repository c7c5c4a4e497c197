/// `SizeStatistics` of parquet.thrift, of a page or a column chunk: how much memory its values take, and its levels.
struct SizeStatistics: Hashable, Sendable {
    /// Of byte arrays: their bytes, without lengths.
    var unencodedByteArrayBytes: Int64?
    /// How often each level occurs. Nil where the counts of values and nulls say the same.
    var repetitionHistogram: [Int64]?
    var definitionHistogram: [Int64]?

    var isEmpty: Bool { unencodedByteArrayBytes == nil && repetitionHistogram == nil && definitionHistogram == nil }

    /// Cost: constant for flat columns, one pass over the levels for nested ones.
    init(_ column: LeafColumn, _ view: ValueView, levels: Range<Int>, values: Range<Int>) {
        if let offsets = view.offsets {
            unencodedByteArrayBytes = Int64(offsets[values.upperBound] - offsets[values.lowerBound])
        }
        if column.maxRepetitionLevel > 0 {
            repetitionHistogram = Self.histogram(column.repetitionLevels, levels, maximum: column.maxRepetitionLevel)
        }
        if column.maxDefinitionLevel > 1 {
            definitionHistogram =
                column.hasImplicitLevels
                ? Array(repeating: 0, count: Int(column.maxDefinitionLevel)) + [Int64(levels.count)]
                : Self.histogram(column.definitionLevels, levels, maximum: column.maxDefinitionLevel)
        }
    }

    mutating func add(_ other: SizeStatistics) {
        func sum(_ left: [Int64]?, _ right: [Int64]?) -> [Int64]? {
            guard let left, let right else { return nil }
            return zip(left, right).map(+)
        }
        unencodedByteArrayBytes = unencodedByteArrayBytes.flatMap { mine in
            other.unencodedByteArrayBytes.map { mine + $0 }
        }
        repetitionHistogram = sum(repetitionHistogram, other.repetitionHistogram)
        definitionHistogram = sum(definitionHistogram, other.definitionHistogram)
    }

    private static func histogram(_ levels: [UInt8], _ range: Range<Int>, maximum: UInt8) -> [Int64] {
        var histogram = [Int64](repeating: 0, count: Int(maximum) + 1)
        levels.withUnsafeBufferPointer { buffer in
            for index in range { histogram[Int(buffer[index])] += 1 }
        }
        return histogram
    }
}
