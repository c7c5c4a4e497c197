import Glibc

/// Whether two runs of bytes of one length are the same.
@inline(__always)
func bytesEqual(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ length: Int) -> Bool {
    if length >= 8 {
        guard left.loadUnaligned(as: UInt64.self) == right.loadUnaligned(as: UInt64.self) else { return false }
        if length <= 16 {
            return left.loadUnaligned(fromByteOffset: length &- 8, as: UInt64.self)
                == right.loadUnaligned(fromByteOffset: length &- 8, as: UInt64.self)
        }
        return memcmp(left, right, length) == 0
    }
    if length >= 4 {
        return left.loadUnaligned(as: UInt32.self) == right.loadUnaligned(as: UInt32.self)
            && left.loadUnaligned(fromByteOffset: length &- 4, as: UInt32.self)
                == right.loadUnaligned(fromByteOffset: length &- 4, as: UInt32.self)
    }
    for index in 0..<length
    where left.load(fromByteOffset: index, as: UInt8.self) != right.load(fromByteOffset: index, as: UInt8.self) {
        return false
    }
    return true
}

/// How values of a column compare, by its types (`ColumnOrder` TypeDefinedOrder of parquet.thrift).
enum ValueOrder {
    case signed
    case unsigned
    /// Bytes as unsigned numbers, a prefix before what it begins.
    case lexicographic
    /// Two's complement, big-endian: decimals in byte arrays.
    case signedBigEndian
    /// No order is defined, so no minimum and maximum.
    case undefined

    init(_ leaf: SchemaLeaf) {
        switch leaf.logicalType {
        case .integer(_, isSigned: false):
            self = .unsigned
            return
        case .interval, .float16, .unknown, .variant, .geometry, .geography:
            self = .undefined
            return
        default: break
        }
        switch leaf.physicalType {
        case .boolean, .int32, .int64, .float, .double: self = .signed
        case .int96: self = .undefined
        case .byteArray, .fixedLengthByteArray:
            if case .decimal = leaf.logicalType { self = .signedBigEndian } else { self = .lexicographic }
        }
    }
}

@inline(__always)
func compareLexicographic(
    _ left: UnsafeRawPointer, _ leftLength: Int, _ right: UnsafeRawPointer, _ rightLength: Int
) -> Int {
    let order = memcmp(left, right, min(leftLength, rightLength))
    return order != 0 ? Int(order) : leftLength &- rightLength
}

/// Compares two's complement big-endian numbers of possibly different lengths.
func compareSignedBigEndian(
    _ left: UnsafeRawPointer, _ leftLength: Int, _ right: UnsafeRawPointer, _ rightLength: Int
) -> Int {
    func byte(_ start: UnsafeRawPointer, _ length: Int, _ position: Int, of total: Int) -> UInt8 {
        let negative = length > 0 && start.load(as: UInt8.self) & 0x80 != 0
        let skipped = total - length
        return position < skipped
            ? (negative ? 0xFF : 0) : start.load(fromByteOffset: position - skipped, as: UInt8.self)
    }
    let total = max(leftLength, rightLength)
    for position in 0..<total {
        var (mine, other) = (
            byte(left, leftLength, position, of: total), byte(right, rightLength, position, of: total)
        )
        if position == 0 { (mine, other) = (mine ^ 0x80, other ^ 0x80) }
        if mine != other { return Int(mine) - Int(other) }
    }
    return 0
}
