import Bytes
@testable import Checksums
import Testing

@Suite struct `Checksums` {
    @Test func `CRC-32C gives the published values`() {
        // RFC 3720 §B.4.
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.checksum((0..<32).map { UInt8($0) }) == 0x46DD_794E)
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
    }

    @Test(arguments: 0..<40)
    func `a checksum can be taken in two parts`(cut: Int) {
        let bytes = (0..<40).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        #expect(CRC32C.checksum(bytes[cut...], seed: CRC32C.checksum(bytes[..<cut])) == CRC32C.checksum(bytes))
    }

    @Test(arguments: 0..<40)
    func `the processor's checksum is the portable one`(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        for start in 0...count {
            let part = Array(bytes[start...])
            #expect(CRC32C.checksum(part, seed: 7) == CRC32C.portableChecksum(part, seed: 7))
        }
    }

    @Test func `XXH64 gives the published values`() {
        #expect(XXH64.hash([UInt8]()) == 0xEF46_DB37_51D8_E999)
        #expect(XXH64.hash(Array("abc".utf8)) == 0x44BC_2CF5_AD77_0999)
        #expect(XXH64.hash(Array("abc".utf8), seed: 1) != XXH64.hash(Array("abc".utf8)))
    }

    @Test func `digests give the published values`() {
        let sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(Hexadecimal.encode(Digest.sha256(Array("abc".utf8))) == sha)
        #expect(Hexadecimal.encode(Digest.md5(Array("abc".utf8))) == "900150983cd24fb0d6963f7d28e17f72")
        // RFC 4231, test case 2.
        let mac = Digest.hmacSHA256(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8))
        #expect(Hexadecimal.encode(mac) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test func `secrets are compared whole`() {
        #expect(Digest.constantTimeEquals([1, 2], [1, 2]))
        #expect(!Digest.constantTimeEquals([1, 2], [1, 3]))
        #expect(!Digest.constantTimeEquals([1, 2], [1, 2, 3]))
    }
}
