import Compression
import IcebergCatalog
import IcebergSpec
import ObjectStore
import Testing

@testable import Catalog

/// Metadata files that are too large to be read.
@Suite struct MetadataSizeTests {
    @Test func `a file is read to the limit and not beyond, compressed or not`() async throws {
        let fixture = try ServiceFixture()
        let memory = try await fixture.store(tables: [fixture.events])
        let table = try await fixture.service(memory).loadTable(fixture.events).file
        let padded = table.json + [UInt8](repeating: 0x20, count: 100_000)
        let folder = "\(table.metadata.location)/metadata"
        let files = [
            ("\(folder)/1.metadata.json", padded),
            ("\(folder)/1.gz.metadata.json", try Deflate.compress(padded, container: .gzip)),
        ]
        for (location, bytes) in files {
            _ = try await memory.putIfAbsentProved(try memory.location(of: location), bytes)
            let read = try await StoredMetadata.read(location, from: memory, bytesMax: padded.count)
            #expect(read.metadata == table.metadata)
            do throws(CatalogError) {
                _ = try await StoredMetadata.read(location, from: memory, bytesMax: padded.count - 1)
                Issue.record("\(location) was read")
            } catch {
                #expect(error.code == .badRequest)
                #expect(error.message.contains(location) && error.message.contains("\(padded.count - 1) bytes"))
            }
        }
    }
}
