import Checksums
import Testing

@Suite struct CRC32Tests {
    @Test(arguments: [("", 0), ("a", 0xE8B7_BE43), ("123456789", 0xCBF4_3926)] as [(String, UInt32)])
    func `the checksums of known texts`(text: String, checksum: UInt32) {
        #expect(CRC32.checksum(Array(text.utf8)) == checksum)
    }

    @Test func `a checksum goes on where another ended`() {
        let bytes = (0..<100).map { UInt8($0 * 37 & 255) }
        for cut in 0...100 {
            #expect(CRC32.checksum(bytes[cut...], seed: CRC32.checksum(bytes[..<cut])) == CRC32.checksum(bytes))
        }
    }
}
