import Bitmaps
import Testing

/// One container of each kind, and a second part.
private let everyContainer: Bitmap64 = {
    var bitmap = Bitmap64([5, 7])
    bitmap.insert(contentsOf: 65_537...66_000)
    for position in 0..<5000 as Range<UInt64> { bitmap.insert(131_072 + position * 2) }
    bitmap.insert(3 << 32 + 9)
    return bitmap
}()

/// Little-endian 16-bit words.
private func words(_ words: [UInt16]) -> [UInt8] { words.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] } }

/// One part of key 0.
private func one(_ bitmap: [UInt16]) -> [UInt8] { [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] + words(bitmap) }

@Suite struct Bitmap64SerializationTests {
    @Test func `what is written is read back`() throws {
        let bytes = everyContainer.serialized()
        #expect(try Bitmap64(serialized: bytes) == everyContainer)
        #expect(try Bitmap64(serialized: bytes).serialized() == bytes)
    }

    @Test func `equal sets give equal bytes`() {
        for range in [100...101, 100...102, 100...9000, 0...200_000] as [ClosedRange<UInt64>] {
            var runs = Bitmap64()
            runs.insert(contentsOf: range)
            #expect(Bitmap64(range).serialized() == runs.serialized())
        }
    }

    @Test func `the empty set is eight zeros`() throws {
        #expect(Bitmap64().serialized() == [UInt8](repeating: 0, count: 8))
        #expect(try Bitmap64(serialized: [UInt8](repeating: 0, count: 8)).isEmpty)
    }

    @Test func `an empty part is dropped`() throws {
        let empty = one([12_346, 0, 0, 0])
        #expect(try Bitmap64(serialized: empty) == Bitmap64())
    }

    @Test func `every truncation is refused`() {
        let bytes = everyContainer.serialized()
        for length in 0..<bytes.count {
            #expect(throws: BitmapError.self) { try Bitmap64(serialized: bytes[..<length]) }
        }
        #expect(throws: BitmapError.self) { try Bitmap64(serialized: bytes + [0]) }
    }

    /// There is no checksum: a damaged bitmap may be another bitmap, but one that can be worked with.
    @Test func `a flipped bit gives an error or a sound bitmap`() {
        let bytes = everyContainer.serialized()
        // The words of the bit set are all alike.
        for index in bytes.indices where index < 200 || index % 16 == 0 || index > bytes.count - 100 {
            var damaged = bytes
            damaged[index] ^= 1 << UInt8(index % 8)
            guard let bitmap = try? Bitmap64(serialized: damaged) else { continue }
            let positions = Array(bitmap)
            #expect(positions.count == bitmap.count)
            #expect(zip(positions, positions.dropFirst()).allSatisfy { $0 < $1 })
            let union = bitmap.union(everyContainer)
            #expect(Array(union) == Set(positions).union(everyContainer).sorted())
            #expect((try? Bitmap64(serialized: union.serialized())) == union)
        }
    }

    @Test(
        arguments: [
            ("another cookie", [12_345, 0, 0, 0]),
            ("too many containers", [12_346, 0, 1, 1]),
            ("values out of order", [12_346, 0, 1, 0, 0, 1, 16, 0, 5, 4]),
            ("a value twice", [12_346, 0, 1, 0, 0, 1, 16, 0, 5, 5]),
            ("containers out of order", [12_346, 0, 2, 0, 1, 0, 0, 0, 24, 0, 26, 0, 5, 5]),
            ("a container twice", [12_346, 0, 2, 0, 1, 0, 1, 0, 24, 0, 26, 0, 5, 5]),
            // A cookie with runs, one byte of flags: what follows is not aligned to 16 bits.
            ("more bytes than containers", [12_346, 0, 1, 0, 0, 0, 16, 0, 5, 5]),
        ] as [(String, [UInt16])])
    func `damage is refused`(name: String, bitmap: [UInt16]) {
        #expect(throws: BitmapError.self, "\(name)") { try Bitmap64(serialized: one(bitmap)) }
    }

    @Test(
        arguments: [
            ([0, 4, 2, 0, 1, 3, 2], [0, 1, 3, 4, 5], "two sound runs"),
            ([0, 4, 2, 0, 1, 2, 2], nil, "runs that touch are one run"),
            ([0, 4, 2, 0, 1, 1, 2], nil, "runs that overlap"),
            ([0, 4, 2, 9, 1, 0, 2], nil, "runs out of order"),
            ([0, 2, 1, 65_535, 2], nil, "a run past the end of its container"),
            ([0, 3, 1, 5, 2], nil, "another number of values than stated"),
            ([0, 2, 1, 5, 2], [5, 6, 7], "a sound run"),
            ([0, 4, 2, 0, 1, 3, 2].dropLast(1), nil, "a run cut short"),
        ] as [([UInt16], [UInt64]?, String)])
    func `runs are checked`(container: [UInt16], expected: [UInt64]?, name: String) {
        let bytes = one([]) + words([12_347, 0]) + [1] + words(container)
        do {
            #expect(try Array(Bitmap64(serialized: bytes)) == expected, "\(name)")
        } catch {
            #expect(expected == nil, "\(name): \(error)")
        }
    }

    @Test func `a bit set whose count is wrong is refused`() throws {
        var bitmap = Bitmap64()
        for position in 0..<5000 as Range<UInt64> { bitmap.insert(position * 2) }
        var bytes = bitmap.serialized()
        bytes[bytes.count - 1] |= 1
        #expect(throws: BitmapError.self) { try Bitmap64(serialized: bytes) }
    }

    @Test func `keys out of order are refused`() {
        let part = one([12_346, 0, 1, 0, 0, 0, 16, 0, 5])
        let twice = [2] + part.dropFirst() + part.dropFirst(8)
        #expect(throws: BitmapError.self) { try Bitmap64(serialized: twice) }
    }

    @Test func `a count of bitmaps that cannot be is refused before anything is reserved`() {
        let bytes = [UInt8](repeating: 255, count: 8) + [UInt8](repeating: 0, count: 64)
        #expect(throws: BitmapError.self) { try Bitmap64(serialized: bytes) }
    }
}
