import IcebergSpec
import ParquetFormat

/// Puts rows together from leaf columns and their levels: the inverse of the record shredding of Dremel (Melnik et al.,
/// VLDB 2010), column by column, with offsets instead of records.
struct VectorAssembly {
    /// By leaf index.
    let columns: [Int: LeafColumn]

    /// The vector of a field that has `slots` values, nulls included.
    ///
    /// - Throws: `.malformed` when levels of columns contradict each other, or a value is not one of the type.
    func vector(_ reader: FieldReader, slots: Int) throws(DataError) -> ColumnVector {
        do throws(DataError) {
            return try assemble(reader, slots: slots)
        } catch {
            throw error.place.hasPrefix("column ") ? error : error.within("column \(reader.field.name)")
        }
    }

    private func assemble(_ reader: FieldReader, slots: Int) throws(DataError) -> ColumnVector {
        let field = reader.field
        func made(_ validity: [Bool]?, _ values: VectorValues) -> ColumnVector {
            ColumnVector(unchecked: field, count: slots, validity: validity, values: values)
        }
        switch reader.source {
        case .initialDefault(let value): return try .repeating(default: value, field, count: slots)
        case .partition(let value): return try .repeating(value, field, count: slots)
        case .leaf(let leaf, let levels, let conversion):
            let column = try column(leaf.index)
            let validity = try column.validity(levels, slots: slots)
            return made(validity, try conversion.apply(column.values).spread(over: validity, slots: slots))
        case .structure(let levels, let reference, let fields):
            let validity = try column(reference).validity(levels, slots: slots)
            var vectors: [ColumnVector] = []
            for child in fields {
                let vector = try vector(child, slots: slots)
                vectors.append(child.leaves.isEmpty ? vector.masked(by: validity) : vector)
            }
            return made(validity, .structure(vectors))
        case .list(let levels, let reference, let inner, let element):
            let column = try column(reference)
            let validity = try column.validity(levels, slots: slots)
            let offsets = try column.offsets(levels, inner: inner, slots: slots)
            let elements = try vector(element, slots: Int(offsets[slots]))
            return made(validity, .list(offsets: offsets, element: elements))
        case .map(let levels, let reference, let inner, let key, let value):
            let column = try column(reference)
            let validity = try column.validity(levels, slots: slots)
            let offsets = try column.offsets(levels, inner: inner, slots: slots)
            let entries = Int(offsets[slots])
            return made(
                validity,
                .map(
                    offsets: offsets, key: try vector(key, slots: entries), value: try vector(value, slots: entries)))
        case .variant(let levels, let metadata, let value):
            let validity = try column(metadata.index).validity(levels, slots: slots)
            return made(
                validity,
                .variant(
                    metadata: try bytes(metadata, levels, slots: slots), value: try bytes(value, levels, slots: slots)))
        }
    }

    /// A binary within a variant, which has no bytes where the variant or it itself is null.
    private func bytes(_ leaf: SchemaLeaf, _ levels: NodeLevels, slots: Int) throws(DataError) -> ByteArrayColumn {
        let column = try column(leaf.index)
        let own = NodeLevels(
            repetition: levels.repetition, slot: levels.slot, present: leaf.maxDefinitionLevel)
        let validity = try column.validity(own, slots: slots)
        let values = try LeafConversion.asStored.apply(column.values).spread(over: validity, slots: slots)
        guard case .bytes(let result) = values else {
            throw DataError(.malformed, at: "", "a variant whose parts are not binary")
        }
        return result
    }

    private func column(_ leaf: Int) throws(DataError) -> LeafColumn {
        guard let column = columns[leaf] else {
            throw DataError(.invalid, at: "leaf \(leaf)", "the column was not read")
        }
        return column
    }
}

extension LeafColumn {
    /// Which slots of a field on this leaf's path have a value; nil when all do.
    fileprivate func validity(_ levels: NodeLevels, slots: Int) throws(DataError) -> [Bool]? {
        let validity: [Bool]
        if repetitionLevels.isEmpty {
            try check(levelCount, slots)
            guard !definitionLevels.isEmpty, levels.present > 0 else { return nil }
            validity = definitionLevels.map { $0 >= levels.present }
        } else {
            try check(definitionLevels.count, repetitionLevels.count)
            var found: [Bool] = []
            found.reserveCapacity(slots)
            for (definition, repetition) in zip(definitionLevels, repetitionLevels)
            where repetition <= levels.repetition && definition >= levels.slot {
                found.append(definition >= levels.present)
            }
            try check(found.count, slots)
            validity = found
        }
        return validity.contains(false) ? validity : nil
    }

    /// Where the elements of each slot of a list begin, and where the last ones end.
    fileprivate func offsets(_ levels: NodeLevels, inner: NodeLevels, slots: Int) throws(DataError) -> [UInt32] {
        try check(definitionLevels.count, repetitionLevels.count)
        var offsets: [UInt32] = []
        offsets.reserveCapacity(slots + 1)
        var elements: UInt32 = 0
        for (definition, repetition) in zip(definitionLevels, repetitionLevels) where definition >= levels.slot {
            if repetition <= levels.repetition { offsets.append(elements) }
            if repetition <= inner.repetition, definition >= inner.slot { elements += 1 }
        }
        try check(offsets.count, slots)
        offsets.append(elements)
        guard offsets[0] == 0 else { throw DataError(.malformed, at: "levels", "a list begins inside another") }
        return offsets
    }

    private func check(_ found: Int, _ wanted: Int) throws(DataError) {
        guard found == wanted else {
            throw DataError(.malformed, at: "levels", "\(found) values where its siblings have \(wanted)")
        }
    }
}

extension VectorValues {
    /// Dense values with a slot for every null.
    fileprivate func spread(over validity: [Bool]?, slots: Int) throws(DataError) -> VectorValues {
        let present = validity.map { $0.reduce(0) { $0 + ($1 ? 1 : 0) } } ?? slots
        guard slotCount.map({ $0 == present }) ?? true else {
            throw DataError(.malformed, at: "levels", "\(present) values stated, \(slotCount ?? 0) found")
        }
        guard let validity else { return self }
        switch self {
        case .boolean(let values): return .boolean(Self.spread(values, validity, false))
        case .int(let values): return .int(Self.spread(values, validity, 0))
        case .long(let values): return .long(Self.spread(values, validity, 0))
        case .float(let values): return .float(Self.spread(values, validity, 0))
        case .double(let values): return .double(Self.spread(values, validity, 0))
        case .decimal(let values): return .decimal(Self.spread(values, validity, 0))
        case .bytes(let column): return .bytes(try Self.spread(column, validity))
        case .fixed(let column): return .fixed(try Self.spread(column, validity))
        case .variant, .none, .structure, .list, .map: return self
        }
    }

    private static func spread<T: BitwiseCopyable>(_ dense: [T], _ validity: [Bool], _ zero: T) -> [T] {
        [T](unsafeUninitializedCapacity: validity.count) { slots, count in
            dense.withUnsafeBufferPointer { dense in
                var next = 0
                for (index, isPresent) in validity.enumerated() {
                    slots.initializeElement(at: index, to: isPresent ? dense[next] : zero)
                    next += isPresent ? 1 : 0
                }
            }
            count = validity.count
        }
    }

    private static func spread(_ dense: ByteArrayColumn, _ validity: [Bool]) throws(DataError) -> ByteArrayColumn {
        let source = dense.offsets
        let offsets = [UInt32](unsafeUninitializedCapacity: validity.count + 1) { slots, count in
            var next = 0
            slots.initializeElement(at: 0, to: 0)
            for (index, isPresent) in validity.enumerated() {
                next += isPresent ? 1 : 0
                slots.initializeElement(at: index + 1, to: source[next])
            }
            count = validity.count + 1
        }
        do {
            return try ByteArrayColumn(offsets: offsets, bytes: dense.bytes)
        } catch {
            throw DataError(error)
        }
    }

    private static func spread(
        _ dense: FixedLengthByteArrayColumn, _ validity: [Bool]
    ) throws(DataError) -> FixedLengthByteArrayColumn {
        let width = dense.width
        let (total, overflow) = width.multipliedReportingOverflow(by: validity.count)
        guard !overflow, total <= max(DataLimits.constantBytesMax, dense.bytes.count * 16) else {
            throw DataError(.tooLarge, at: "", "\(validity.count) slots of \(width) bytes, most of them null")
        }
        var bytes = [UInt8](repeating: 0, count: total)
        bytes.withUnsafeMutableBytes { slots in
            dense.bytes.withUnsafeBytes { dense in
                var next = 0
                for (index, isPresent) in validity.enumerated() where isPresent {
                    UnsafeMutableRawBufferPointer(rebasing: slots[(index * width)..<((index + 1) * width)])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: dense[next..<(next + width)]))
                    next += width
                }
            }
        }
        do {
            return try FixedLengthByteArrayColumn(width: width, bytes: bytes)
        } catch {
            throw DataError(error)
        }
    }
}
