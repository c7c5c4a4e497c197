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

    @Test(
        arguments: [
            (["write.metadata.compression-codec": "gzip"], true), (["write.metadata.compression-codec": "none"], false),
            ([:], false), (["large": String(repeating: "x", count: CatalogLimits.compressedMetadataBytesMin)], true),
            (
                [
                    "large": String(repeating: "x", count: CatalogLimits.compressedMetadataBytesMin),
                    "write.metadata.compression-codec": "none",
                ], false
            ),
        ] as [([String: String], Bool)])
    func `a file is compressed where the table asks for it or does not say and is large`(
        _ properties: [String: String], _ isCompressed: Bool
    ) async throws {
        let fixture = try ServiceFixture()
        let memory = try await fixture.store(tables: [])
        let service = try fixture.service(memory)
        _ = try await service.createTable(
            fixture.events, try fixture.creation(properties: properties), CatalogService.Request())
        for number in 0..<3 {
            let made = try await service.commit(
                fixture.change(fixture.events, setting: "n", to: "\(number)"), CatalogService.Request()
            ).file
            #expect(TableMetadataFile.isCompressed(name: made.location) == isCompressed)
            let bytes = try await memory.get(try memory.location(of: made.location), range: nil).bytes
            #expect(bytes.starts(with: [0x1F, 0x8B]) == isCompressed && (bytes == made.json) == !isCompressed)
            // As another replica reads it.
            let read = try await fixture.service(memory).loadTable(fixture.events).file
            #expect(read.metadata == made.metadata && read.json == made.json && read.location == made.location)
        }
    }

    @Test func `what is kept of tables is bounded by what it takes in memory, not by their files`() async throws {
        let fixture = try ServiceFixture()
        let service = try fixture.service(try await fixture.store())
        let value = String(
            repeating: "x", count: CatalogLimits.cachedMetadataBytesMax / 4 / CatalogLimits.parsedMetadataFactor)
        var locations: [String] = []
        for number in 0..<5 {
            let table = try TableIdentifier(fixture.namespace, "t\(number)")
            let creation = try fixture.creation(properties: ["x": value])
            let made = try await service.createTable(table, creation, CatalogService.Request()).table
            locations.append(try #require(made).file.location)
        }
        #expect(locations.map { service.files.known($0) != nil }.count { $0 } < 4)
        #expect(service.files.known(try #require(locations.last)) != nil)
    }
}
