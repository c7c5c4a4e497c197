import ParquetFormat

extension ColumnVector {
    /// The given slots in the given order, which must exist.
    func gather(_ rows: [UInt32]) -> ColumnVector {
        let validity = validity.map { validity in rows.map { validity[Int($0)] } }
        return ColumnVector(unchecked: field, count: rows.count, validity: validity, values: values.gather(rows))
    }
}

extension VectorValues {
    func gather(_ rows: [UInt32]) -> VectorValues {
        switch self {
        case .boolean(let values): return .boolean(rows.map { values[Int($0)] })
        case .int(let values): return .int(rows.map { values[Int($0)] })
        case .long(let values): return .long(rows.map { values[Int($0)] })
        case .float(let values): return .float(rows.map { values[Int($0)] })
        case .double(let values): return .double(rows.map { values[Int($0)] })
        case .decimal(let values): return .decimal(rows.map { values[Int($0)] })
        case .bytes(let column): return .bytes(column.gathering(rows))
        case .fixed(let column): return .fixed(column.gathering(rows))
        case .variant(let metadata, let value):
            return .variant(metadata: metadata.gathering(rows), value: value.gathering(rows))
        case .none: return .none
        case .structure(let fields): return .structure(fields.map { $0.gather(rows) })
        case .list(let offsets, let element):
            let picked = PickedElements(offsets, rows)
            return .list(offsets: picked.offsets, element: element.gather(picked.elements))
        case .map(let offsets, let key, let value):
            let picked = PickedElements(offsets, rows)
            return .map(
                offsets: picked.offsets, key: key.gather(picked.elements), value: value.gather(picked.elements))
        }
    }
}

/// The elements that some rows of a list or map consist of.
private struct PickedElements {
    var offsets: [UInt32] = [0]
    var elements: [UInt32] = []

    init(_ source: [UInt32], _ rows: [UInt32]) {
        offsets.reserveCapacity(rows.count + 1)
        for row in rows {
            elements.append(contentsOf: source[Int(row)]..<source[Int(row) + 1])
            offsets.append(UInt32(elements.count))
        }
    }
}

extension ByteArrayColumn {
    func gathering(_ rows: [UInt32]) -> ByteArrayColumn {
        let (offsets, bytes) = (self.offsets, self.bytes)
        var total = 0
        for row in rows { total += Int(offsets[Int(row) + 1] - offsets[Int(row)]) }
        var result = ByteArrayColumn()
        result.reserveCapacity(count: rows.count, bytes: total)
        bytes.withUnsafeBytes { source in
            for row in rows {
                let range = Int(offsets[Int(row)])..<Int(offsets[Int(row) + 1])
                result.append(UnsafeRawBufferPointer(rebasing: source[range]))
            }
        }
        return result
    }
}

extension FixedLengthByteArrayColumn {
    func gathering(_ rows: [UInt32]) -> FixedLengthByteArrayColumn {
        var result = FixedLengthByteArrayColumn(width: width)
        bytes.withUnsafeBytes { source in
            for row in rows {
                let start = Int(row) * width
                result.append(UnsafeRawBufferPointer(rebasing: source[start..<(start + width)]))
            }
        }
        return result
    }
}
