/// One column of some rows: the present values, and the levels that say where nulls, lists and maps begin.
///
/// `definitionLevels` is empty when the leaf is required on its whole path, and may also be left empty for a flat
/// optional leaf (`maxRepetitionLevel` 0) when every value is present. `repetitionLevels` is empty when nothing on the
/// path repeats. Otherwise both have one entry per level entry, that is per value, null, or empty list.
public struct LeafColumn: Hashable, Sendable {
    public var values: ColumnValues
    public var definitionLevels: [UInt8]
    public var repetitionLevels: [UInt8]
    public let maxDefinitionLevel: UInt8
    public let maxRepetitionLevel: UInt8

    /// An empty column for a leaf.
    public init(_ leaf: SchemaLeaf) {
        self.init(leaf, values: ColumnValues(leaf.physicalType))
    }

    /// A column of ready buffers. The writer checks that counts and levels agree.
    public init(
        _ leaf: SchemaLeaf, values: ColumnValues, definitionLevels: [UInt8] = [], repetitionLevels: [UInt8] = []
    ) {
        self.values = values
        self.definitionLevels = definitionLevels
        self.repetitionLevels = repetitionLevels
        self.maxDefinitionLevel = leaf.maxDefinitionLevel
        self.maxRepetitionLevel = leaf.maxRepetitionLevel
    }

    /// Whether both hold the same rows: levels left out because every value is present equal the same levels stored.
    public static func == (left: LeafColumn, right: LeafColumn) -> Bool {
        guard left.maxDefinitionLevel == right.maxDefinitionLevel,
            left.maxRepetitionLevel == right.maxRepetitionLevel, left.levelCount == right.levelCount,
            left.repetitionLevels == right.repetitionLevels, left.values == right.values
        else { return false }
        return left.hasImplicitLevels || right.hasImplicitLevels || left.definitionLevels == right.definitionLevels
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(values)
        hasher.combine(repetitionLevels)
    }

    /// An empty column like `other`.
    init(like other: LeafColumn) {
        values = ColumnValues(other.values.physicalType)
        definitionLevels = []
        repetitionLevels = []
        maxDefinitionLevel = other.maxDefinitionLevel
        maxRepetitionLevel = other.maxRepetitionLevel
    }

    /// Every value present although the leaf is optional, and no levels stored for it.
    var hasImplicitLevels: Bool { definitionLevels.isEmpty && maxDefinitionLevel > 0 && maxRepetitionLevel == 0 }

    /// Values, nulls and empty lists together: `num_values` of the column chunk.
    public var levelCount: Int { definitionLevels.isEmpty ? values.count : definitionLevels.count }

    public var nullCount: Int { levelCount - values.count }

    /// Cost: constant for flat columns, one pass over the repetition levels for others.
    public var rowCount: Int {
        maxRepetitionLevel == 0 ? levelCount : repetitionLevels.reduce(0) { $0 + ($1 == 0 ? 1 : 0) }
    }

    /// Bytes held in memory, for limits on buffers.
    public var byteCount: Int { values.byteCount + definitionLevels.count + repetitionLevels.count }

    // MARK: - Appending

    /// A null in a flat optional column.
    public mutating func appendNull() {
        precondition(maxDefinitionLevel > 0 && maxRepetitionLevel == 0, "a null needs levels: use appendMissing")
        storeImplicitLevels()
        definitionLevels.append(0)
    }

    /// A level entry without a value: a null, an empty list or map, or a missing ancestor, as `definition` says.
    public mutating func appendMissing(definition: UInt8, repetition: UInt8 = 0) {
        precondition(definition < maxDefinitionLevel, "definition level \(definition) is that of a present value")
        if maxRepetitionLevel > 0 { repetitionLevels.append(repetition) } else { storeImplicitLevels() }
        definitionLevels.append(definition)
    }

    // Each append moves the buffer out of `values`, so that it is uniquely held while it grows, and back.

    /// Appends a present value, copied; in a repeated column `repetition` says which list it continues, 0 for a new row.
    ///
    /// The value must be of the leaf's physical type, and of its width where that is fixed: anything else stops the
    /// program, as it does in all appends of one value. Cost: constant on average.
    public mutating func append(_ value: UnsafeRawBufferPointer, repetition: UInt8 = 0) {
        appendLevels(repetition)
        if case .byteArray(var column) = values {
            values = .boolean([])
            column.append(value)
            values = .byteArray(column)
            return
        }
        guard case .fixedLengthByteArray(var column) = values else { mismatch("bytes") }
        values = .boolean([])
        column.append(value)
        values = .fixedLengthByteArray(column)
    }

    public mutating func append(_ value: [UInt8], repetition: UInt8 = 0) {
        value.withUnsafeBytes { append($0, repetition: repetition) }
    }

    public mutating func append(utf8 value: String, repetition: UInt8 = 0) {
        var value = value
        value.withUTF8 { append(UnsafeRawBufferPointer($0), repetition: repetition) }
    }

    public mutating func append(_ value: Bool, repetition: UInt8 = 0) {
        appendLevels(repetition)
        guard case .boolean(var present) = values else { mismatch("a boolean") }
        values = .boolean([])
        present.append(value)
        values = .boolean(present)
    }

    public mutating func append(_ value: Int32, repetition: UInt8 = 0) {
        appendLevels(repetition)
        guard case .int32(var present) = values else { mismatch("an int32") }
        values = .boolean([])
        present.append(value)
        values = .int32(present)
    }

    public mutating func append(_ value: Int64, repetition: UInt8 = 0) {
        appendLevels(repetition)
        guard case .int64(var present) = values else { mismatch("an int64") }
        values = .boolean([])
        present.append(value)
        values = .int64(present)
    }

    public mutating func append(_ value: Float, repetition: UInt8 = 0) {
        appendLevels(repetition)
        guard case .float(var present) = values else { mismatch("a float") }
        values = .boolean([])
        present.append(value)
        values = .float(present)
    }

    public mutating func append(_ value: Double, repetition: UInt8 = 0) {
        appendLevels(repetition)
        guard case .double(var present) = values else { mismatch("a double") }
        values = .boolean([])
        present.append(value)
        values = .double(present)
    }

    /// Appends all rows of another column of the same leaf.
    public mutating func append(_ other: LeafColumn) {
        precondition(
            other.maxDefinitionLevel == maxDefinitionLevel && other.maxRepetitionLevel == maxRepetitionLevel,
            "columns of different leaves")
        appendLevels(of: other, levels: 0..<other.levelCount)
        values.append(other.values, values: 0..<other.values.count)
    }

    private func mismatch(_ what: String) -> Never {
        preconditionFailure("\(what) appended to a column of \(values.physicalType)")
    }

    private mutating func appendLevels(_ repetition: UInt8) {
        if maxRepetitionLevel > 0 { repetitionLevels.append(repetition) }
        if maxDefinitionLevel > 0, !hasImplicitLevels || maxRepetitionLevel > 0 {
            definitionLevels.append(maxDefinitionLevel)
        }
    }

    mutating func storeImplicitLevels() {
        guard hasImplicitLevels else { return }
        definitionLevels = [UInt8](repeating: maxDefinitionLevel, count: values.count)
    }

    /// Appends another column's levels; to be called before its values are appended.
    mutating func appendLevels(of other: LeafColumn, levels: Range<Int>) {
        guard maxDefinitionLevel > 0 else { return }
        if other.hasImplicitLevels {
            if hasImplicitLevels { return }
            definitionLevels.append(contentsOf: repeatElement(maxDefinitionLevel, count: levels.count))
            return
        }
        if maxRepetitionLevel == 0 { storeImplicitLevels() }
        definitionLevels.append(contentsOf: other.definitionLevels[levels])
        if maxRepetitionLevel > 0 { repetitionLevels.append(contentsOf: other.repetitionLevels[levels]) }
    }
}
