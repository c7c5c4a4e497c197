import ParserTargets
import Testing

/// What the fuzzer found, so that it stays mended.
@Suite struct FindingTests {
    private static let findings: [(target: String, input: String)] = [
        // Sequence numbers in version 1 were read, but not written.
        (
            "table-metadata",
            #"""
            {"format-version":1,"location":"t","last-updated-ms":1,"last-column-id":1,"schema":{"type":"struct",
            "fields":[{"id":1,"name":"a","required":false,"type":"int"}]},"partition-spec":[],
            "current-snapshot-id":7,"snapshots":[{"sequence-number":1,"snapshot-id":7,"timestamp-ms":1,
            "summary":{"operation":"append"},"manifest-list":"l"}]}
            """#
        )
    ]

    @Test(arguments: findings.indices)
    func `what the fuzzer found stays mended`(index: Int) throws {
        let finding = Self.findings[index]
        let target = try #require(ParserTarget.named(finding.target))
        _ = try target.parse(Array(finding.input.utf8))
    }
}
