extension ColumnBound {
    /// A minimum of at most `limit` bytes: a prefix, which is never above what it was cut from.
    static func min(_ bytes: [UInt8], limit: Int, leaf: SchemaLeaf) -> ColumnBound? {
        if bytes.count <= limit { return ColumnBound(bytes: bytes, isExact: true) }
        guard isCuttable(leaf) else { return nil }
        return ColumnBound(bytes: prefix(bytes, limit, isText: leaf.logicalType?.isText ?? false), isExact: false)
    }

    /// A maximum of at most `limit` bytes: a prefix raised to the next greater one. Nil when there is none.
    static func max(_ bytes: [UInt8], limit: Int, leaf: SchemaLeaf) -> ColumnBound? {
        if bytes.count <= limit { return ColumnBound(bytes: bytes, isExact: true) }
        guard isCuttable(leaf) else { return nil }
        let isText = leaf.logicalType?.isText ?? false
        let cut = prefix(bytes, limit, isText: isText)
        let raised = isText && String(validating: cut, as: UTF8.self) != nil ? raisedText(cut) : raisedBytes(cut)
        return raised.map { ColumnBound(bytes: $0, isExact: false) }
    }

    /// Numbers in bytes lose their meaning when cut.
    private static func isCuttable(_ leaf: SchemaLeaf) -> Bool {
        leaf.physicalType == .byteArray && ValueOrder(leaf) == .lexicographic
    }

    /// Text is cut between characters.
    private static func prefix(_ bytes: [UInt8], _ limit: Int, isText: Bool) -> [UInt8] {
        var length = limit
        if isText {
            while length > 0 && bytes[length] & 0xC0 == 0x80 { length -= 1 }
            if length == 0 { length = limit }
        }
        return [UInt8](bytes[..<length])
    }

    private static func raisedBytes(_ bytes: [UInt8]) -> [UInt8]? {
        guard let last = bytes.lastIndex(where: { $0 != 0xFF }) else { return nil }
        var raised = [UInt8](bytes[...last])
        raised[last] += 1
        return raised
    }

    private static func raisedText(_ bytes: [UInt8]) -> [UInt8]? {
        var scalars = Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)
        while let last = scalars.popLast() {
            // The surrogates in between are no characters.
            let next = last.value == 0xD7FF ? 0xE000 : last.value + 1
            guard let raised = Unicode.Scalar(next) else { continue }
            scalars.append(raised)
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars)
            return Array(String(text).utf8)
        }
        return nil
    }
}
