import Bitmaps
import PuffinFormat
import Testing

private let positions: Bitmap64 = {
    var bitmap = Bitmap64([0, 5, 70_000, 1 << 32 + 3])
    bitmap.insert(contentsOf: 100_000...200_000)
    return bitmap
}()

@Suite struct DeletionVectorTests {
    @Test func `what is written is read back`() throws {
        for bitmap in [Bitmap64(), positions, Bitmap64([UInt64(Int64.max)])] {
            let bytes = try DeletionVector.encode(bitmap)
            #expect(try DeletionVector.decode(bytes, cardinality: Int64(bitmap.count)) == bitmap)
            #expect(throws: PuffinError.self) {
                try DeletionVector.decode(bytes, cardinality: Int64(bitmap.count) + 1)
            }
        }
    }

    @Test func `a position that is no row number is refused`() {
        #expect(throws: PuffinError.self) { try DeletionVector.encode(Bitmap64([1 << 63])) }
    }

    @Test func `every truncation and every flipped bit is refused`() throws {
        let bytes = try DeletionVector.encode(positions)
        for length in 0..<bytes.count {
            #expect(throws: PuffinError.self) { try DeletionVector.decode(Array(bytes[..<length])) }
        }
        for index in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << UInt8(bit)
                #expect(throws: PuffinError.self) { try DeletionVector.decode(damaged) }
            }
        }
    }

    @Test func `a file of deletion vectors tells each blob's data file and count`() throws {
        var writer = PuffinWriter()
        let first = try writer.append(deletionVector: positions, of: "s3://b/one.parquet")
        let second = try writer.append(deletionVector: Bitmap64([9]), of: "s3://b/two.parquet")
        let (bytes, footer) = try writer.finish()
        #expect(footer.blobs == [first, second])
        let reader = try PuffinReader(bytes)
        #expect(reader.footer == footer)
        #expect(reader.footer.blobs.map(\.referencedDataFile) == ["s3://b/one.parquet", "s3://b/two.parquet"])
        #expect(reader.footer.blobs.map(\.cardinality) == [Int64(positions.count), 1])
        #expect(try DeletionVector.decode(reader.blob(1), cardinality: second.cardinality) == Bitmap64([9]))
        #expect(try DeletionVector.decode(Array(bytes[Int(first.offset)...].prefix(Int(first.length)))) == positions)
    }
}
