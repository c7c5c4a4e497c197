import CZlib

/// The CRC-32 of page headers: over the page as it lies in the file. `before` is that of the bytes before these.
func pageChecksum(_ bytes: UnsafeRawBufferPointer, after before: UInt32 = 0) -> UInt32 {
    guard bytes.count > 0 else { return before }
    return UInt32(
        truncatingIfNeeded: crc32_z(UInt(before), bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count))
}
