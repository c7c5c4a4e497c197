import IcebergSpec
import JSONFormat
import Testing

struct SchemaTests {
    @Test(arguments: [
        "boolean", "int", "long", "float", "double", "date", "time", "timestamp", "timestamptz", "timestamp_ns",
        "timestamptz_ns", "string", "uuid", "binary", "unknown", "variant", "geometry", "geography",
        "decimal(9, 2)", "fixed[16]", "geometry(srid:3857)", "geography(OGC:CRS84, karney)",
    ])
    func `a type keeps its name`(_ name: String) throws {
        let type = try IcebergType(json: .string(name))
        #expect(type.json == .string(name))
    }

    @Test func `spaces in decimals do not matter`() throws {
        #expect(try IcebergType(json: "decimal(9,2)") == .decimal(precision: 9, scale: 2))
        #expect(try IcebergType(json: "decimal( 38 ,  0 )") == .decimal(precision: 38, scale: 0))
    }

    @Test(arguments: [
        "", "varchar", "decimal(39,2)", "decimal(0,0)", "decimal(3,4)", "decimal(9)", "fixed[-1]", "fixed(16)",
        "fixed[x]",
        "geometry()",
    ])
    func `what is no type is refused`(_ name: String) {
        #expect(throws: IcebergError.self) { try IcebergType(json: .string(name)) }
    }

    @Test func `types as deep as the limit are read, deeper ones refused`() throws {
        func list(_ depth: Int) -> JSONValue {
            (1..<depth).reversed().reduce("int") { element, id in
                ["type": "list", "element-id": JSONValue(id), "element": element, "element-required": true]
            }
        }
        _ = try IcebergType(json: list(Limits.typeDepthMax))
        let error = requireIcebergError { _ = try IcebergType(json: list(Limits.typeDepthMax + 1)) }
        #expect(error?.code == .limitExceeded)
    }

    static func nested() throws -> Schema {
        try Schema(
            id: 3,
            fields: [
                .required(1, "id", .string),
                .optional(
                    2, "items",
                    .list(elementID: 3, .structure([.optional(4, "price", .double), .required(5, "sku", .string)]))),
                .optional(
                    6, "tags",
                    .map(
                        keyID: 7, .string, valueID: 8, .structure([.optional(9, "note", .string)]), valueRequired: true)
                ),
                .required(10, "at", .structure([.required(11, "zone", .int)])),
            ], identifierFieldIDs: [11, 1])
    }

    @Test func `a schema is written and read again`() throws {
        let schema = try Self.nested()
        #expect(try Schema(json: schema.json) == schema)
        #expect(schema.identifierFieldIDs == [1, 11])
        #expect(schema.highestFieldID == 11)
    }

    @Test(arguments: [
        ("id", 1), ("items.element.price", 4), ("items.price", 4), ("tags.key", 7), ("tags.value.note", 9),
        ("tags.note", 9), ("at.zone", 11), ("items.element", 3),
    ])
    func `a field is found by its full name`(_ name: String, _ id: Int) throws {
        #expect(try Self.nested().field(named: name)?.id == id)
    }

    @Test func `a name in other letters is found unless two names match it`() throws {
        let schema = try Schema(fields: [.required(1, "Id", .int), .required(2, "x", .int), .required(3, "X", .int)])
        #expect(schema.field(namedIgnoringCase: "iD")?.id == 1)
        #expect(schema.field(namedIgnoringCase: "x") == nil)
        #expect(schema.field(named: "id") == nil)
    }

    @Test func `fields know where they are`() throws {
        let schema = try Self.nested()
        #expect(schema.fullName(id: 4) == "items.element.price")
        #expect(schema.parentID(of: 4) == 3 && schema.parentID(of: 3) == 2 && schema.parentID(of: 2) == nil)
        #expect(schema.field(named: "nope") == nil && schema.field(id: 99) == nil)
    }

    @Test(arguments: [
        [NestedField.required(1, "a", .int), .required(1, "b", .int)],
        [.required(1, "a", .int), .required(2, "a", .int)],
        [.required(1, "a", .list(elementID: 1, .int))],
    ])
    func `ids and names are given once`(_ fields: [NestedField]) {
        #expect(throws: IcebergError.self) { try Schema(fields: fields) }
    }

    @Test(arguments: [99, 2, 4, 6])
    func `a field that does not identify a row is refused`(_ id: Int) throws {
        let fields = try Self.nested().fields
        #expect(throws: IcebergError.self) { try Schema(fields: fields, identifierFieldIDs: [id]) }
    }

    @Test(arguments: [
        (IcebergType.int, IcebergType.long, true), (.long, .int, false), (.float, .double, true),
        (.decimal(precision: 9, scale: 2), .decimal(precision: 10, scale: 2), true),
        (.decimal(precision: 9, scale: 2), .decimal(precision: 10, scale: 3), false),
        (.decimal(precision: 9, scale: 2), .decimal(precision: 8, scale: 2), false), (.date, .timestamp, false),
        (.string, .binary, false), (.string, .string, true),
    ])
    func `types are promoted as the specification allows`(_ from: IcebergType, _ to: IcebergType, _ isAllowed: Bool) {
        #expect(Schema.canPromote(from, to: to) == isAllowed)
    }

    @Test func `an evolution may add, drop, rename, reorder, widen and relax`() throws {
        let old = try Schema(fields: [
            .required(1, "a", .int), .required(2, "b", .string), .optional(3, "c", .string),
        ])
        let new = try Schema(fields: [
            .optional(2, "renamed", .string), .required(1, "a", .long),
            .optional(4, "new", .structure([.required(5, "x", .int)])),
        ])
        try old.checkEvolution(to: new, formatVersion: 2)
    }

    @Test(arguments: [
        [NestedField.required(3, "c", .string)], [.optional(1, "a", .string)], [.required(9, "new", .int)],
        [.optional(4, "s", .structure([.optional(1, "a", .int)]))],
    ])
    func `what would break reading is named`(_ fields: [NestedField]) throws {
        let old = try Schema(fields: [.required(1, "a", .int), .optional(3, "c", .string)])
        let new = try Schema(fields: fields)
        let error = requireIcebergError { try old.checkEvolution(to: new, formatVersion: 2) }
        #expect(error?.code == .invalid)
    }

    @Test func `an error says where it is`() {
        let error = requireIcebergError {
            _ = try Schema(
                json: ["type": "struct", "fields": [["id": 1, "name": "a", "required": true, "type": "strang"]]])
        }
        #expect(error?.description == "$.fields[0].type: \"strang\" is no type of Iceberg")
    }

    @Test func `random schemas are written and read again`() throws {
        var random = SeededRandom(seed: 7)
        for _ in 0..<300 {
            let schema = try RandomSchema.make(using: &random)
            let text = schema.json.serialized()
            #expect(try Schema(json: JSONValue.parse(text)) == schema)
            let (fresh, newIDs) = try schema.assigningFreshIDs(after: 100, id: 4)
            #expect(newIDs.count == schema.fieldsByID.count)
            #expect(Set(newIDs.values) == Set(101..<(101 + newIDs.count)))
            #expect(fresh.idsByName.mapValues { $0 } == schema.idsByName.mapValues { newIDs[$0] ?? 0 })
        }
    }
}

/// Schemas of any shape.
enum RandomSchema {
    static let primitives: [IcebergType] = [
        .boolean, .int, .long, .float, .double, .date, .time, .timestamp, .timestamptz, .timestampNanos,
        .timestamptzNanos, .string, .uuid, .binary, .fixed(3), .decimal(precision: 11, scale: 4), .unknown,
    ]

    static func make(using random: inout SeededRandom) throws -> Schema {
        var ids = Array(1...400).shuffled(using: &random)
        let fields = fields(depth: 0, &ids, &random)
        return try Schema(id: Int.random(in: 0...9, using: &random), fields: fields)
    }

    private static func fields(depth: Int, _ ids: inout [Int], _ random: inout SeededRandom) -> [NestedField] {
        (0..<Int.random(in: 1...4, using: &random)).map { index in
            let type = type(depth: depth, &ids, &random)
            return NestedField(
                id: ids.removeLast(), name: "f\(index) ü\".\(depth)", required: Bool.random(using: &random), type: type,
                doc: Bool.random(using: &random) ? "note \(index)" : nil,
                writeDefault: type == .int ? .integer(Int64.random(in: -9...9, using: &random)) : nil)
        }
    }

    private static func type(depth: Int, _ ids: inout [Int], _ random: inout SeededRandom) -> IcebergType {
        switch depth < 3 ? Int.random(in: 0...8, using: &random) : 9 {
        case 0: return .structure(fields(depth: depth + 1, &ids, &random))
        case 1:
            let element = type(depth: depth + 1, &ids, &random)
            return .list(elementID: ids.removeLast(), element, elementRequired: Bool.random(using: &random))
        case 2:
            let value = type(depth: depth + 1, &ids, &random)
            return .map(keyID: ids.removeLast(), .string, valueID: ids.removeLast(), value)
        default: return primitives.randomElement(using: &random) ?? .int
        }
    }
}
