import Bytes
import Checksums
import Clocks

/// Who a log is: made once with its directory, never reused. A lost directory is a new log.
package struct LogIdentity: Hashable, Sendable {
    /// Public: names the log in the properties of tables.
    package let id: UUID
    /// Private: seeds the checksums of frames, so that no payload can contain what looks like a frame, and the hash of
    /// events.
    package let secret: UUID

    package init(id: UUID, secret: UUID) {
        self.id = id
        self.secret = secret
    }
}

/// The bytes of the log. All integers little-endian.
///
/// `log.identity`: magic `ANLYTLID`, 16 bytes id, 16 bytes secret, CRC-32C of these.
///
/// `<20 digits of the first sequence>.segment`: header of 40 bytes (magic `ANLYTWAL`, u32 version, u32 CRC-32C of the
/// other 36 bytes, 16 bytes log id, u64 first sequence), then frames.
///
/// Frame: u32 CRC-32C, seeded with log id and secret, of all that follows · u32 length of the payload · u64 sequence ·
/// u64 the last sequence that was synced when this frame was written · payload.
package enum LogFormat {
    package static let version: UInt32 = 1
    package static let identityName = "log.identity"
    package static let headerBytes = 40
    package static let frameHeaderBytes = 24
    /// A longer record is not taken, and no frame that says it is longer is believed.
    package static let payloadBytesMax = 64 << 20

    private static let identityMagic = Array("ANLYTLID".utf8)
    private static let segmentMagic = Array("ANLYTWAL".utf8)
    private static let nameSuffix = ".segment"

    static func encodeIdentity(_ identity: LogIdentity) -> [UInt8] {
        var bytes = identityMagic + identity.id.bytes + identity.secret.bytes
        bytes.appendLittleEndian(CRC32C.checksum(bytes))
        return bytes
    }

    static func decodeIdentity(_ bytes: [UInt8]) -> LogIdentity? {
        guard bytes.count == 44, Array(bytes[..<8]) == identityMagic,
            bytes.withUnsafeBytes({ $0.loadUnaligned(fromByteOffset: 40, as: UInt32.self).littleEndian })
                == CRC32C.checksum(bytes[..<40]),
            let id = UUID(bytes: bytes[8..<24]), let secret = UUID(bytes: bytes[24..<40])
        else { return nil }
        return LogIdentity(id: id, secret: secret)
    }

    package static func segmentName(first: UInt64) -> String {
        let digits = String(first)
        return String(repeating: "0", count: 20 - digits.utf8.count) + digits + nameSuffix
    }

    package static func firstSequence(ofSegment name: String) -> UInt64? {
        guard name.utf8.count == 20 + nameSuffix.utf8.count, name.hasSuffix(nameSuffix) else { return nil }
        return UInt64(name.dropLast(nameSuffix.count))
    }

    static func encodeHeader(_ identity: LogIdentity, first: UInt64) -> [UInt8] {
        var rest = identity.id.bytes
        rest.appendLittleEndian(first)
        var bytes = segmentMagic
        bytes.appendLittleEndian(version)
        let checksum = CRC32C.checksum(rest, seed: CRC32C.checksum(bytes))
        bytes.appendLittleEndian(checksum)
        return bytes + rest
    }

    /// Why `bytes` do not begin with the header of that segment; nil when they do.
    static func problem(ofHeader bytes: UnsafeRawBufferPointer, _ identity: LogIdentity, first: UInt64) -> String? {
        guard bytes.count >= headerBytes else { return "the header is cut short" }
        let found = Array(bytes[..<headerBytes])
        if found == encodeHeader(identity, first: first) { return nil }
        guard Array(found[..<8]) == segmentMagic else { return "it is not a segment of a log" }
        let foundVersion = bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self).littleEndian
        if foundVersion != version { return "it has version \(foundVersion); this program reads version \(version)" }
        if Array(found[16..<32]) != identity.id.bytes { return "it belongs to another log" }
        return "its header is damaged"
    }

    static func seed(_ identity: LogIdentity) -> UInt32 {
        CRC32C.checksum(identity.id.bytes + identity.secret.bytes)
    }

    static func appendFrame(
        _ payload: [UInt8], sequence: UInt64, syncedThrough: UInt64, seed: UInt32, to bytes: inout [UInt8]
    ) {
        let start = bytes.count
        bytes.appendLittleEndian(UInt32(0))
        bytes.appendLittleEndian(UInt32(payload.count))
        bytes.appendLittleEndian(sequence)
        bytes.appendLittleEndian(syncedThrough)
        bytes.append(contentsOf: payload)
        bytes.withUnsafeMutableBytes { raw in
            let checksum = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: raw[(start + 4)...]), seed: seed)
            raw.storeBytes(of: checksum.littleEndian, toByteOffset: start, as: UInt32.self)
        }
    }

    struct Frame {
        let sequence: UInt64
        let syncedThrough: UInt64
        let payload: Range<Int>
    }

    /// How long the frame at `offset` says it is, with its head; the head alone where that is not all there.
    static func statedBytes(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
        guard bytes.count - offset >= frameHeaderBytes else { return frameHeaderBytes }
        return frameHeaderBytes + Int(bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self).littleEndian)
    }

    /// The frame at `offset`; nil when there is none that is whole. Cost: the length that the frame states, if it fits.
    static func frame(_ bytes: UnsafeRawBufferPointer, at offset: Int, seed: UInt32) -> Frame? {
        guard bytes.count - offset >= frameHeaderBytes else { return nil }
        let length = Int(bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self).littleEndian)
        guard length >= 1, length <= payloadBytesMax, length <= bytes.count - offset - frameHeaderBytes else {
            return nil
        }
        let end = offset + frameHeaderBytes + length
        let stated = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self).littleEndian
        guard CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[offset + 4..<end]), seed: seed) == stated else {
            return nil
        }
        return Frame(
            sequence: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self).littleEndian,
            syncedThrough: bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self).littleEndian,
            payload: offset + frameHeaderBytes..<end)
    }
}
