import Bytes
import Testing

@Suite struct `Text encodings of bytes` {
    /// RFC 4648 §10.
    static let base64 = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy"),
    ]

    @Test(arguments: base64)
    func `base64 follows RFC 4648`(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(plain.utf8))
        #expect(Base64.decode(Base64.encode(Array(plain.utf8), alphabet: .urlSafe)) == Array(plain.utf8))
    }

    @Test(arguments: ["Zg=", "Z", "Zh==", "Zm8=Zm8=", "Z m8", "Zg===", "Zm9v="])
    func `what is no base64 is refused`(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test func `every byte survives hexadecimal and percent-encoding`() {
        let bytes = (0...255).map { UInt8($0) }
        #expect(Hexadecimal.decode(Hexadecimal.encode(bytes)) == bytes)
        #expect(Hexadecimal.decode("0") == nil)
        #expect(Hexadecimal.decode("0g") == nil)
        let text = "a/b=c d%é🦊~-._"
        #expect(PercentEncoding.encode(text) == "a%2Fb%3Dc%20d%25%C3%A9%F0%9F%A6%8A~-._")
        #expect(PercentEncoding.decode(PercentEncoding.encode(text)) == text)
    }

    @Test(arguments: ["%", "%4", "%zz", "%ff", "a%"])
    func `a broken escape is refused`(text: String) {
        #expect(PercentEncoding.decode(text) == nil)
    }

    @Test func `a plus sign is a space only in queries`() {
        #expect(PercentEncoding.decode("a+b") == "a+b")
        #expect(PercentEncoding.decode("a+b%2B", plusIsSpace: true) == "a b+")
    }
}

@Suite struct `Reading bytes` {
    @Test func `integers come out in the order they went in`() throws {
        var bytes: [UInt8] = []
        bytes.appendLittleEndian(UInt32(0x0102_0304))
        bytes.appendBigEndian(Int64(-2))
        bytes.append(utf8: "é")
        #expect(bytes[0] == 4)
        var reader = ByteReader(bytes)
        #expect(try reader.readLittleEndian(UInt32.self) == 0x0102_0304)
        #expect(try reader.readBigEndian(Int64.self) == -2)
        #expect(try Array(reader.read(2)) == Array("é".utf8))
        #expect(reader.isAtEnd)
    }

    @Test(arguments: [-1, 4, Int.max])
    func `more than there is is an error that says where`(count: Int) throws {
        var reader = ByteReader([1, 2, 3])
        let failure = #expect(throws: EndOfBytes.self) { try reader.read(count) }
        #expect(failure?.remaining == 3)
        #expect(reader.offset == 0)
    }
}
