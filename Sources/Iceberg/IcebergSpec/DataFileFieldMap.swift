/// Values by column id, sorted: what manifests say of each column of a file. Small in memory, found by search.
///
/// A map that was read from a manifest keeps the manifest's bytes, which other maps share, and decodes the values that
/// are asked for: a scan asks for a few columns of the many that manifests describe.
public struct FieldMap<Value: FieldMapValue>: Sendable {
    private var ids: [Int32] = []
    private var stored: [Value] = []
    private var encoded: EncodedFieldMap?

    public init() {}

    init(_ encoded: EncodedFieldMap) { self.encoded = encoded }

    /// The last value counts for an id given twice. Ids outside 32 bits are ignored: no column can have them.
    public init(_ values: some Sequence<(Int, Value)>) {
        for (id, value) in values { self[id] = value }
    }

    public subscript(id: Int) -> Value? {
        get {
            if let encoded { return encoded.value(of: id) }
            return index(of: id).flatMap { $0.found ? stored[$0.index] : nil }
        }
        set {
            decodeAll()
            guard let place = index(of: id) else { return }
            switch (place.found, newValue) {
            case (true, let value?): stored[place.index] = value
            case (true, nil):
                ids.remove(at: place.index)
                stored.remove(at: place.index)
            case (false, let value?):
                ids.insert(Int32(id), at: place.index)
                stored.insert(value, at: place.index)
            case (false, nil): break
            }
        }
    }

    public var isEmpty: Bool { count == 0 }
    public var count: Int { encoded?.count ?? ids.count }

    /// In the order of the ids.
    public var entries: Zip2Sequence<[Int32], [Value]> {
        var decoded = self
        decoded.decodeAll()
        return zip(decoded.ids, decoded.stored)
    }

    /// Keys and values as manifests hold them, where they are at hand in that form.
    var encodedItems: ArraySlice<UInt8>? { encoded.map { $0.bytes[$0.start..<$0.end] } }

    /// Bytes of memory that values take beyond the map itself, about: an array apiece for bounds.
    public var estimatedBytes: Int {
        encoded.map { $0.end - $0.start } ?? ids.count * (Value.self == Int64.self ? 12 : 60)
    }

    private mutating func decodeAll() {
        guard let map = encoded else { return }
        ids.reserveCapacity(map.count)
        stored.reserveCapacity(map.count)
        map.forEach { (id, value: Value) in
            ids.append(id)
            stored.append(value)
            return true
        }
        encoded = nil
    }

    private func index(of id: Int) -> (index: Int, found: Bool)? {
        guard let id = Int32(exactly: id) else { return nil }
        guard let last = ids.last, id <= last else { return (ids.count, false) }
        var low = 0
        var high = ids.count
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] < id { low = middle + 1 } else { high = middle }
        }
        return (low, low < ids.count && ids[low] == id)
    }
}

extension FieldMap: Hashable {
    public static func == (left: FieldMap, right: FieldMap) -> Bool {
        left.count == right.count && left.entries.elementsEqual(right.entries) { $0 == $1 }
    }

    public func hash(into hasher: inout Hasher) {
        for (id, value) in entries {
            hasher.combine(id)
            hasher.combine(value)
        }
    }
}

extension FieldMap: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (Int, Value)...) { self.init(elements) }
}

/// A value that manifests keep by column: a count or a bound.
public protocol FieldMapValue: Hashable, Sendable {
    /// Reads the value at `offset` and moves behind it. The bytes have been checked: they hold one.
    static func decodeFieldMapValue(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Self
    static func skipFieldMapValue(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int)
}

extension Int64: FieldMapValue {
    public static func decodeFieldMapValue(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Int64 {
        EncodedFieldMap.long(bytes, &offset)
    }

    public static func skipFieldMapValue(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) {
        _ = EncodedFieldMap.long(bytes, &offset)
    }
}

extension [UInt8]: FieldMapValue {
    public static func decodeFieldMapValue(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> [UInt8] {
        let count = Int(EncodedFieldMap.long(bytes, &offset))
        defer { offset += count }
        return Array(bytes[offset..<offset + count])
    }

    public static func skipFieldMapValue(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) {
        offset += Int(EncodedFieldMap.long(bytes, &offset))
    }
}

/// A map as a manifest holds it: keys and values one after the other, in the order of the keys, checked when it was
/// found (`ManifestCursor.readFieldMap`).
struct EncodedFieldMap: Sendable {
    /// A block of the manifest.
    let bytes: [UInt8]
    /// Where the first key and the end of the last value are.
    let start: Int
    let end: Int
    let count: Int

    func value<Value: FieldMapValue>(of id: Int) -> Value? {
        bytes.withUnsafeBytes { bytes in
            var offset = start
            for _ in 0..<count {
                let key = Self.long(bytes, &offset)
                if key == id { return Value.decodeFieldMapValue(bytes, &offset) }
                if key > id { return nil }
                Value.skipFieldMapValue(bytes, &offset)
            }
            return nil
        }
    }

    func forEach<Value: FieldMapValue>(_ body: (Int32, Value) -> Bool) {
        bytes.withUnsafeBytes { bytes in
            var offset = start
            for _ in 0..<count {
                let key = Int32(truncatingIfNeeded: Self.long(bytes, &offset))
                guard body(key, Value.decodeFieldMapValue(bytes, &offset)) else { return }
            }
        }
    }

    /// Zig-zag variable-length, known to end within the bytes.
    @inline(__always)
    static func long(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Int64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = bytes[offset]
            offset += 1
            value |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 { return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }
            shift += 7
        }
    }
}
