import Batching
import Clocks
import Events
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat
import Schemas
import Testing

@testable import Committing

/// One record with these events, all of one type and hour.
func eventBatch(_ events: [String], first: UInt64 = 1) throws -> SealedBatch {
    var machine = BatchMachine(limits: BatchLimits(), nextSequence: first)
    let texts = events.enumerated().map { index, members in
        let head =
            #""specversion":"1.0","id":"\#(first)-\#(index)","type":"t","source":"s","time":"2024-01-15T14:30:00Z""#
        return members.isEmpty ? "{\(head)}" : "{\(head),\(members)}"
    }
    let now = Timestamp(microseconds: 5)
    let parsed = try EventParser(secret: EventKeySecret(low: 1, high: 1)).parse(
        EventRequest(contentType: "application/json", body: Array("[\(texts.joined(separator: ","))]".utf8)), at: now)
    #expect(parsed.rejections.isEmpty)
    let record = parsed.record(context: EventContext(receivedAt: now))
    let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: record.count, alignment: 1)
    defer { raw.deallocate() }
    raw.copyBytes(from: record)
    try machine.append(UnsafeRawBufferPointer(raw), sequence: first, at: 0)
    let sealed = machine.seal()
    return try #require(sealed)
}

extension World {
    /// The values of a column in all files, each as text; nil for null.
    fileprivate func values(of name: String) async throws -> [String?] {
        let metadata = try await catalog.loadTable(identifier).metadata
        let snapshot = try #require(metadata.currentSnapshot)
        let loader = ManifestLoader(store: memory)
        var result: [String?] = []
        for manifest in try await loader.manifests(of: snapshot) {
            for entry in try await loader.entries(of: manifest, in: metadata) where entry.isLive {
                let bytes = try await memory.get(try memory.location(of: entry.file.path), range: nil).bytes
                let file = try ParquetReader(bytes)
                guard let leaf = file.metadata.schema.leaves.firstIndex(where: { $0.path.first == name }) else {
                    result.append("no such column")
                    continue
                }
                for group in 0..<file.metadata.rowGroups.count {
                    result += texts(try file.column(rowGroup: group, leaf: leaf))
                }
            }
        }
        return result
    }

    private func texts(_ column: LeafColumn) -> [String?] {
        var present: [String] =
            switch column.values {
            case .boolean(let values): values.map { "\($0)" }
            case .int32(let values): values.map { "\($0)" }
            case .int64(let values): values.map { "\($0)" }
            case .float(let values): values.map { "\($0)" }
            case .double(let values): values.map { "\($0)" }
            case .byteArray(let values): (0..<values.count).map { values.string(at: $0) }
            case .fixedLengthByteArray(let values):
                (0..<values.count).compactMap { UUID(bytes: values[$0])?.description }
            case .int96: []
            }
        if column.maxRepetitionLevel > 0 {
            return [present.joined(separator: ",") + "|" + column.definitionLevels.map { "\($0)" }.joined()]
        }
        if column.definitionLevels.isEmpty { return present }
        present.reverse()
        return column.definitionLevels.map { $0 == 1 ? present.popLast() : nil }
    }
}

struct TableShapeTests {
    private func batch(_ events: [String], first: UInt64 = 1) throws -> SealedBatch {
        try eventBatch(events, first: first)
    }

    private func make(_ world: World, _ fields: [NestedField], _ properties: [String: String] = [:]) async throws {
        _ = try await world.catalog.createTable(
            world.identifier, TableCreation(schema: try Schema(fields: fields), properties: properties))
    }

    @Test(
        arguments: [
            (.boolean, ["true", "false", #""true""#, "1", "null"], ["true", "false", nil, nil, nil], 2),
            (
                .int, ["1", "-2147483648", "2147483648", "1.0", "1.5", #""1""#],
                ["1", "-2147483648", nil, "1", nil, nil], 3
            ),
            (
                .long, ["9223372036854775807", "9223372036854775808", "1e3", "-0", "1e300", "9007199254740994.0"],
                ["9223372036854775807", nil, "1000", "0", nil, nil], 3
            ),
            (.float, ["1.5", "1e300", "-2"], ["1.5", nil, "-2.0"], 1),
            (.double, ["1.5", "1e400", "123456789012345678"], ["1.5", nil, "1.2345678901234568e+17"], 1),
            (
                .string, [#""a\"ü\u00e9\ud83d\ude00\n""#, " 12 ", #"{"a": [1, 2]}"#, "true", "null", #""""#],
                ["a\"üé😀\n", "12", #"{"a": [1, 2]}"#, "true", nil, ""], 0
            ),
            (
                .timestamptz, [#""2024-01-15T14:30:00.5+01:00""#, #""2024-01-15""#, "1705329000"],
                ["1705325400500000", nil, nil], 2
            ),
            (.timestamp, [#""1969-12-31T23:59:59Z""#], ["-1000000"], 0),
            (
                .date, [#""2024-02-29""#, #""1969-12-31""#, #""2023-02-29""#, #""2024-2-9""#],
                ["19782", "-1", nil, nil], 2
            ),
            (
                .uuid, [#""0190A8E5-7c00-7000-8000-000000000001""#, #""x""#],
                ["0190a8e5-7c00-7000-8000-000000000001", nil], 1
            ),
            (
                .decimal(precision: 9, scale: 2),
                ["12.5", "-0.01", #""7""#, "1.005", "1e5", "1e7", "9999999.99", "10000000", "0.000"],
                ["1250", "-1", "700", nil, "10000000", nil, "999999999", nil, "0"], 3
            ),
            (
                .decimal(precision: 18, scale: 0), ["999999999999999999", "1000000000000000000", "12e-1"],
                ["999999999999999999", nil, nil], 2
            ),
        ] as [(IcebergType, [String], [String?], Int)])
    func `a field is taken as its column's type`(
        type: IcebergType, values: [String], expected: [String?], unfit: Int
    ) async throws {
        let world = try World()
        try await make(world, [.required(1, "id", .string), .optional(2, "x", type)])
        let events = values.map { #""data":{"y":{"x":0},"x":\#($0),"z":[]}"# } + ["", #""data":[1]"#, #""data":{}"#]
        let outcome = try await world.committer().commit(batch(events))
        #expect(try await world.values(of: "x") == expected + [nil, nil, nil])
        guard case .committed(let receipt) = outcome else {
            Issue.record("not committed")
            return
        }
        #expect(receipt.unfit == (unfit == 0 ? [:] : ["x": unfit]))
    }

    @Test(arguments: [false, true])
    func `lists of text`(isRequired: Bool) async throws {
        let world = try World()
        try await make(
            world,
            [
                .required(1, "id", .string),
                .optional(2, "tags", .list(elementID: 3, .string, elementRequired: isRequired)),
            ])
        let lists = [#"["a","b\"c"]"#, "[]", "null", "[1,{\"k\":[2]}]", #"["x",null]"#, #""no list""#]
        _ = try await world.committer().commit(batch(lists.map { #""data":{"tags":\#($0)}"# }))
        let present = isRequired ? "22" : "33"
        #expect(
            try await world.values(of: "tags") == [
                #"a,b"c,1,{"k":[2]}"# + (isRequired ? "" : ",x") + "|\(present)10\(present)" + (isRequired ? "0" : "32")
                    + "0"
            ])
    }

    @Test func `of a field that comes twice the last counts, and escaped names are names`() async throws {
        let world = try World()
        try await make(
            world,
            [
                .required(1, "id", .string), .optional(2, "a", .long), .optional(3, "b", .string),
                .optional(4, "tags", .list(elementID: 5, .string)),
            ])
        _ = try await world.committer().commit(
            batch([
                #""data":{"a":1,"b":"x","a":2,"tags":["p"],"tags":["q","r"]}"#,
                #""data":{"\u0062":"y","a":1,"a":"no"}"#,
            ]))
        #expect(try await world.values(of: "a") == ["2", nil])
        #expect(try await world.values(of: "b") == ["x", "y"])
        #expect(try await world.values(of: "tags") == ["q,r|330"])
    }

    @Test func `columns a value cannot be given for stay out, unless they are required`() async throws {
        let world = try World()
        let place = IcebergType.structure([.optional(3, "lat", .double)])
        try await make(
            world, [.required(1, "id", .string), .optional(2, "place", place), .optional(4, "time", .string)])
        _ = try await world.committer().commit(batch([#""data":{"place":{"lat":1},"time":"noon"}"#]))
        #expect(try await world.values(of: "place") == ["no such column"])
        // Not the attribute, which is no text: the field of that name.
        #expect(try await world.values(of: "time") == ["noon"])
        for type in [place, .long, .string, .timestamptz] as [IcebergType] {
            let other = try World()
            try await make(other, [.required(1, "id", .string), .required(2, "place", type)])
            await #expect { _ = try await other.committer().commit(batch([""])) } throws: {
                ($0 as? CommitError)?.code == .unsuitableTable
            }
        }
    }

    @Test func `a typed table is made and filled, and the event's attributes fill in`() async throws {
        let world = try World()
        let columns = [
            TypedColumn(name: "url", field: "page url", content: .text),
            TypedColumn(name: "duration", field: "duration", content: .long),
            TypedColumn(name: "duration_double", field: "duration", content: .double),
            TypedColumn(name: "details", field: "details", content: .json),
            TypedColumn(name: "user_id", field: "user_id", content: .text, attribute: .subject),
        ]
        let committer = world.committer { $0.shape = .typed(columns) }
        _ = try await committer.commit(
            batch([
                #""subject":"u1","data":{"page url":"/a","duration":3,"details":{"k": 1}}"#,
                #""subject":"u2","data":{"duration":1.5,"user_id":"own","page url":7}"#,
                #""data":{"details":"text"}"#,
            ]))
        #expect(try await world.values(of: "url") == ["/a", nil, nil])
        #expect(try await world.values(of: "duration") == ["3", nil, nil])
        #expect(try await world.values(of: "duration_double") == ["3.0", "1.5", nil])
        #expect(try await world.values(of: "details") == [#"{"k": 1}"#, nil, #""text""#])
        #expect(try await world.values(of: "user_id") == ["u1", "own", nil])
        #expect(try await world.values(of: "subject") == ["u1", "u2", nil])
    }

    @Test func `a typed table gets new columns and wider ones, and keeps what cannot change`() async throws {
        let world = try World()
        try await make(
            world,
            [
                .required(1, "id", .string), .optional(2, "count", .int), .optional(3, "ratio", .float),
                .optional(4, "flag", .boolean),
            ])
        let columns = [
            TypedColumn(name: "count", field: "count", content: .long),
            TypedColumn(name: "ratio", field: "ratio", content: .double),
            TypedColumn(name: "flag", field: "flag", content: .timestamp),
            TypedColumn(name: "added", field: "added", content: .date, doc: "new"),
        ]
        let fixed = world.committer {
            $0.evolvesSchema = false; $0.shape = .typed(columns)
        }
        _ = try await fixed.commit(batch([#""data":{"count":5000000000,"added":"2024-01-01"}"#]))
        #expect(try await world.catalog.loadTable(world.identifier).metadata.currentSchema.fields.count == 4)
        let committer = world.committer { $0.shape = .typed(columns) }
        _ = try await committer.commit(
            batch([#""data":{"count":5000000000,"ratio":0.1,"flag":true,"added":"2024-01-01"}"#], first: 2))
        let schema = try await world.catalog.loadTable(world.identifier).metadata.currentSchema
        #expect(schema.field(named: "count")?.type == .long && schema.field(named: "ratio")?.type == .double)
        #expect(schema.field(named: "flag")?.type == .boolean && schema.field(named: "added")?.doc == "new")
        #expect(try await world.values(of: "count").compactMap { $0 } == ["5000000000"])
        // A newer version of the schema, while it runs.
        await committer.reshape(.typed(columns + [TypedColumn(name: "later", field: "later", content: .text)]))
        _ = try await committer.commit(batch([#""data":{"later":"x"}"#], first: 3))
        #expect(try await world.values(of: "later").contains("x"))
    }

    @Test func `collectors that add different columns at the same time both get them`() async throws {
        let world = try World()
        try await make(world, [.required(1, "id", .string)])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, name) in ["a", "b", "c"].enumerated() {
                var configuration = TableCommitter.Configuration(
                    table: world.identifier, location: nil, logID: UUID(high: 7, low: UInt64(number)))
                configuration.shape = .typed([TypedColumn(name: name, field: name, content: .long)])
                let committer = TableCommitter(
                    configuration, catalog: world.catalog, store: world.memory, firstInLog: 1, clock: TestClock())
                let batch = try batch([#""data":{"\#(name)":1}"#])
                group.addTask { _ = try await committer.commit(batch) }
            }
            try await group.waitForAll()
        }
        let schema = try await world.catalog.loadTable(world.identifier).metadata.currentSchema
        for name in ["a", "b", "c"] {
            #expect(schema.field(named: name)?.type == .long)
            #expect(try await world.values(of: name).contains("1"))
        }
        #expect(Set(schema.fields.map(\.name)).count == schema.fields.count)
    }

    @Test func `refused events have a table of their own`() async throws {
        let world = try World()
        let committer = world.committer { $0.shape = .quarantine }
        _ = try await committer.commit(
            batch([
                #""message":"why","attribute":"time","index":7,"client":"::1","data":{"not":"checked"}"#,
                #""index":"x","other":"kept""#,
            ]))
        #expect(try await world.values(of: "rejected_id") == ["1-0", "1-1"])
        #expect(try await world.values(of: "reason") == ["t", "t"])
        #expect(try await world.values(of: "message") == ["why", nil])
        #expect(try await world.values(of: "index") == ["7", nil])
        #expect(try await world.values(of: "raw") == [#"{"not":"checked"}"#, nil])
        #expect(try await world.values(of: "received_at") == ["1705329000000000", "1705329000000000"])
        let metadata = try await world.catalog.loadTable(world.identifier).metadata
        #expect(metadata.partitionSpecs.count == 1 && metadata.defaultSpec.fields.map(\.transform) == [.day])
    }

    @Test(arguments: [1, 2, 3])
    func `tables of version 1 are refused with the remedy, those of 2 and 3 are written`(version: Int) async throws {
        let world = try World()
        try await make(
            world, [.required(1, "event_id", .string), .optional(2, "data", .string)], ["format-version": "\(version)"])
        #expect(try await world.catalog.loadTable(world.identifier).metadata.formatVersion == version)
        guard version > 1 else {
            await #expect { _ = try await world.committer().commit(batch([""])) } throws: {
                ($0 as? CommitError)?.code == .unsuitableTable
                    && ($0 as? CommitError)?.message.contains("Upgrade") == true
            }
            return
        }
        _ = try await world.committer().commit(batch(["", #""data":{}"#]))
        #expect(try await world.values(of: "data") == [nil, "{}"])
        _ = try await world.committer().commit(batch([""], first: 2))
        #expect(try await world.ids() == ["1-0", "1-1", "2-0"])
    }

    @Test func `partitions by nothing, type or day are written, by id are refused`() async throws {
        let fields: [NestedField] = [
            .required(1, "event_id", .string), .required(2, "timestamp", .timestamp), .required(3, "type", .string),
        ]
        for (transform, source, isTaken) in [
            (Transform.bucket(4), 3, true), (.truncate(3), 3, true), (.day, 2, true), (.month, 2, true),
            (.bucket(4), 1, false), (.identity, 1, false), (.identity, 2, false),
        ] {
            let world = try World()
            let spec = PartitionSpec(fields: [
                PartitionField(sourceID: source, fieldID: 1000, name: "p", transform: transform)
            ])
            _ = try await world.catalog.createTable(
                world.identifier, TableCreation(schema: try Schema(fields: fields), partitionSpec: spec))
            if isTaken {
                _ = try await world.committer().commit(batch([""]))
                #expect(try await world.ids() == ["1-0"])
            } else {
                await #expect { _ = try await world.committer().commit(batch([""])) } throws: {
                    ($0 as? CommitError)?.code == .unsuitableTable
                }
            }
        }
    }
}
