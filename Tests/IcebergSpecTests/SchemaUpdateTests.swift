import Clocks
import IcebergSpec
import JSONFormat
import Testing

struct SchemaUpdateTests {
    static func base() throws -> Schema {
        try Schema(
            fields: [
                .required(1, "id", .int), .optional(2, "price", .decimal(precision: 9, scale: 2)),
                .optional(3, "where", .structure([.optional(4, "lat", .float), .required(5, "lon", .float)])),
                .optional(6, "tags", .list(elementID: 7, .structure([.optional(8, "name", .string)]))),
                .optional(
                    9, "map", .map(keyID: 10, .int, valueID: 11, .structure([.optional(12, "v", .int)]))),
                .optional(13, "day", .date), .optional(14, "any", .unknown),
            ], identifierFieldIDs: [1])
    }

    static func update(_ formatVersion: Int = 3, ignoringCase: Bool = false) throws -> SchemaUpdate {
        SchemaUpdate(
            try base(), lastColumnID: 20, formatVersion: formatVersion, ignoringCase: ignoringCase)
    }

    @Test func `what was asked for is there`() throws {
        var update = try Self.update()
        try update.add("note", .string, doc: "a note")
        try update.add("size", .structure([.required(1, "w", .int), .required(2, "h", .int)]))
        try update.add("alt", .double, in: "where", required: true, initialDefault: .double(0.5))
        try update.add("rank", .int, in: "tags")
        try update.add("w", .long, in: "map")
        try update.drop("map.value.v")
        try update.rename("where.lat", to: "latitude")
        try update.promote("id", to: .long)
        try update.promote("price", to: .decimal(precision: 18, scale: 2))
        try update.promote("day", to: .timestamp)
        try update.makeOptional("where.lon")
        try update.setWriteDefault("price", "1.50")
        let schema = try update.schema()
        #expect(schema.field(named: "note") == .optional(21, "note", .string, doc: "a note"))
        #expect(schema.field(named: "size.w")?.id == 23 && schema.field(named: "size.h")?.id == 24)
        #expect(schema.field(named: "where.alt")?.initialDefault == .double(0.5))
        #expect(schema.field(named: "where.alt")?.writeDefault == .double(0.5))
        #expect(schema.field(named: "tags.element.rank")?.id == 26)
        #expect(schema.field(named: "map.value.w")?.id == 27 && schema.field(named: "map.value.v") == nil)
        #expect(schema.field(id: 4)?.name == "latitude")
        #expect(schema.field(id: 1)?.type == .long && schema.identifierFieldIDs == [1])
        #expect(schema.field(id: 5)?.required == false)
        #expect(schema.field(named: "price")?.writeDefault == "1.50")
        #expect(update.lastColumnID == 27)
        try update.promote("any", to: .list(elementID: 1, .int))
        #expect(try update.schema().field(named: "any.element")?.id == 28)
        try Self.base().checkEvolution(to: schema, formatVersion: 3)
    }

    @Test(arguments: [
        (SchemaUpdate.Position.first, [3, 1, 2, 6, 9, 13, 14]), (.before("price"), [1, 3, 2, 6, 9, 13, 14]),
        (.after("day"), [1, 2, 6, 9, 13, 3, 14]), (.after("any"), [1, 2, 6, 9, 13, 14, 3]),
    ])
    func `columns are moved`(_ position: SchemaUpdate.Position, _ order: [Int]) throws {
        var update = try Self.update()
        try update.move("where", position)
        #expect(try update.schema().fields.map(\.id) == order)
        try update.move("where.lon", .first)
        #expect(try update.schema().field(named: "where")?.type.children.map(\.id) == [5, 4])
    }

    typealias Change = @Sendable (inout SchemaUpdate) throws(IcebergError) -> Void

    static let refused: [(String, Change)] = [
        ("a name twice", { update throws(IcebergError) in try update.add("id", .int) }),
        ("an empty name", { update throws(IcebergError) in try update.add("", .int) }),
        ("required without a default", { update throws(IcebergError) in try update.add("x", .int, required: true) }),
        (
            "required with a null default",
            { update throws(IcebergError) in try update.add("x", .int, required: true, initialDefault: .null) }
        ),
        (
            "a default of another type",
            { update throws(IcebergError) in try update.add("x", .int, initialDefault: "a") }
        ),
        ("a default of a variant", { update throws(IcebergError) in try update.add("x", .variant, initialDefault: 1) }),
        ("a parent that is no struct", { update throws(IcebergError) in try update.add("x", .int, in: "id") }),
        ("a parent that is not there", { update throws(IcebergError) in try update.add("x", .int, in: "nope") }),
        ("dropping an identifier", { update throws(IcebergError) in try update.drop("id") }),
        ("dropping an element", { update throws(IcebergError) in try update.drop("tags.element") }),
        ("renaming a key", { update throws(IcebergError) in try update.rename("map.key", to: "k") }),
        ("renaming to a taken name", { update throws(IcebergError) in try update.rename("where.lat", to: "lon") }),
        (
            "narrowing",
            { update throws(IcebergError) in try update.promote("price", to: .decimal(precision: 8, scale: 2)) }
        ),
        (
            "another scale",
            { update throws(IcebergError) in try update.promote("price", to: .decimal(precision: 12, scale: 3)) }
        ),
        ("a date to a zoned time", { update throws(IcebergError) in try update.promote("day", to: .timestamptz) }),
        ("a changed key", { update throws(IcebergError) in try update.promote("map.key", to: .long) }),
        ("a struct to a scalar", { update throws(IcebergError) in try update.promote("where", to: .int) }),
        ("an optional identifier", { update throws(IcebergError) in try update.makeOptional("id") }),
        ("a required column with nulls", { update throws(IcebergError) in try update.makeRequired("price") }),
        ("an optional identifier set", { update throws(IcebergError) in try update.setIdentifierFields(["price"]) }),
        ("moving out of a struct", { update throws(IcebergError) in try update.move("where.lat", .after("id")) }),
        ("moving next to itself", { update throws(IcebergError) in try update.move("id", .after("id")) }),
        (
            "a write default of another type",
            { update throws(IcebergError) in try update.setWriteDefault("price", true) }
        ),
    ]

    @Test func `what is said of a column is set and taken away, also within a struct`() throws {
        var update = try Self.update()
        try update.setDoc("price", "in cents")
        try update.setDoc("where.lat", "north of the equator")
        try update.add("note", .string, doc: "a note")
        try update.setDoc("note", nil)
        let schema = try update.schema()
        #expect(schema.field(named: "price")?.doc == "in cents")
        #expect(schema.field(named: "where.lat")?.doc == "north of the equator")
        #expect(schema.field(named: "note")?.doc == nil)
        #expect(throws: IcebergError.self) { try update.setDoc("tags.element", "no column") }
        #expect(throws: IcebergError.self) { try update.setDoc("nope", "no column") }
    }

    @Test(arguments: refused.map(\.0))
    func `what would break reading is refused`(_ name: String) throws {
        var update = try Self.update()
        let change = try #require(Self.refused.first { $0.0 == name }?.1)
        let error = requireIcebergError { try change(&update) }
        #expect(error != nil)
        #expect(try update.schema() == Self.base(), "a refused change leaves nothing behind")
    }

    @Test func `names that differ in case alone collide where case is ignored`() throws {
        var exact = try Self.update()
        try exact.add("ID", .int)
        var relaxed = try Self.update(ignoringCase: true)
        #expect(throws: IcebergError.self) { try relaxed.add("ID", .int) }
        try relaxed.rename("PRICE", to: "cost")
        #expect(try relaxed.schema().field(id: 2)?.name == "cost")
    }

    @Test func `version 2 has none of what version 3 added`() throws {
        var update = try Self.update(2)
        #expect(throws: IcebergError.self) { try update.promote("day", to: .timestamp) }
        #expect(throws: IcebergError.self) { try update.add("x", .timestampNanos) }
        #expect(throws: IcebergError.self) { try update.add("x", .int, initialDefault: 1) }
    }

    @Test func `the name mapping follows`() throws {
        let schema = try Fixture.schema()
        let table = try Fixture.table(properties: [NameMapping.property: NameMapping(schema: schema).text])
        var update = SchemaUpdate(table)
        try update.rename("type", to: "kind")
        let next = try table.applying(update.updates(of: table), at: Fixture.later(1))
        #expect(next.currentSchema.field(id: 3)?.name == "kind")
        #expect(try next.nameMapping()?.field(path: ["type"])?.fieldID == 3)
        #expect(try next.nameMapping()?.field(path: ["kind"])?.fieldID == 3)
        #expect(try SchemaUpdate(next).updates(of: next) == [])
    }

    /// Type, default, and whether it can be one.
    static let defaults: [(IcebergType, JSONValue, Bool)] = [
        (.structure([.optional(2, "a", .int)]), [:], true), (.structure([.optional(2, "a", .int)]), ["2": 5], true),
        (.structure([.optional(2, "a", .int)]), ["3": 5], false),
        (.structure([.required(2, "a", .int)]), ["2": nil], false),
        (.list(elementID: 2, .int), [1, 2], true), (.list(elementID: 2, .int), ["a"], false),
        (.list(elementID: 2, .int), [nil], true), (.list(elementID: 2, .int, elementRequired: true), [nil], false),
        (.map(keyID: 2, .string, valueID: 3, .date), ["keys": ["a"], "values": ["2024-01-15"]], true),
        (.map(keyID: 2, .string, valueID: 3, .date), ["keys": ["a"], "values": []], false),
        (.geometry(crs: nil), "POINT (1 2)", false), (.unknown, 1, false), (.uuid, "x", false),
        (.fixed(2), "0a0b", true), (.timestamptz, "2024-01-15T00:00:00+00:00", true),
    ]

    @Test(arguments: defaults)
    func `a default must be a value of its type`(_ type: IcebergType, _ value: JSONValue, _ isOne: Bool) throws {
        let json: JSONValue = [
            "id": 1, "name": "c", "required": false, "type": type.json, "initial-default": value,
            "write-default": value,
        ]
        do {
            let field = try NestedField(json: json)
            #expect(isOne)
            #expect(field.json == json)
            try Schema(fields: []).checkEvolution(to: Schema(fields: [field]), formatVersion: 3)
        } catch {
            #expect(!isOne, "\(error)")
        }
    }
}

struct PartitionSpecUpdateTests {
    @Test func `fields are added, removed and renamed, and keep their ids`() throws {
        let table = try Fixture.table()
        var update = PartitionSpecUpdate(table)
        try update.add("id", .bucket(16))
        try update.remove("type")
        try update.rename("time_hour", to: "hour")
        let spec = try update.spec()
        #expect(spec.fields.map(\.name) == ["hour", "id_bucket_16"])
        #expect(spec.fields.map(\.fieldID) == [1001, 1002])
        let next = try table.applying(update.updates(), at: Fixture.later(1))
        #expect(next.defaultSpec.fields == spec.fields && next.lastPartitionID == 1002)
        var again = PartitionSpecUpdate(next)
        try again.add("type")
        #expect(try again.spec().fields.last?.fieldID == 1000, "a field like an old one has its id")
        #expect(try PartitionSpecUpdate(next).updates() == [])
    }

    @Test func `in version 1 a removed field stays as void, at its place`() throws {
        let table = try Fixture.table(formatVersion: 1)
        var update = PartitionSpecUpdate(table)
        try update.remove("type")
        try update.add("type")
        let next = try table.applying(update.updates(), at: Fixture.later(1))
        #expect(next.defaultSpec.fields.map(\.fieldID) == [1000, 1001, 1002])
        #expect(next.defaultSpec.fields.map(\.transform) == [.void, .hour, .identity])
        #expect(next.defaultSpec.fields.map(\.name) == ["type_1000", "time_hour", "type"])
    }

    @Test func `what makes no sense is refused`() throws {
        var update = PartitionSpecUpdate(try Fixture.table())
        #expect(throws: IcebergError.self) { try update.add("nope") }
        #expect(throws: IcebergError.self) { try update.add("type") }
        #expect(throws: IcebergError.self) { try update.add("id", .void) }
        #expect(throws: IcebergError.self) { try update.add("id", .bucket(4), name: "time_hour") }
        #expect(throws: IcebergError.self) { try update.remove("nope") }
        #expect(throws: IcebergError.self) { try update.rename("type", to: "time_hour") }
        try update.add("id", .hour)
        #expect(throws: IcebergError.self) { try update.spec() }
    }

    @Test func `a transform that is not known is carried, but not written`() throws {
        let table = try Fixture.table(formatVersion: 3)
        let unknown = UnboundPartitionSpec(fields: [.init(sourceID: 1, name: "z", transform: .unknown("zorder[2]"))])
        let several = UnboundPartitionSpec(fields: [.init(sourceIDs: [1, 3], name: "z", transform: .bucket(4))])
        for spec in [unknown, several] {
            let error = requireIcebergError {
                _ = try table.applying([.addPartitionSpec(spec)], at: Fixture.later(1))
            }
            #expect(error?.code == .unsupported)
        }
        guard case .object(var object) = table.json else { return }
        object["partition-specs"] = [
            [
                "spec-id": 0,
                "fields": [
                    ["source-ids": [1, 3], "field-id": 1000, "name": "m", "transform": "bucket[4]"],
                    ["source-id": 1, "field-id": 1001, "name": "z", "transform": "zorder[2]"],
                ],
            ]
        ]
        let read = try TableMetadata(json: .object(object))
        #expect(read.json["partition-specs"] == object["partition-specs"])
        let filter = try Predicate.equal("id", .string("a")).bound(to: read.currentSchema)
        #expect(filter.projected(onto: read.defaultSpec) == .alwaysTrue)
    }

    @Test func `a promotion that would change partition values is refused`() throws {
        let schema = try Schema(fields: [.optional(1, "d", .date), .optional(2, "e", .date)])
        let spec = UnboundPartitionSpec(fields: [
            .init(sourceID: 1, name: "d_month", transform: .month),
            .init(sourceID: 2, name: "e_b", transform: .bucket(4)),
        ])
        var table = try TableMetadata.new(
            location: "s3://b/t", schema: schema, spec: spec, formatVersion: 3, uuid: Fixture.uuid, at: Fixture.created)
        table = try table.applying(
            Fixture.append(Fixture.snapshot(7, sequence: 1, at: Fixture.later(1), firstRow: 0, rows: 1)),
            at: Fixture.later(1))
        var month = SchemaUpdate(table)
        try month.promote("d", to: .timestamp)
        #expect(throws: Never.self) { try table.applying(month.updates(of: table), at: Fixture.later(2)) }
        var bucket = SchemaUpdate(table)
        try bucket.promote("e", to: .timestamp)
        let error = requireIcebergError { _ = try table.applying(bucket.updates(of: table), at: Fixture.later(2)) }
        #expect(error?.message.contains("e_b") == true)
    }
}
