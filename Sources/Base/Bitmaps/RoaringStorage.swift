import CRoaring

/// One 32-bit roaring bitmap of the C library.
///
/// Sendable because it is written only through `Bitmap64`, whose mutating functions first make sure that they hold the
/// only reference (`isKnownUniquelyReferenced`); the library's reading functions change nothing.
final class RoaringStorage: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<roaring_bitmap_t>

    /// Takes ownership; nil is what the library gives when memory is out.
    init(owning pointer: UnsafeMutablePointer<roaring_bitmap_t>?) {
        guard let pointer else { preconditionFailure("no memory for a bitmap") }
        self.pointer = pointer
    }

    convenience init() { self.init(owning: roaring_bitmap_create()) }

    deinit { roaring_bitmap_free(pointer) }

    var isEmpty: Bool { roaring_bitmap_is_empty(pointer) }

    func copy() -> RoaringStorage { RoaringStorage(owning: roaring_bitmap_copy(pointer)) }

    /// Appends the smallest portable form: containers become runs where that takes fewer bytes.
    func serialize(to bytes: inout [UInt8]) {
        let optimized = copy()
        // Whether a run that saves nothing stays one depends on its history: begin without any.
        roaring_bitmap_remove_run_compression(optimized.pointer)
        roaring_bitmap_run_optimize(optimized.pointer)
        let size = roaring_bitmap_portable_size_in_bytes(optimized.pointer)
        bytes += [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            buffer.withMemoryRebound(to: CChar.self) { characters in
                count = roaring_bitmap_portable_serialize(optimized.pointer, characters.baseAddress)
            }
        }
    }

    /// Reads bytes that `RoaringLayout` found valid.
    init(validated bytes: UnsafeRawBufferPointer) {
        let read = roaring_bitmap_portable_deserialize_safe(
            bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        guard let read else { preconditionFailure("no memory for a bitmap") }
        pointer = read
    }
}
