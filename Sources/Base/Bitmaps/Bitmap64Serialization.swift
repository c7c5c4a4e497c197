import Bytes

/// The [64-bit portable format](https://github.com/RoaringBitmap/RoaringFormatSpec#extension-for-64-bit-implementations)
/// of roaring bitmaps: the number of parts as 8 bytes, then each part's key as 4 bytes and its 32-bit bitmap, in
/// ascending order of keys, all little-endian.
extension Bitmap64 {
    /// The smallest form: containers are runs where that takes fewer bytes. Equal sets give equal bytes.
    public func serialized() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendLittleEndian(UInt64(parts.count))
        for part in parts {
            bytes.appendLittleEndian(part.key)
            part.storage.serialize(to: &bytes)
        }
        return bytes
    }

    /// Reads a bitmap that takes all of `bytes`.
    ///
    /// - Throws: `BitmapError` for bytes that are cut short, left over or not what a correct writer makes. Memory is
    ///   bounded by a small multiple of the size of `bytes`.
    public init(serialized bytes: some Collection<UInt8>) throws(BitmapError) {
        let contiguous = Array(bytes)
        // A throwing closure gives untyped errors; the result carries the type out.
        let result = contiguous.withUnsafeBytes { raw in
            Result { () throws(BitmapError) in try Self.read(raw) }
        }
        parts = try result.get()
    }

    /// A key and an empty bitmap.
    private static let partBytesMin = 12

    private static func read(_ bytes: UnsafeRawBufferPointer) throws(BitmapError) -> [Part] {
        guard bytes.count >= 8 else { throw BitmapError(at: 0, "8 bytes needed, \(bytes.count) remain") }
        let count = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard count <= UInt64((bytes.count - 8) / partBytesMin) else {
            throw BitmapError(at: 0, "\(count) bitmaps stated, \(bytes.count - 8) bytes remain")
        }
        var parts: [Part] = []
        var offset = 8
        var before: UInt32?
        for _ in 0..<count {
            guard bytes.count - offset >= 4 else { throw BitmapError(at: offset, "4 bytes needed for a key") }
            let key = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            guard before.map({ key > $0 }) ?? true else { throw BitmapError(at: offset, "keys are not in order") }
            before = key
            let range = try RoaringLayout.validate(bytes, at: offset + 4)
            let storage = RoaringStorage(validated: UnsafeRawBufferPointer(rebasing: bytes[range]))
            // Iceberg's Java library writes an empty bitmap for every key that is skipped.
            if !storage.isEmpty { parts.append(Part(key: key, storage: storage)) }
            offset = range.upperBound
        }
        guard offset == bytes.count else {
            throw BitmapError(at: offset, "\(bytes.count - offset) bytes are left after the last bitmap")
        }
        return parts
    }
}
