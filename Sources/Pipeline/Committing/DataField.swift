import CSimdJSON
import IcebergSpec
import ParquetFormat
import Schemas

/// A top-level field of `data` that a column takes.
struct DataField: Hashable, Sendable {
    /// What values it takes; everything else is null. See CSimdJSONFields.h.
    enum Kind: Hashable, Sendable {
        case boolean, int, long, float, double, text, anyText, json, timestamp, date, uuid
        case decimal(precision: Int, scale: Int)
        case textList(elementRequired: Bool)

        fileprivate var code: Int {
            switch self {
            case .boolean: Int(CFIELDS_BOOLEAN)
            case .int: Int(CFIELDS_INT)
            case .long: Int(CFIELDS_LONG)
            case .float: Int(CFIELDS_FLOAT)
            case .double: Int(CFIELDS_DOUBLE)
            case .text: Int(CFIELDS_TEXT)
            case .anyText: Int(CFIELDS_ANY_TEXT)
            case .json: Int(CFIELDS_JSON)
            case .timestamp: Int(CFIELDS_TIMESTAMP)
            case .date: Int(CFIELDS_DATE)
            case .uuid: Int(CFIELDS_UUID)
            case .decimal: Int(CFIELDS_DECIMAL)
            case .textList: Int(CFIELDS_TEXT_LIST)
            }
        }
    }

    /// The member of `data`.
    let name: String
    /// The column.
    let column: String
    let kind: Kind

    /// - Parameter content: what a registered schema says of the field.
    /// - Returns: nil for types that are not filled: structs, other lists, binary, long decimals.
    init?(_ name: String, _ field: NestedField, _ content: TypedColumn.Content?) {
        self.name = name
        column = field.name
        switch field.type {
        case .boolean: kind = .boolean
        case .int: kind = .int
        case .long: kind = .long
        case .float: kind = .float
        case .double: kind = .double
        case .string: kind = content == .text ? .text : content == .json ? .json : .anyText
        case .timestamp, .timestamptz: kind = .timestamp
        case .date: kind = .date
        case .uuid: kind = .uuid
        case .decimal(let precision, let scale) where precision <= 18:
            kind = .decimal(precision: precision, scale: scale)
        case .list(let list) where list.element == .string: kind = .textList(elementRequired: list.elementRequired)
        default: return nil
        }
    }
}

/// Takes JSON objects apart into columns, a row each: every object is read once, whatever the number of columns.
///
/// Cost: the text is copied and scanned, values are written where they stay until the column is asked for.
struct FieldShredder: ~Copyable {
    private let handle: OpaquePointer
    private let fields: [DataField]

    init(_ fields: [DataField]) throws(CommitError) {
        self.fields = fields
        var names: [UInt8] = []
        for field in fields { names.append(contentsOf: field.name.utf8) }
        let made = names.withUnsafeBufferPointer { names in
            var at = 0
            let columns = fields.map { field in
                var column = cfields_column()
                column.name = names.baseAddress.map { $0 + at }
                column.name_length = field.name.utf8.count
                at += field.name.utf8.count
                column.kind = Int32(field.kind.code)
                if case .decimal(let precision, let scale) = field.kind {
                    column.precision = Int32(precision)
                    column.scale = Int32(scale)
                }
                if case .textList(elementRequired: true) = field.kind { column.element_required = 1 }
                return column
            }
            return cfields_create(columns, columns.count)
        }
        guard let made else { throw CommitError(.failed, "no memory for the columns of a table") }
        handle = made
    }

    deinit { cfields_free(handle) }

    /// Takes one row; nil is null in every column.
    mutating func append(_ json: UnsafeRawBufferPointer?) throws(CommitError) {
        let bytes = json?.assumingMemoryBound(to: UInt8.self)
        guard cfields_append(handle, bytes?.baseAddress, bytes?.count ?? 0) == 0 else {
            throw CommitError(.failed, "the fields of data take more memory than there is, or 4 GiB in one column")
        }
    }

    /// What a column holds of the rows so far, and how many values did not fit.
    func column(_ index: Int, _ leaf: SchemaLeaf) throws(CommitError) -> (values: LeafColumn, unfit: Int) {
        var found = cfields_values()
        cfields_values_of(handle, index, &found)
        let definitions = [UInt8](UnsafeBufferPointer(start: found.definitions, count: found.definition_count))
        let repetitions = [UInt8](UnsafeBufferPointer(start: found.repetitions, count: found.repetition_count))
        let values: ColumnValues
        do throws(ParquetError) {
            values = try Self.values(found, leaf.physicalType)
        } catch {
            throw CommitError(.failed, "the column \"\(fields[index].column)\" cannot be made: \(error)")
        }
        return (
            LeafColumn(leaf, values: values, definitionLevels: definitions, repetitionLevels: repetitions),
            Int(clamping: found.misfits)
        )
    }

    private static func values(
        _ found: cfields_values, _ type: PhysicalType
    ) throws(ParquetError) -> ColumnValues {
        let raw = UnsafeRawBufferPointer(start: found.fixed, count: found.fixed_length)
        func fixed<T: BitwiseCopyable>(_ type: T.Type) -> [T] {
            let width = MemoryLayout<T>.size
            return (0..<raw.count / width).map { raw.loadUnaligned(fromByteOffset: $0 * width, as: T.self) }
        }
        switch type {
        case .boolean: return .boolean(raw.map { $0 != 0 })
        case .int32: return .int32(fixed(Int32.self))
        case .int64: return .int64(fixed(Int64.self))
        case .float: return .float(fixed(Float.self))
        case .double: return .double(fixed(Double.self))
        case .byteArray:
            return .byteArray(
                try ByteArrayColumn(
                    offsets: [UInt32](UnsafeBufferPointer(start: found.offsets, count: found.offset_count)),
                    bytes: [UInt8](UnsafeBufferPointer(start: found.bytes, count: found.byte_count))))
        case .fixedLengthByteArray(let width):
            return .fixedLengthByteArray(try FixedLengthByteArrayColumn(width: width, bytes: [UInt8](raw)))
        case .int96: return .int96([])
        }
    }
}
