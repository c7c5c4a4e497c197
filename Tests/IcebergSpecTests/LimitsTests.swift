import Clocks
import IcebergSpec
import JSONFormat
import Testing

/// As much as a limit says is taken, one more is refused by its name.
struct LimitsTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let limit: Int
        let read: @Sendable (Int) throws -> Void
    }

    static let cases: [Case] = [
        Case(testDescription: "fields of a schema", limit: Limits.schemaFieldsMax) { count in
            _ = try Schema(fields: (1...count).map { .optional($0, "c\($0)", .int) })
        },
        Case(testDescription: "bytes of a name", limit: Limits.nameBytesMax) { count in
            _ = try Schema(fields: [.optional(1, String(repeating: "n", count: count), .int)])
        },
        Case(testDescription: "fields of a partition spec", limit: Limits.partitionFieldsMax) { count in
            let fields = (0..<count).map { index -> JSONValue in
                [
                    "source-id": 1, "field-id": JSONValue(1000 + index), "name": .string("p\(index)"),
                    "transform": "identity",
                ]
            }
            _ = try PartitionSpec(json: ["spec-id": 0, "fields": .array(fields)])
        },
        Case(testDescription: "properties of a view", limit: Limits.propertiesMax) { count in
            let properties = Dictionary(uniqueKeysWithValues: (0..<count).map { ("k\($0)", "v") })
            _ = try ViewTests.view().applying([.setProperties(properties)], at: Timestamp(microseconds: 0))
        },
        Case(testDescription: "bytes of a query", limit: Limits.viewTextBytesMax) { count in
            _ = try ViewVersion(json: ViewTests.version(String(repeating: "q", count: count)).json)
        },
        Case(testDescription: "representations of a view", limit: Limits.viewRepresentationsMax) { count in
            var version = ViewTests.version("select 1")
            version.representations = (0..<count).map { .sql("select 1", dialect: "d\($0)") }
            _ = try ViewVersion(json: version.json)
        },
        Case(testDescription: "levels of a namespace", limit: Limits.namespaceLevelsMax) { count in
            var version = ViewTests.version("select 1")
            version.defaultNamespace = (0..<count).map { "l\($0)" }
            _ = try ViewVersion(json: version.json)
        },
        Case(testDescription: "literals of a list", limit: Limits.expressionTermsMax) { count in
            let literals = (0..<count).map { Datum.long(Int64($0)) }
            _ = try Predicate.isIn("i", literals).bound(to: PredicateTests.schema())
        },
    ]

    @Test(arguments: cases)
    func `as much as the limit is taken, one more is refused`(_ test: Case) throws {
        try test.read(test.limit)
        let error = #expect(throws: IcebergError.self) { try test.read(test.limit + 1) }
        #expect(error?.code == .limitExceeded)
    }

    @Test(arguments: [1, 42, Limits.typeDepthMax]) func `the deepest schema is read again`(depth: Int) throws {
        let inner = NestedField.optional(depth, "f\(depth)", .int)
        let field = (1..<depth).reversed().reduce(inner) { .optional($1, "f\($1)", .structure([$0])) }
        let table = try TableMetadata.new(
            location: "s3://b/t", schema: try Schema(fields: [field]), formatVersion: 2, uuid: UUID(high: 1, low: 2),
            at: Timestamp(milliseconds: 1))
        #expect(try TableMetadataFile.decode(try TableMetadataFile.encode(table)) == table)
        let mapping = NameMapping(schema: table.currentSchema)
        #expect(try NameMapping(text: mapping.json.serializedString()) == mapping)
        let deeper = NestedField.optional(depth + 1, "around", .structure([field]))
        if depth == Limits.typeDepthMax { #expect(throws: IcebergError.self) { try Schema(fields: [deeper]) } }
    }

    @Test func `long lists of literals are searched, not walked`() throws {
        let literals = (0..<Limits.expressionTermsMax).map { Datum.long(Int64($0) * 2) }
        let bound = try Predicate.isIn("r", literals.reversed()).bound(to: PredicateTests.schema())
        let compiled = CompiledPredicate(bound)
        var file = DataFile(path: "f", recordCount: 1, fileSizeBytes: 1)
        for value in stride(from: Int64(1), to: 20_000, by: 1) {
            file.lowerBounds[6] = Datum.long(value).singleValueBinary
            file.upperBounds[6] = Datum.long(value).singleValueBinary
            #expect(compiled.mightMatch(file) == (value % 2 == 0))
            #expect(bound.matches { _ in .long(value) } == (value % 2 == 0))
        }
    }
}
