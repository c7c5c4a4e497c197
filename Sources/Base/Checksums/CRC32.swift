/// CRC-32 of IEEE 802.3 (as in gzip), the checksum of Avro's snappy blocks and of Iceberg's deletion vectors.
public enum CRC32 {
    private static let crc = SlicedCRC(polynomial: 0xEDB8_8320)

    public static func checksum(_ bytes: some ContiguousBytesCollection, seed: UInt32 = 0) -> UInt32 {
        bytes.withContiguousBytes { crc.checksum($0, seed: seed) }
    }
}
