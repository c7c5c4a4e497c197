import Clocks
import IcebergSpec
import JSONFormat

/// Two rows of `IcebergSeed.schema`, by field id, with the partitions and the file each is alone in.
private enum ExpressionRows {
    static let full: [Int: Datum] = [
        1: .string("a"), 2: .timestamptz(1_700_000_000_123_456), 3: .string("page.view"), 7: .long(-5),
        8: .double(1.5), 9: .decimal(unscaled: -1234, scale: 2), 10: .date(19_000), 11: .uuid(UUID(high: 1, low: 2)),
        12: .boolean(true),
    ]
    static let sparse: [Int: Datum] = [
        1: .string(""), 2: .timestamptz(-1), 3: .string("ü"), 8: .double(.nan),
    ]

    static func partition(of row: [Int: Datum]) -> [Datum?] {
        IcebergSeed.spec.fields.map { field in field.transform.apply(row[field.sourceID]) }
    }

    static func file(of row: [Int: Datum]) -> DataFile {
        var file = DataFile(path: "f", partition: partition(of: row), recordCount: 1, fileSizeBytes: 1)
        for id in [1, 2, 3, 7, 8, 9, 10, 11, 12] {
            let isNaN = row[id]?.isNaN ?? false
            file.valueCounts[id] = 1
            file.nullValueCounts[id] = row[id] == nil ? 1 : 0
            if id == 8 { file.nanValueCounts[id] = isNaN ? 1 : 0 }
            guard let value = row[id], !isNaN else { continue }
            file.lowerBounds[id] = value.singleValueBinary
            file.upperBounds[id] = value.singleValueBinary
        }
        return file
    }
}

extension ParserTarget {
    /// Filters of the REST protocol, bound, projected and evaluated: every way to decide a row must agree with the row.
    static let expression = ParserTarget("expression") {
        let texts = [
            #"""
            {"type":"and","left":{"type":"eq","term":"id","value":"a"},"right":{"type":"not","child":
            {"type":"or","left":{"type":"in","term":"n","values":[1,2,-5]},"right":{"type":"gt-eq",
            "term":{"type":"reference","term":"time"},"value":"2023-11-14T22:13:20+00:00"}}}}
            """#,
            #"""
            {"type":"or","left":{"type":"starts-with","left":"type","right":{"type":"literal","value":"page"}},
            "right":{"type":"is-nan","child":{"type":"reference","name":"ratio"}}}
            """#,
            #"{"type":"lt","term":{"type":"transform","transform":"hour","term":"time"},"value":472222}"#,
            #"{"type":"not-eq","term":{"type":"transform","transform":"bucket[16]","term":"id"},"value":3}"#,
            #"{"type":"not-in","term":"price","values":["-12.34","0.00"]}"#,
        ]
        return texts.enumerated().map { Seed("filter-\($0.offset)", Array($0.element.utf8)) }
    } parse: { bytes in
        let predicate = try Predicate(json: JSONValue.parse(bytes))
        let bound = try predicate.bound(to: IcebergSeed.schema())
        for grammar in PredicateGrammar.allCases {
            // A filter near a limit may be beyond it in the other grammar.
            guard let again = try? Predicate(json: predicate.json(grammar)) else { continue }
            try require(
                try again.bound(to: IcebergSeed.schema()) == bound, "what is written as \(grammar) is another filter")
        }
        for row in [ExpressionRows.full, ExpressionRows.sparse] { try check(bound, row) }
        return digest(predicate)
    }

    private static func check(_ bound: BoundPredicate, _ row: [Int: Datum]) throws {
        let passes = bound.matches { row[$0] }
        let (file, partition) = (ExpressionRows.file(of: row), ExpressionRows.partition(of: row))
        let compiled = CompiledPredicate(bound)
        try require(compiled.mightMatch(file) || !passes, "a row's own file is pruned")
        try require(!compiled.mustMatch(file) || passes, "a file passes whole, its row does not")
        func range(_ id: Int) -> FieldRange { FieldRange(exactly: partition[id - PartitionSpec.firstFieldID]) }
        let (projected, strict) = (
            bound.projected(onto: IcebergSeed.spec), bound.strictlyProjected(onto: IcebergSeed.spec)
        )
        try require(projected.mightMatch { id, _ in range(id) } || !passes, "a row's own partition is pruned")
        try require(!strict.mustMatch { id, _ in range(id) } || passes, "a partition passes whole, its row does not")
        try require(
            CompiledPartitionPredicate(bound, spec: IcebergSeed.spec).mightMatch(partition) || !passes,
            "a row's own partition is pruned by the compiled filter")
        let residual = bound.residual(partition: partition, spec: IcebergSeed.spec)
        try require(residual.matches { row[$0] } == passes, "what is left to test decides otherwise")
    }
}
