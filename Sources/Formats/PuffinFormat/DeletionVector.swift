import Bitmaps
import Bytes
import Checksums

/// The blob [deletion-vector-v1](https://iceberg.apache.org/puffin-spec/#deletion-vector-v1-blob-type): the positions of
/// deleted rows of one data file.
///
///     length of magic and bitmap (4, big-endian) | D1 D3 39 64 | bitmap | CRC-32 of magic and bitmap (4, big-endian)
public enum DeletionVector {
    private static let magic: [UInt8] = [0xD1, 0xD3, 0x39, 0x64]
    /// Length, magic, empty bitmap and checksum.
    private static let lengthMin = 20
    /// Positions of rows are signed 64-bit numbers.
    private static let positionMax = UInt64(Int64.max)

    /// The whole blob, length and checksum included.
    ///
    /// - Throws: `.invalidArgument` for a position above 2⁶³ − 1; `.tooLarge` when the length does not fit 4 bytes.
    public static func encode(_ positions: Bitmap64) throws(PuffinError) -> [UInt8] {
        guard positions.last ?? 0 <= positionMax else {
            throw PuffinError(.invalidArgument, at: place, "a position is above \(positionMax)")
        }
        let content = magic + positions.serialized()
        guard let length = Int32(exactly: content.count) else {
            throw PuffinError(.tooLarge, at: place, "\(content.count) bytes do not fit its length of 4 bytes")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(content.count + 8)
        bytes.appendBigEndian(length)
        bytes += content
        bytes.appendBigEndian(CRC32.checksum(content))
        return bytes
    }

    /// Reads a whole blob.
    ///
    /// - Parameter cardinality: how many positions there must be: `record_count` of the manifest entry, or
    ///   `PuffinBlobMetadata.cardinality`. Nil: any number.
    /// - Throws: `.corrupt` for another length, magic, checksum or cardinality than stated, a bitmap that is none, or a
    ///   position above 2⁶³ − 1.
    public static func decode(_ bytes: [UInt8], cardinality: Int64? = nil) throws(PuffinError) -> Bitmap64 {
        guard bytes.count >= lengthMin else {
            throw damaged("\(bytes.count) bytes, an empty one has \(lengthMin)")
        }
        var reader = ByteReader(bytes)
        let positions: Bitmap64
        do {
            let length = try reader.readBigEndian(UInt32.self)
            guard Int(length) == bytes.count - 8 else {
                throw damaged("a length of \(length) in a blob of \(bytes.count) bytes")
            }
            let content = try reader.read(Int(length))
            guard try reader.readBigEndian(UInt32.self) == CRC32.checksum(content) else {
                throw damaged("it fails its checksum")
            }
            guard content.starts(with: magic) else { throw damaged("it does not begin with D1 D3 39 64") }
            positions = try Bitmap64(serialized: content.dropFirst(magic.count))
        } catch let error as PuffinError {
            throw error
        } catch {
            throw damaged("\(error)")
        }
        guard positions.last ?? 0 <= positionMax else { throw damaged("a position is above \(positionMax)") }
        if let cardinality, Int64(positions.count) != cardinality {
            throw damaged("\(positions.count) positions, \(cardinality) are stated")
        }
        return positions
    }

    /// The reserved id of `_pos`, which Iceberg's Java library names as the field of a deletion vector.
    static let rowPositionFieldID: Int32 = 2_147_483_645

    private static let place = "deletion vector"

    private static func damaged(_ message: String) -> PuffinError { PuffinError(.corrupt, at: place, message) }
}

extension PuffinWriter {
    /// Appends a deletion vector for `dataFile`, uncompressed, with the properties the specification asks for. The blob's
    /// `offset` and `length` are the manifest entry's `content_offset` and `content_size_in_bytes`.
    ///
    /// - Throws: as `DeletionVector.encode`; nothing is appended then.
    @discardableResult
    public mutating func append(
        deletionVector positions: Bitmap64, of dataFile: String
    ) throws(PuffinError) -> PuffinBlobMetadata {
        try append(
            try DeletionVector.encode(positions), type: .deletionVector, fields: [DeletionVector.rowPositionFieldID],
            snapshotID: -1, sequenceNumber: -1,
            properties: [
                PuffinProperty.referencedDataFile: dataFile, PuffinProperty.cardinality: String(positions.count),
            ])
    }
}
