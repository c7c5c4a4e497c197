import IcebergSpec
import IcebergTable
import ObjectStore
import Testing

@testable import IcebergData

/// Damaged files are errors that name the file, or are read; nothing else happens.
@Suite struct `Damaged data files` {
    private static let fields: [NestedField] = [
        .required(1, "id", .long), .optional(2, "tags", .list(elementID: 3, .string)),
        .optional(
            4, "m", .map(keyID: 5, .int, valueID: 6, .structure([.optional(7, "x", .decimal(precision: 30, scale: 1))]))
        ),
    ]

    private static func read(_ bytes: [UInt8], _ table: StoredTable) async throws -> Bool {
        let file = try await table.put("a.parquet", bytes, recordCount: 3)
        do throws(DataError) {
            _ = try await table.read(file, as: fields)
            return true
        } catch {
            #expect(error.place.hasPrefix("s3://lake/a.parquet"), "\(error)")
            return false
        }
    }

    private static func bytes(_ table: StoredTable) async throws -> [UInt8] {
        let source = RandomRows(seed: 11)
        let file = try await table.write("a.parquet", fields, (0..<3).map { _ in source.row(fields) })
        return try await table.store.get(try table.store.location(of: file.path), range: nil).bytes
    }

    @Test func `every truncation is an error`() async throws {
        let table = StoredTable()
        let bytes = try await Self.bytes(table)
        for length in 0..<bytes.count {
            #expect(try await Self.read(Array(bytes[..<length]), table) == false)
        }
    }

    @Test func `every flipped bit is an error or is read`() async throws {
        let table = StoredTable()
        let bytes = try await Self.bytes(table)
        var readable = 0
        for index in bytes.indices {
            for bit in [0, 3, 7] {
                var damaged = bytes
                damaged[index] ^= 1 << bit
                readable += try await Self.read(damaged, table) ? 1 : 0
            }
        }
        #expect(readable > 0 && readable < bytes.count * 3)
    }

    @Test func `a size that the manifest has wrong is asked of the store`() async throws {
        let table = StoredTable()
        let bytes = try await Self.bytes(table)
        for wrong in [-30, -1, 1, 1000] {
            var file = try await table.put("a.parquet", bytes, recordCount: 3)
            file.fileSizeBytes += Int64(wrong)
            #expect(try await table.read(file, as: Self.fields).count == 3)
        }
    }

    @Test func `delete files that make no sense are refused`() async throws {
        let table = StoredTable()
        let path = NestedField.optional(ReservedFieldID.deleteFilePath, "file_path", .string)
        let position = NestedField.optional(ReservedFieldID.deletePosition, "pos", .long)
        for row: [RowValue] in [
            [.null, .primitive(.long(1))], [.primitive(.string("s3://lake/a")), .null],
            [.primitive(.string("s3://lake/a")), .primitive(.long(-1))],
        ] {
            var file = try await table.write("d.parquet", [path, position], [row])
            file.content = .positionDeletes
            let error = await #expect(throws: DataError.self) { try await PositionDeletes(file, store: table.store) }
            #expect(error?.code == .malformed)
            #expect(error?.place == "s3://lake/d.parquet")
        }
        var file = try await table.write("e.parquet", [.required(1, "id", .long)], [[.primitive(.long(1))]])
        file.content = .equalityDeletes
        await #expect(throws: DataError.self) {
            try await EqualityDeletes(file, fields: [.required(1, "id", .long)], names: nil, store: table.store)
        }
        var vector = file
        vector.format = .puffin
        vector.content = .positionDeletes
        for (offset, size): (Int64?, Int64?) in [
            (nil, 10), (4, nil), (-1, 10), (4, -1), (.max, 1), (4, 1 << 40), (0, 20),
        ] {
            vector.contentOffset = offset
            vector.contentSizeBytes = size
            let error = await #expect(throws: DataError.self) {
                try await PositionDeletes.deletionVector(vector, store: table.store)
            }
            #expect(error?.code == .malformed)
        }
    }
}
