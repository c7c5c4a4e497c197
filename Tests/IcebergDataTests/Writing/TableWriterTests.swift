import Bitmaps
import Clocks
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore
import ParquetFormat
import PuffinFormat
import Testing

@testable import IcebergData

@Suite struct `Writing tables` {
    static let fields = [
        NestedField.required(1, "id", .long), .optional(2, "kind", .string), .optional(3, "at", .timestamptz),
        .optional(4, "price", .decimal(precision: 9, scale: 2)),
    ]

    private func write(
        _ metadata: TableMetadata, _ values: [[RowValue]], _ options: TableWriterOptions = TableWriterOptions()
    ) throws -> [WrittenFile] {
        var writer = try TableWriter(metadata, options: options, random: WritingRandom())
        for row in values { try writer.append(row) }
        return try writer.finish()
    }

    @Test func `rows go to the files of their partitions`() throws {
        let schema = try Schema(fields: Self.fields)
        let metadata = try writingTable(
            schema,
            spec: [
                .init(sourceID: 2, name: "kind", transform: .identity),
                .init(sourceID: 3, name: "at_day", transform: .day),
                .init(sourceID: 1, name: "id_bucket", transform: .bucket(4)),
                .init(sourceID: 4, name: "price_trunc", transform: .truncate(100)),
            ])
        let values = try writingRows(
            schema, #"{"id": 1, "kind": "a", "at": "1969-12-31T23:00:00+00:00", "price": "-1.50"}"#,
            #"{"id": 1, "kind": "b c", "at": null, "price": null}"#,
            #"{"id": 1, "kind": "a", "at": "1969-12-31T00:00:00+00:00", "price": "-1.99"}"#,
            #"{"id": 1, "kind": null, "at": "2024-01-01T00:00:00+00:00", "price": "2.00"}"#)
        let files = try write(metadata, values)
        let bucket = try #require(Transform.bucket(4).apply(.long(1)))
        #expect(
            files.map(\.file.partition) == [
                [.string("a"), .date(-1), bucket, .decimal(unscaled: -200, scale: 2)],
                [.string("b c"), nil, bucket, nil],
                [nil, .date(19_723), bucket, .decimal(unscaled: 200, scale: 2)],
            ])
        #expect(files.map(\.file.recordCount) == [2, 1, 1])
        #expect(
            files[1].file.path.hasPrefix(
                "s3://lake/db/t/data/kind=b+c/at_day=null/id_bucket=\(bucket.humanString)/price_trunc=null/00002-"))
        for file in files {
            #expect(file.file.specID == 0)
            #expect(file.file.sortOrderID == nil)
            #expect(Int(file.file.fileSizeBytes) == file.bytes.count)
            #expect(file.file.valueCounts[1] == file.file.recordCount)
        }
        #expect(files[0].file.lowerBounds[3] == Datum.timestamptz(-86_400_000_000).singleValueBinary)
        #expect(files[1].file.nullValueCounts[3] == 1)
    }

    @Test func `a file is sorted by the table's order, and only then says so`() throws {
        let schema = try Schema(fields: Self.fields)
        let order = SortOrder(
            id: 1,
            fields: [
                SortField(sourceID: 3, direction: .descending, nullOrder: .last), SortField(sourceID: 1),
            ])
        let metadata = try writingTable(schema, order: order)
        let values = try writingRows(
            schema, #"{"id": 4, "at": null}"#, #"{"id": 3, "at": "2024-01-01T00:00:00+00:00"}"#,
            #"{"id": 2, "at": "2024-01-02T00:00:00+00:00"}"#, #"{"id": 1, "at": "2024-01-01T00:00:00+00:00"}"#)
        let sorted = try write(metadata, values)
        #expect(try writtenIntegers(sorted[0].bytes, "id") == [2, 1, 3, 4])
        #expect(sorted[0].file.sortOrderID == metadata.defaultSortOrderID)
        let group = try #require(try ParquetReader(sorted[0].bytes).metadata.rowGroups.first)
        #expect(
            group.sortingColumns == [
                SortingColumn(leafIndex: 2, isDescending: true, nullsFirst: false),
                SortingColumn(leafIndex: 0, isDescending: false, nullsFirst: true),
            ])
        var options = TableWriterOptions()
        options.sorts = false
        let unsorted = try write(metadata, values, options)
        #expect(try writtenIntegers(unsorted[0].bytes, "id") == [4, 3, 2, 1])
        #expect(unsorted[0].file.sortOrderID == nil)
        #expect(try ParquetReader(unsorted[0].bytes).metadata.rowGroups.first?.sortingColumns == [])
    }

    @Test(arguments: [false, true])
    func `files end near their target, and what is open is bounded`(isSorted: Bool) throws {
        let schema = try Schema(fields: [.required(1, "id", .long), .required(2, "part", .int)])
        let metadata = try writingTable(
            schema, spec: [.init(sourceID: 2, name: "part", transform: .identity)],
            order: isSorted ? SortOrder(id: 1, fields: [SortField(sourceID: 1)]) : nil)
        var options = TableWriterOptions(parquet: ParquetWriterOptions(codec: .uncompressed))
        options.targetFileBytes = 100_000
        options.parquet.rowGroupBytes = 50_000
        options.parquet.dictionary = false
        options.memoryBytes = 150_000
        var writer = try TableWriter(metadata, options: options, random: WritingRandom())
        var files: [WrittenFile] = []
        let random = WritingRandom(3)
        for index in 0..<40_000 {
            let id = Int64(bitPattern: random.next())
            try writer.append([.primitive(.long(id)), .primitive(.int(Int32(index % 3)))])
            files += writer.takeFinished()
        }
        files += try writer.finish()
        #expect(files.reduce(0) { $0 + $1.file.recordCount } == 40_000)
        #expect(files.count >= 5)
        #expect(files.allSatisfy { $0.bytes.count < 250_000 })
        #expect(Set(files.map(\.file.path)).count == files.count)
        if isSorted {
            for file in files {
                let ids = try writtenIntegers(file.bytes, "id").compactMap { $0 }
                #expect(ids == ids.sorted())
            }
        }
    }

    @Test func `lineage columns go into files that are rewritten, in version 3 alone`() throws {
        let schema = try Schema(fields: [.required(1, "id", .long)])
        var options = TableWriterOptions()
        options.keepsLineage = true
        let files = try write(
            try writingTable(schema, formatVersion: 3),
            [
                [.primitive(.long(5)), .primitive(.long(17)), .primitive(.long(2))],
                [.primitive(.long(6)), .null, .null],
            ],
            options)
        #expect(try writtenIntegers(files[0].bytes, "_row_id") == [17, nil])
        #expect(try writtenIntegers(files[0].bytes, "_last_updated_sequence_number") == [2, nil])
        let leaves = try ParquetReader(files[0].bytes).schema.leaves
        #expect(leaves.map(\.fieldID) == [1, 2_147_483_540, 2_147_483_539])
        let old = try writingTable(schema)
        #expect(throws: DataError.self) { _ = try TableWriter(old, options: options) }
    }

    @Test(arguments: [
        ("write.target-file-size-bytes", "-1"), ("write.parquet.page-size-bytes", "big"),
        ("write.parquet.compression-codec", "lzo"),
    ])
    func `properties that cannot be followed are refused`(key: String, value: String) {
        #expect(throws: DataError.self) { _ = try TableWriterOptions(properties: [key: value]) }
    }

    @Test func `properties say what manifests tell of columns`() throws {
        let schema = try Schema(fields: Self.fields)
        let metadata = try writingTable(
            schema,
            properties: [
                "write.metadata.metrics.default": "counts", "write.metadata.metrics.column.kind": "truncate(2)",
                "write.metadata.metrics.column.at": "none",
            ])
        let values = try writingRows(schema, #"{"id": 1, "kind": "abc", "at": "2024-01-01T00:00:00+00:00"}"#)
        let file = try write(metadata, values)[0].file
        #expect(file.valueCounts[1] == 1)
        #expect(file.lowerBounds[1] == nil)
        #expect(file.lowerBounds[2] == Array("ab".utf8))
        #expect(file.upperBounds[2] == Array("ac".utf8))
        #expect(file.valueCounts[3] == nil)
    }

    @Test func `properties lay files out`() throws {
        let options = try TableWriterOptions(properties: [
            "write.target-file-size-bytes": "1000", "write.parquet.row-group-size-bytes": "2000",
            "write.parquet.compression-codec": "gzip", "write.parquet.compression-level": "9",
        ])
        #expect(options.targetFileBytes == 1000)
        #expect(options.parquet.rowGroupBytes == 2000)
        #expect(options.parquet.codec == .gzip(level: 9))
    }
}

@Suite struct `Shredding columns` {
    @Test(arguments: [UInt64](1...20))
    func `columns of a batch are taken apart as the rows were`(seed: UInt64) async throws {
        let element = IcebergType.structure([
            .optional(20, "a", .list(elementID: 22, .int)), .required(21, "b", .decimal(precision: 30, scale: 2)),
        ])
        let schema = try Schema(fields: [
            .required(1, "id", .long), .optional(2, "text", .string), .required(3, "id16", .uuid),
            .optional(4, "nested", .list(elementID: 5, element)),
            .optional(6, "map", .map(keyID: 7, .string, valueID: 8, .map(keyID: 9, .date, valueID: 10, .double))),
            .optional(
                11, "group",
                .structure([.optional(12, "flag", .boolean), .optional(13, "price", .decimal(precision: 9, scale: 1))])),
            .optional(14, "nothing", .unknown),
        ])
        let random = WritingRandom(seed)
        var shredder = try RowShredder(schema)
        for _ in 0..<50 { try shredder.append(schema.fields.map { RowValue.random($0, random) }) }
        let parquetSchema = shredder.parquetSchema
        let rows = try shredder.take()
        let metadata = try writingTable(schema, formatVersion: 3)
        var writer = try TableWriter(metadata, options: TableWriterOptions(), random: random)
        // Ids of a new table are assigned anew, in the same places.
        try writer.append(rows)
        let batches = try await scan(try writer.finish(), metadata)
        #expect(batches.count == 1)
        let shredded = try BatchShredder(parquetSchema: parquetSchema)
            .shred(try #require(batches.first).columns, rowCount: 50)
        #expect(shredded == rows)
    }

    @Test func `variants are carried from columns to files and back`() async throws {
        let schema = try Schema(fields: [.required(1, "id", .long), .optional(2, "v", .variant)])
        let metadata = try writingTable(schema, formatVersion: 3)
        let (empty, field) = ([UInt8](arrayLiteral: 1, 0, 0), schema.fields[1])
        let vector = try ColumnVector(
            field: field, count: 3, validity: [true, false, true],
            values: .variant(
                metadata: ByteArrayColumn([empty, [], empty]), value: ByteArrayColumn([[0x0C, 7], [], [0x00]])))
        let ids = try ColumnVector(field: schema.fields[0], count: 3, values: .long([1, 2, 3]))
        var writer = try TableWriter(metadata, options: TableWriterOptions())
        try writer.append(try ColumnBatch(columns: [ids, vector], rowCount: 3))
        let batches = try await scan(try writer.finish(), metadata)
        var lines: [UInt8] = []
        for batch in batches { batch.appendJSONLines(to: &lines) }
        #expect(
            String(decoding: lines, as: UTF8.self) == #"""
                {"id":1,"v":{"metadata":"010000","value":"0c07"}}
                {"id":2,"v":null}
                {"id":3,"v":{"metadata":"010000","value":"00"}}

                """#)
        var rowWriter = try TableWriter(metadata, options: TableWriterOptions())
        try rowWriter.append([.primitive(.long(1)), .null])
        #expect(throws: DataError.self) { try rowWriter.append([.primitive(.long(1)), .primitive(.int(1))]) }
    }

    /// What a table of these files alone holds.
    private func scan(_ files: [WrittenFile], _ metadata: TableMetadata) async throws -> [ColumnBatch] {
        let store = MemoryObjectStore()
        for file in files {
            _ = try await store.putIfAbsentProved(try store.location(of: file.file.path), file.bytes)
        }
        let loader = ManifestLoader(store: store)
        let prepared = try await Append(files: files.map(\.file)).prepare(base: metadata, loader: loader)
        for object in prepared.objects { _ = try await store.putIfAbsentProved(object.location, object.bytes) }
        let table = try metadata.applying(prepared.updates, at: Timestamp(milliseconds: 1_700_000_001_000))
        var batches: [ColumnBatch] = []
        for try await batch in TableScan(table, loader: loader).batches() { batches.append(batch) }
        return batches
    }

    @Test func `a required value that is missing in columns is named`() throws {
        let schema = try Schema(fields: [.required(1, "l", .list(elementID: 2, .int, elementRequired: true))])
        let element = try ColumnVector(
            field: .optional(2, "element", .int), count: 3, validity: [true, true, false], values: .int([1, 2, 0]))
        let required = ColumnVector(
            unchecked: .required(2, "element", .int), count: 3, validity: element.validity, values: element.values)
        let list = try ColumnVector(
            field: schema.fields[0], count: 2, values: .list(offsets: [0, 1, 3], element: required))
        let batch = try ColumnBatch(columns: [list], rowCount: 2)
        var writer = try TableWriter(try writingTable(schema), options: TableWriterOptions())
        let error = try #require(throws: DataError.self) { try writer.append(batch) }
        #expect("\(error)" == "row 1, column l.element: a required value is missing")
    }
}

@Suite struct `Writing deletes` {
    @Test func `position deletes are sorted, and name their only file`() throws {
        var places = FilePlaces(try writingTable(try Schema(fields: [.required(1, "id", .long)])))
        var deletes = PositionDeleteFile(spec: .unpartitioned, partition: [])
        deletes.delete(7, in: "s3://lake/db/t/data/a-rather-long-name-1.parquet")
        deletes.delete(3, in: "s3://lake/db/t/data/a-rather-long-name-1.parquet")
        deletes.delete(7, in: "s3://lake/db/t/data/a-rather-long-name-1.parquet")
        let one = try deletes.encode(places: &places)
        #expect(one.file.content == .positionDeletes)
        #expect(one.file.recordCount == 2)
        #expect(one.file.referencedDataFile == "s3://lake/db/t/data/a-rather-long-name-1.parquet")
        #expect(try writtenIntegers(one.bytes, "pos") == [3, 7])
        deletes.delete(0, in: "s3://lake/db/t/data/a-rather-long-name-0.parquet")
        let two = try deletes.encode(places: &places)
        #expect(two.file.referencedDataFile == nil)
        #expect(try writtenIntegers(two.bytes, "pos") == [0, 3, 7])
        #expect(two.file.lowerBounds[2_147_483_546] == Array("s3://lake/db/t/data/a-rather-long-name-0.parquet".utf8))
        #expect(two.file.upperBounds[2_147_483_546] == Array("s3://lake/db/t/data/a-rather-long-name-1.parquet".utf8))
        #expect(one.file.path != two.file.path)
        #expect(try ParquetReader(two.bytes).schema.leaves.map(\.fieldID) == [2_147_483_546, 2_147_483_545])
    }

    @Test func `nothing to delete and negative positions are errors`() throws {
        var places = FilePlaces(try writingTable(try Schema(fields: [.required(1, "id", .long)])))
        var deletes = PositionDeleteFile(spec: .unpartitioned, partition: [])
        #expect(throws: DataError.self) { _ = try deletes.encode(places: &places) }
        deletes.delete(-1, in: "s3://lake/x")
        #expect(throws: DataError.self) { _ = try deletes.encode(places: &places) }
        #expect(throws: DataError.self) { _ = try DeletionVectorFile().encode(places: &places) }
    }

    @Test func `equality deletes hold the columns that are compared`() throws {
        let schema = try Schema(
            fields: [.required(1, "id", .long), .optional(2, "kind", .string), .optional(3, "ratio", .double)])
        var places = FilePlaces(try writingTable(schema))
        var deletes = try EqualityDeleteFile(of: schema, equalityIDs: [2, 1], spec: .unpartitioned, partition: [])
        try deletes.delete([.null, .primitive(.long(4))])
        let file = try deletes.encode(places: &places)
        #expect(file.file.content == .equalityDeletes)
        #expect(file.file.equalityIDs == [2, 1])
        #expect(file.file.recordCount == 1)
        #expect(file.file.nullValueCounts[2] == 1)
        #expect(try ParquetReader(file.bytes).schema.leaves.map(\.fieldID) == [2, 1])
        for ids in [[], [3], [9]] {
            #expect(throws: DataError.self) {
                _ = try EqualityDeleteFile(of: schema, equalityIDs: ids, spec: .unpartitioned, partition: [])
            }
        }
    }

    @Test func `deletion vectors of several files lie in one Puffin file`() throws {
        var places = FilePlaces(try writingTable(try Schema(fields: [.required(1, "id", .long)])))
        let data = DataFile(
            path: "s3://lake/1.parquet", specID: 3, partition: [.int(1)], recordCount: 10, fileSizeBytes: 1)
        let other = DataFile(path: "s3://lake/2.parquet", recordCount: 5, fileSizeBytes: 1)
        var vectors = DeletionVectorFile()
        try vectors.append(Bitmap64([1, 9]), of: data)
        try vectors.append(Bitmap64([0]), of: other)
        #expect(throws: DataError.self) { try vectors.append(Bitmap64([0]), of: other) }
        #expect(throws: DataError.self) { try vectors.append(Bitmap64([10]), of: data) }
        #expect(throws: DataError.self) { try vectors.append(Bitmap64(), of: data) }
        let files = try vectors.encode(places: &places)
        #expect(files.count == 2)
        #expect(files[0].bytes == files[1].bytes)
        #expect(files.map(\.file.recordCount) == [2, 1])
        #expect(files[0].file.specID == 3)
        #expect(files[0].file.partition == [.int(1)])
        for (index, expected) in [[UInt64](arrayLiteral: 1, 9), [0]].enumerated() {
            let file = files[index].file
            #expect(file.isDeletionVector)
            let start = Int(try #require(file.contentOffset))
            let blob = Array(files[index].bytes[start..<(start + Int(try #require(file.contentSizeBytes)))])
            #expect(Array(try DeletionVector.decode(blob, cardinality: file.recordCount)) == expected)
        }
    }
}
