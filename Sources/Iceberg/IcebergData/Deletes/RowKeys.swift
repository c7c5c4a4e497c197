import IcebergSpec
import ParquetFormat

/// The values that rows have in some columns, as bytes that are equal exactly where the values are: null equals null,
/// NaN equals NaN, and zeros of different signs differ.
struct RowKeys {
    let keys: ByteArrayColumn

    /// - Throws: `.unsupported` for columns that are no scalars, `.tooLarge` beyond `DataLimits.keyBytesMax`.
    init(_ columns: [ColumnVector], count: Int) throws(DataError) {
        var keys = ByteArrayColumn()
        for column in columns where !column.values.isScalar {
            throw DataError(
                .unsupported, at: "column \(column.field.name)", "equality deletes by \(column.field.type) are not read"
            )
        }
        let overhead = count * columns.count * 5
        let size = columns.reduce(overhead) { $0 + $1.byteCount }
        guard size <= DataLimits.keyBytesMax else {
            throw DataError(.tooLarge, at: "equality deletes", "\(size) bytes of values to compare rows by")
        }
        keys.reserveCapacity(count: count, bytes: size)
        for row in 0..<count {
            keys.append { buffer in
                for column in columns { column.appendKey(row, &buffer) }
            }
        }
        self.keys = keys
    }
}

extension VectorValues {
    fileprivate var isScalar: Bool {
        switch self {
        case .variant, .structure, .list, .map: false
        default: true
        }
    }
}

extension ColumnVector {
    fileprivate func appendKey(_ row: Int, _ buffer: inout [UInt8]) {
        guard !isNull(at: row) else {
            buffer.append(0)
            return
        }
        buffer.append(1)
        switch values {
        case .boolean(let values): buffer.append(values[row] ? 1 : 0)
        case .int(let values): buffer.appendBits(UInt64(UInt32(bitPattern: values[row])), 4)
        case .long(let values): buffer.appendBits(UInt64(bitPattern: values[row]), 8)
        case .float(let values):
            let value = values[row]
            buffer.appendBits(UInt64((value.isNaN ? Float.nan : value).bitPattern), 4)
        case .double(let values):
            let value = values[row]
            buffer.appendBits((value.isNaN ? Double.nan : value).bitPattern, 8)
        case .decimal(let values):
            buffer.appendBits(UInt64(truncatingIfNeeded: values[row]), 8)
            buffer.appendBits(UInt64(truncatingIfNeeded: values[row] >> 64), 8)
        case .bytes(let column):
            let value = column[row]
            buffer.appendBits(UInt64(value.count), 4)
            buffer.append(contentsOf: value)
        case .fixed(let column): buffer.append(contentsOf: column[row])
        case .none, .variant, .structure, .list, .map: break
        }
    }
}

extension [UInt8] {
    fileprivate mutating func appendBits(_ bits: UInt64, _ count: Int) {
        for shift in 0..<count { append(UInt8(truncatingIfNeeded: bits >> (shift * 8))) }
    }
}

/// A set of keys, in one buffer and one table of their numbers.
struct KeySet: Sendable {
    private var keys = ByteArrayColumn()
    /// Number of the key plus one, or zero; twice as many slots as keys at least.
    private var slots = [UInt32](repeating: 0, count: 16)

    var count: Int { keys.count }
    var byteCount: Int { keys.bytes.count + keys.count * 4 + slots.count * 4 }

    /// - Throws: `.tooLarge` beyond `DataLimits.keyBytesMax`.
    mutating func insert(_ added: ByteArrayColumn) throws(DataError) {
        guard keys.bytes.count + added.bytes.count <= DataLimits.keyBytesMax else {
            throw DataError(.tooLarge, at: "equality deletes", "more than \(DataLimits.keyBytesMax) bytes of values")
        }
        for index in 0..<added.count {
            added.withBytes(at: index) { key in
                if (keys.count + 1) * 2 > slots.count { grow() }
                let slot = slot(of: key)
                guard slots[slot] == 0 else { return }
                keys.append(key)
                slots[slot] = UInt32(keys.count)
            }
        }
    }

    func contains(_ key: UnsafeRawBufferPointer) -> Bool { slots[slot(of: key)] != 0 }

    /// The slot that holds the key, or where it would have to be.
    private func slot(of key: UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: key)
        let mask = slots.count - 1
        var slot = hasher.finalize() & mask
        while slots[slot] != 0 {
            if keys.withBytes(at: Int(slots[slot]) - 1, { $0.order(to: key) == 0 }) { break }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for index in 0..<keys.count {
            keys.withBytes(at: index) { slots[slot(of: $0)] = UInt32(index + 1) }
        }
    }
}
