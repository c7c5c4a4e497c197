import IcebergSpec
import ParquetFormat

/// The values of one field for `count` rows (or list elements, map entries), with a slot for every one of them, null or
/// not: value `i` belongs to row `i`.
///
/// Slots of nulls hold zero, or no bytes. Where a struct is null, so are its fields.
public struct ColumnVector: Sendable {
    /// Id, name and type. The type says what the values mean: `.int` values are ints or dates.
    public let field: NestedField
    public let count: Int
    /// Whether each slot has a value; nil when all do.
    public let validity: [Bool]?
    public let values: VectorValues

    /// - Throws: `.invalid` when buffers are of different lengths, of another kind than the field's type, or offsets do
    ///   not partition what they point into.
    public init(
        field: NestedField, count: Int, validity: [Bool]? = nil, values: VectorValues
    ) throws(DataError) {
        func refuse(_ why: String) -> DataError { DataError(.invalid, at: "column \(field.name)", why) }
        guard validity.map({ $0.count == count }) ?? true else { throw refuse("validity of another length") }
        guard values.fits(field.type) else { throw refuse("its values are not of type \(field.type)") }
        guard values.slotCount.map({ $0 == count }) ?? true else {
            throw refuse("\(values.slotCount ?? 0) values for \(count) rows")
        }
        if let why = values.inconsistency { throw refuse(why) }
        self.init(unchecked: field, count: count, validity: validity, values: values)
    }

    /// For assembly, which made the buffers itself.
    init(unchecked field: NestedField, count: Int, validity: [Bool]?, values: VectorValues) {
        self.field = field
        self.count = count
        self.validity = validity
        self.values = values
    }

    @inlinable
    public func isNull(at row: Int) -> Bool { validity.map { !$0[row] } ?? false }

    public var nullCount: Int {
        guard let validity else { return 0 }
        return validity.reduce(0) { $0 + ($1 ? 0 : 1) }
    }

    /// Bytes held in memory.
    public var byteCount: Int { (validity?.count ?? 0) + values.byteCount }

    /// The columns directly within: of a struct, the element of a list, key and value of a map.
    public var children: [ColumnVector] {
        switch values {
        case .structure(let fields): fields
        case .list(_, let element): [element]
        case .map(_, let key, let value): [key, value]
        default: []
        }
    }

    /// The same values as another field, which must be of the same type: for renaming.
    func renamed(_ field: NestedField) -> ColumnVector {
        ColumnVector(unchecked: field, count: count, validity: validity, values: values)
    }
}

/// The buffers behind a `ColumnVector`, one slot per row.
public enum VectorValues: Sendable {
    case boolean([Bool])
    /// int and date
    case int([Int32])
    /// long, time and all timestamps, in their own units
    case long([Int64])
    case float([Float])
    case double([Double])
    /// Unscaled.
    case decimal([Int128])
    /// string, binary, geometry and geography
    case bytes(ByteArrayColumn)
    /// fixed and uuid
    case fixed(FixedLengthByteArrayColumn)
    /// variant: its metadata and its value, as the Parquet variant encoding has them
    case variant(metadata: ByteArrayColumn, value: ByteArrayColumn)
    /// unknown: there is only null
    case none
    /// One vector per field, each as long as this one.
    case structure([ColumnVector])
    /// The elements of row `i` are `offsets[i] ..< offsets[i + 1]`; none for a null.
    indirect case list(offsets: [UInt32], element: ColumnVector)
    indirect case map(offsets: [UInt32], key: ColumnVector, value: ColumnVector)
}

extension VectorValues {
    /// How many slots there are; nil where the buffers do not say (a struct without fields, no values at all).
    var slotCount: Int? {
        switch self {
        case .boolean(let values): values.count
        case .int(let values): values.count
        case .long(let values): values.count
        case .float(let values): values.count
        case .double(let values): values.count
        case .decimal(let values): values.count
        case .bytes(let column): column.count
        case .fixed(let column): column.count
        case .variant(let metadata, _): metadata.count
        case .none: nil
        case .structure(let fields): fields.first?.count
        case .list(let offsets, _), .map(let offsets, _, _): offsets.count - 1
        }
    }

    var byteCount: Int {
        switch self {
        case .boolean(let values): values.count
        case .int(let values): values.count * 4
        case .long(let values): values.count * 8
        case .float(let values): values.count * 4
        case .double(let values): values.count * 8
        case .decimal(let values): values.count * 16
        case .bytes(let column): column.bytes.count + column.offsets.count * 4
        case .fixed(let column): column.bytes.count
        case .variant(let metadata, let value):
            metadata.bytes.count + value.bytes.count + (metadata.offsets.count + value.offsets.count) * 4
        case .none: 0
        case .structure(let fields): fields.reduce(0) { $0 + $1.byteCount }
        case .list(let offsets, let element): offsets.count * 4 + element.byteCount
        case .map(let offsets, let key, let value): offsets.count * 4 + key.byteCount + value.byteCount
        }
    }

    /// Whether this is how values of the type are kept.
    func fits(_ type: IcebergType) -> Bool {
        switch (self, type) {
        case (.boolean, .boolean), (.int, .int), (.int, .date), (.long, .long), (.long, .time), (.long, .timestamp),
            (.long, .timestamptz), (.long, .timestampNanos), (.long, .timestamptzNanos), (.float, .float),
            (.double, .double), (.decimal, .decimal), (.bytes, .string), (.bytes, .binary), (.bytes, .geometry),
            (.bytes, .geography), (.variant, .variant), (.none, .unknown):
            true
        case (.fixed(let column), .fixed(let length)): column.width == length
        case (.fixed(let column), .uuid): column.width == 16
        case (.structure(let vectors), .structure(let fields)):
            vectors.count == fields.count && zip(vectors, fields).allSatisfy { $0.field.id == $1.id }
        case (.list(_, let element), .list(let type)): element.field.id == type.elementID
        case (.map(_, let key, let value), .map(let type)):
            key.field.id == type.keyID && value.field.id == type.valueID
        default: false
        }
    }

    /// What is wrong within nested buffers; nil when nothing is.
    var inconsistency: String? {
        switch self {
        case .variant(let metadata, let value):
            metadata.count == value.count ? nil : "\(metadata.count) metadata for \(value.count) values"
        case .structure(let fields):
            Set(fields.map(\.count)).count <= 1 ? nil : "its fields have different numbers of rows"
        case .list(let offsets, let element): Self.inconsistency(offsets, element.count)
        case .map(let offsets, let key, let value):
            Self.inconsistency(offsets, key.count)
                ?? (key.count == value.count ? nil : "\(key.count) keys for \(value.count) values")
        default: nil
        }
    }

    private static func inconsistency(_ offsets: [UInt32], _ count: Int) -> String? {
        let isPartition =
            offsets.first == 0 && offsets.last.map(Int.init) == count
            && zip(offsets, offsets.dropFirst()).allSatisfy { $0 <= $1 }
        return isPartition ? nil : "offsets do not partition its \(count) elements"
    }
}
