/// A condition on the rows of a file, on values as they are stored.
///
/// A null fulfils `isNull` and nothing else. NaN is greater than every number and equal to itself, zeros of both signs
/// are equal. Numbers compare by their sign rule, byte arrays as unsigned bytes, decimals in byte arrays as
/// big-endian two's complement. Leaves inside lists and maps cannot be tested.
public indirect enum ColumnPredicate: Hashable, Sendable {
    /// By the index of a leaf in the schema.
    case test(leaf: Int, ColumnTest)
    /// All of them; every row when there are none.
    case and([ColumnPredicate])
    /// At least one of them; no row when there are none.
    case or([ColumnPredicate])
}

/// What one value is asked.
public enum ColumnTest: Hashable, Sendable {
    case isNull
    case isNotNull
    case isNaN
    case isNotNaN
    case less(ColumnLiteral)
    case lessOrEqual(ColumnLiteral)
    case greater(ColumnLiteral)
    case greaterOrEqual(ColumnLiteral)
    case equal(ColumnLiteral)
    case notEqual(ColumnLiteral)
    case isIn([ColumnLiteral])
    case isNotIn([ColumnLiteral])
    /// On byte arrays that compare bytewise.
    case startsWith([UInt8])
    case doesNotStartWith([UInt8])
}

/// A value that stored values are compared with.
public enum ColumnLiteral: Hashable, Sendable {
    case boolean(Bool)
    /// For int32 and int64, whatever the width: a literal out of the column's range compares as the number it is.
    /// For unsigned 64-bit columns the bit pattern.
    case integer(Int64)
    /// For float and double: a float column's values are widened.
    case floating(Double)
    /// For byte arrays of both kinds, as they are stored.
    case bytes([UInt8])
}
