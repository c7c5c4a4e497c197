import Foundation
import ParquetFormat
import Testing

/// Statistics, page indexes and bloom filters that other writers made: what they leave out must not change the rows.
@Suite(.enabled(if: CorpusTests.folder != nil, "the parquet-testing corpus is absent"))
struct CorpusPruningTests {
    @Test func `rows chosen with every index are those chosen without`() throws {
        let folder = try #require(CorpusTests.folder)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
            $0.hasSuffix(".parquet") && CorpusTests.refused[$0] == nil
        }
        var (compared, pruned) = (0, 0)
        for name in names.sorted() {
            let reader = try ParquetReader(try CorpusTests.bytes(name))
            for group in reader.metadata.rowGroups.indices {
                for leaf in reader.schema.leaves where leaf.maxRepetitionLevel == 0 {
                    let column = try reader.column(rowGroup: group, leaf: leaf.index)
                    for test in Self.tests(column.values) {
                        let predicate = ColumnPredicate.test(leaf: leaf.index, test)
                        let expected: RowRanges
                        do {
                            expected = try predicate.rows(
                                of: [leaf.index: column], rowCount: column.rowCount, schema: reader.schema)
                        } catch {
                            // Types without an order take no comparison.
                            #expect(error.code == .invalidArgument)
                            continue
                        }
                        let selected = try reader.read(rowGroup: group, leaves: [leaf.index], where: predicate)
                        #expect(selected.rows == expected, "\(name), \(leaf.name), \(test)")
                        compared += 1
                        let groups = try reader.metadata.rowGroups(where: predicate)
                        pruned += groups.contains(group) ? 0 : 1
                    }
                }
            }
        }
        #expect(compared > 1000)
        #expect(pruned > 10, "\(pruned) of \(compared)")
    }

    @Test func `stated counts of NaN are those of the values`() throws {
        let reader = try ParquetReader(try CorpusTests.bytes("floating_orders_nan_count.parquet"))
        var counted = 0
        for group in reader.metadata.rowGroups.indices {
            for leaf in reader.schema.leaves {
                let statistics = reader.metadata.rowGroups[group].columns[leaf.index].statistics
                guard leaf.physicalType == .float || leaf.physicalType == .double else { continue }
                let predicate = ColumnPredicate.test(leaf: leaf.index, .isNaN)
                let rows = try reader.read(rowGroup: group, leaves: [leaf.index], where: predicate)
                #expect(statistics?.nanCount == Int64(rows.rowCount), "row group \(group), \(leaf.name)")
                counted += rows.rowCount
            }
        }
        #expect(counted > 0)
    }

    /// Comparisons with some of a column's own values.
    private static func tests(_ values: ColumnValues) -> [ColumnTest] {
        let literals = stride(from: 0, to: values.count, by: max(1, values.count / 4)).compactMap { index in
            literal(values, index)
        }
        return [.isNull, .isNotNull]
            + literals.flatMap { literal -> [ColumnTest] in
                [
                    .less(literal), .lessOrEqual(literal), .greater(literal), .greaterOrEqual(literal), .equal(literal),
                    .notEqual(literal),
                ]
            }
    }

    private static func literal(_ values: ColumnValues, _ index: Int) -> ColumnLiteral? {
        switch values {
        case .boolean(let values): .boolean(values[index])
        case .int32(let values): .integer(Int64(values[index]))
        case .int64(let values): .integer(values[index])
        case .int96: nil
        case .float(let values): .floating(Double(values[index]))
        case .double(let values): .floating(values[index])
        case .byteArray(let column): .bytes(Array(column[index]))
        case .fixedLengthByteArray(let column): .bytes(Array(column[index]))
        }
    }
}
