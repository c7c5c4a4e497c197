import Clocks
import IcebergSpec
import JSONFormat
import Testing

struct TableMetadataTests {
    /// `json` with the member at `path` replaced, or removed where `value` is nil.
    private static func replacing(_ path: [String], in json: JSONValue, with value: JSONValue?) -> JSONValue {
        guard let key = path.first, var object = json.object else { return value ?? .null }
        object[key] =
            path.count == 1 ? value : replacing(Array(path.dropFirst()), in: object[key] ?? .null, with: value)
        return .object(object)
    }

    static let required = [
        "format-version", "table-uuid", "location", "last-sequence-number", "last-updated-ms", "last-column-id",
        "schemas", "current-schema-id", "partition-specs", "default-spec-id", "last-partition-id", "sort-orders",
        "default-sort-order-id",
    ]

    @Test(arguments: required)
    func `a missing member is named`(_ key: String) throws {
        let json = Self.replacing([key], in: try Fixture.table(appends: 2).json, with: nil)
        let error = requireIcebergError { _ = try TableMetadata(json: json) }
        #expect(error?.description == "$: the member \"\(key)\" is missing")
    }

    /// Member, what it becomes, and the place that the error names.
    static let contradictions: [(String, JSONValue, String)] = [
        ("format-version", 4, "$.format-version"), ("format-version", "2", "$.format-version"),
        ("table-uuid", "x", "$.table-uuid"), ("location", "", "$.location"),
        ("current-schema-id", 9, "$.current-schema-id"),
        ("current-schema-id", 1_099_511_627_776, "$.current-schema-id"),
        ("default-spec-id", 9, "$.default-spec-id"), ("default-sort-order-id", 9, "$.default-sort-order-id"),
        ("schemas", [], "$.current-schema-id"), ("current-snapshot-id", 9, "$.current-snapshot-id"),
        ("current-snapshot-id", 1, "$.refs.main"), ("current-snapshot-id", nil, "$.refs.main"),
        ("last-sequence-number", 1, "$.last-sequence-number"), ("last-updated-ms", 5, "$.snapshot-log"),
        ("refs.main.snapshot-id", 77, "$.refs.main"), ("refs.main.type", "trunk", "$.refs.main.type"),
        ("refs.main.max-ref-age-ms", 0, "$.refs.main"), ("snapshots", ["x"], "$.snapshots[0]"),
        ("refs.t", ["snapshot-id": 1, "type": "tag", "min-snapshots-to-keep": 1], "$.refs.t"),
        ("properties", ["a": ["b"]], "$.properties.a"),
        ("snapshot-log", [["timestamp-ms": .integer(.max / 1000), "snapshot-id": 1]], "$.snapshot-log"),
        ("snapshot-log", [["timestamp-ms": .integer(.max), "snapshot-id": 1]], "$.snapshot-log[0].timestamp-ms"),
        ("last-updated-ms", .integer(.max / 1000 + 1), "$.last-updated-ms"),
        (
            "metadata-log",
            [
                ["timestamp-ms": .integer(.max / 1000), "metadata-file": "a"],
                ["timestamp-ms": .integer(.min / 1000), "metadata-file": "b"],
            ], "$.metadata-log"
        ),
    ]

    @Test(arguments: contradictions)
    func `a contradiction is named with its place`(_ path: String, _ value: JSONValue, _ place: String) throws {
        let json = Self.replacing(
            path.split(separator: ".").map(String.init), in: try Fixture.table(appends: 2).json, with: value)
        let error = requireIcebergError { _ = try TableMetadata(json: json) }
        #expect(error?.path == place)
    }

    @Test func `ids given twice are refused`() throws {
        let json = try Fixture.table(appends: 2).json
        for key in ["schemas", "partition-specs", "sort-orders", "snapshots"] {
            let list = json[key]?.array ?? []
            let error = requireIcebergError {
                _ = try TableMetadata(json: Self.replacing([key], in: json, with: .array(list + list)))
            }
            #expect(error?.path == "$.\(key)", "\(key)")
        }
    }

    @Test func `unknown members are carried along`() throws {
        var json = Self.replacing(["x-new"], in: try Fixture.table(appends: 1).json, with: ["a": [1, 2]])
        let snapshot = Self.replacing(["y"], in: json["snapshots"]?.array?.first ?? .null, with: "z")
        json = Self.replacing(["snapshots"], in: json, with: [snapshot])
        let next = try TableMetadata(json: json).applying([.setProperties(["a": "b"])], at: Fixture.later(9))
        #expect(next.json["x-new"] == ["a": [1, 2]])
        #expect(next.json["snapshots"]?.array?.first?["y"] == "z")
    }

    @Test func `a last column id below an id in use is raised, never believed`() throws {
        let json = Self.replacing(["last-column-id"], in: try Fixture.table().json, with: 1)
        #expect(try TableMetadata(json: json).lastColumnID == 6)
    }

    @Test func `version 1 says everything twice, for old and new readers`() throws {
        let json = try Fixture.table(formatVersion: 1).json
        #expect(json["schema"] == json["schemas"]?.array?.first)
        #expect(json["partition-spec"] == json["partition-specs"]?.array?.first?["fields"])
        #expect(json["last-sequence-number"] == nil)
        var old = json
        for key in [
            "schemas", "current-schema-id", "partition-specs", "default-spec-id", "last-partition-id", "sort-orders",
            "default-sort-order-id", "table-uuid", "refs",
        ] {
            old = Self.replacing([key], in: old, with: nil)
        }
        let table = try TableMetadata(json: old)
        #expect(table.tableUUID == nil)
        #expect(table.currentSchema.fields == (try Fixture.table().currentSchema.fields))
        #expect(table.lastPartitionID == 1001)
        #expect(table.sortOrders == [.unsorted])
    }

    @Test(arguments: [false, true])
    func `a file is read whether its name says it is compressed or not`(_ isCompressed: Bool) throws {
        let table = try Fixture.table(appends: 3)
        let bytes = try TableMetadataFile.encode(table, compressed: isCompressed)
        #expect(bytes.starts(with: [0x1F, 0x8B]) == isCompressed)
        #expect(try TableMetadataFile.decode(bytes) == table)
    }

    @Test func `a file cut at any byte is refused`() throws {
        for isCompressed in [false, true] {
            let bytes = try TableMetadataFile.encode(Fixture.table(appends: 1), compressed: isCompressed)
            for count in 0..<bytes.count {
                #expect(throws: IcebergError.self) { try TableMetadataFile.decode(Array(bytes[..<count])) }
            }
        }
    }

    @Test func `only referenced snapshots are kept on request`() throws {
        let table = try Fixture.table(appends: 4).applying(
            [.setSnapshotReference(name: "old", SnapshotReference(snapshotID: 2, kind: .tag))], at: Fixture.later(9))
        #expect(table.withReferencedSnapshotsOnly.snapshots.map(\.snapshotID) == [2, 4])
    }

    @Test func `random commits keep the table whole`() throws {
        var random = SeededRandom(seed: 99)
        for _ in 0..<20 {
            var table = try Fixture.table(formatVersion: Int.random(in: 1...3, using: &random))
            var seconds: Int64 = 0
            for step in 1...25 {
                seconds += Int64.random(in: -20...40, using: &random)
                let updates = Self.updates(table, Int64(step), seconds, &random)
                let before = table
                do {
                    table = try table.applying(
                        updates, at: Fixture.later(seconds), previousMetadataFile: "v\(step)")
                } catch {
                    #expect(error.code != .malformed)
                    continue
                }
                #expect(try TableMetadata(json: JSONValue.parse(table.json.serialized())) == table)
                #expect(table.lastUpdatedMilliseconds >= before.lastUpdatedMilliseconds)
                #expect(table.lastSequenceNumber >= before.lastSequenceNumber)
                #expect(table.lastColumnID >= before.lastColumnID && table.lastPartitionID >= before.lastPartitionID)
                #expect(table.nextRowID ?? 0 >= before.nextRowID ?? 0)
                let current = table.currentSnapshotID
                #expect(current == nil || table.snapshotLog.last?.snapshotID == current)
            }
        }
    }

    private static func updates(
        _ table: TableMetadata, _ step: Int64, _ seconds: Int64, _ random: inout SeededRandom
    ) -> [TableUpdate] {
        let existing = table.snapshots.map(\.snapshotID).randomElement(using: &random) ?? 1
        switch Int.random(in: 0..<8, using: &random) {
        case 0: return [.removeSnapshots([existing])]
        case 1: return [.setSnapshotReference(name: "main", SnapshotReference(snapshotID: existing))]
        case 2: return [.setSnapshotReference(name: "t\(step)", SnapshotReference(snapshotID: existing, kind: .tag))]
        case 3:
            let spec = UnboundPartitionSpec(fields: [.init(sourceID: 2, name: "p\(step % 3)", transform: .day)])
            return [.addPartitionSpec(spec), .setDefaultSpec(id: -1)]
        case 4: return [.removeSnapshotReference(name: "main"), .setProperties(["p": "\(step)"])]
        default:
            let next = table.nextRowID ?? 0
            return Fixture.append(
                Fixture.snapshot(
                    step + 100, parent: table.currentSnapshotID, sequence: table.lastSequenceNumber + 1,
                    at: Fixture.later(seconds), firstRow: next, rows: step))
        }
    }
}

struct HostileValueTests {
    @Test(arguments: [
        Datum.date(.max), .date(.min), .timestamptz(.max), .timestamptz(.min), .timestampNanos(.min), .long(.min),
        .long(.max), .double(.infinity), .double(-1e300), .double(.leastNonzeroMagnitude),
        .decimal(unscaled: .max, scale: 38),
        .decimal(unscaled: .min, scale: 0), .string("-1e-399"), .string("9e399"), .float(.nan), .binary([]),
    ])
    func `extreme values neither trap nor change their order`(_ value: Datum) {
        let types: [IcebergType] = [
            .int, .long, .float, .double, .date, .time, .timestamp, .timestamptz, .timestampNanos, .timestamptzNanos,
            .decimal(precision: 38, scale: 10), .decimal(precision: 1, scale: 0), .string, .uuid, .fixed(0), .boolean,
        ]
        for type in types {
            do {
                let schema = try Schema(fields: [.optional(1, "c", type)])
                for predicate in [Predicate.less("c", value), .equal("c", value), .isIn(column: "c", [value, value])] {
                    let bound = try predicate.bound(to: schema)
                    let spec = PartitionSpec(
                        fields: [Transform.year, .month, .day, .hour, .bucket(7), .truncate(.max)].enumerated().map {
                            PartitionField(sourceID: 1, fieldID: 1000 + $0.offset, name: "", transform: $0.element)
                        })
                    _ = bound.projected(onto: spec)
                }
            } catch {
                #expect(error.code == .invalid)
            }
        }
        for transform in [Transform.year, .month, .day, .hour, .truncate(3), .bucket(5), .identity] {
            let path = transform.humanString(transform.apply(value)) + transform.humanString(value)
            #expect(!path.isEmpty || value == .binary([]))
        }
        #expect(value.order(to: value) == .equal)
    }
}
