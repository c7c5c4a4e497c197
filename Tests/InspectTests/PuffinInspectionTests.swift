import Bitmaps
import Inspect
import JSONFormat
import PuffinFormat
import Testing

@Suite struct `Inspecting Puffin` {
    private func bytes() throws -> [UInt8] {
        var writer = PuffinWriter(properties: ["created-by": "a test"])
        _ = try writer.append(deletionVector: Bitmap64(100..<200), of: "a.parquet")
        _ = try writer.append(deletionVector: Bitmap64([7, 1 << 33]), of: "b.parquet")
        return try writer.finish().bytes
    }

    @Test func `deletion vectors are shown with their first positions`() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(try bytes(), "a.puffin")
        let shown = try await inspected("puffin", file, "--limit", "3")
        #expect(shown["properties"]?["created-by"] == "a test")
        let blobs = try #require(shown["blobs"]?.array)
        #expect(blobs.map { $0["positions"] } == [100, 2])
        #expect(blobs[0]["first positions"] == [100, 101, 102])
        #expect(blobs[1]["first positions"] == [7, 8_589_934_592])
        #expect(blobs[1]["properties"]?["referenced-data-file"] == "b.parquet")
    }

    @Test func `of a damaged vector the place is named, and the others are shown`() async throws {
        let directory = try TemporaryDirectory()
        var bytes = try bytes()
        bytes[20] ^= 1
        let shown = try await inspected("puffin", try directory.write(bytes, "a.puffin"), exitCode: 1)
        #expect(shown["blobs"]?.array?[0]["error"]?.string?.contains("checksum") == true)
        #expect(shown["blobs"]?.array?[1]["positions"] == 2)
        #expect(shown["error"]?.string?.contains("blob 0") == true)
        for length in 0..<bytes.count {
            let cut = try directory.write(Array(bytes.prefix(length)), "cut.puffin")
            #expect(await InspectCommand.run(["puffin", cut]).exitCode == 1)
        }
    }
}
