import Failpoints
import IcebergData
import JSONFormat

extension Command {
    private static let limit = Option(name: "--limit", value: "N", summary: "show at most N of the entries")
    private static let snapshot = Option(
        name: "--snapshot", value: "ID|REF", summary: "a snapshot id, a branch or a tag; default: the current one")

    /// Every command, in the order of the usage.
    static let all: [Command] = files + metadata + others

    private static let files: [Command] = [
        Command(
            name: "parquet footer", operands: "FILE",
            summary: "schema, row groups, column chunks, statistics and indexes of a Parquet file",
            examples: ["parquet footer events.parquet", "--json parquet footer s3://events/data/a.parquet"],
            run: FooterInspection.run),
        Command(
            name: "parquet pages", operands: "FILE",
            options: [
                Option(name: "--column", value: "NAME", summary: "only this column, by its full name"),
                Option(name: "--row-group", value: "N", summary: "only this row group, counted from 0"),
            ],
            summary: "every page: place, size, encoding, values, checksum, bounds by the page index",
            examples: ["parquet pages events.parquet --column time --row-group 0"],
            run: PagesInspection.run),
        // What `parquet FILE` always meant.
        Command(
            name: "parquet", operands: "FILE", summary: "the same as parquet footer",
            examples: [], run: FooterInspection.run),
        Command(
            name: "avro", operands: "FILE", options: [limit],
            summary: "schema, metadata and records of any Avro file, as they stand there",
            examples: ["avro snap-1.avro --limit 3"], run: AvroInspection.run),
        Command(
            name: "puffin", operands: "FILE", options: [limit],
            summary: "blobs of a Puffin file: statistics and deletion vectors with their first positions",
            examples: ["puffin deletes.puffin --limit 100"], run: PuffinInspection.run),
    ]

    private static let metadata: [Command] = [
        Command(
            name: "metadata", operands: "TABLE",
            summary: "schemas, specs, sort orders, references, history and properties of a table",
            examples: ["metadata warehouse/events", "--json metadata v3.metadata.json"],
            run: MetadataInspection.run),
        Command(
            name: "snapshots", operands: "TABLE", options: [snapshot],
            summary: "snapshots with parents, operations and totals; one in full with --snapshot",
            examples: ["snapshots warehouse/events", "snapshots warehouse/events --snapshot main"],
            run: SnapshotsInspection.run),
        Command(
            name: "manifest-list", operands: "FILE|TABLE",
            options: [
                snapshot,
                Option(name: "--table", value: "TABLE", summary: "whose specs say what the bounds of partitions are"),
            ],
            summary: "the manifests of a snapshot, with counts and partition bounds",
            examples: ["manifest-list warehouse/events", "manifest-list snap-1.avro --table v3.metadata.json"],
            run: ManifestListInspection.run),
        Command(
            name: "manifest", operands: "FILE",
            options: [
                limit,
                Option(
                    name: "--table", value: "TABLE", summary: "whose schema and specs serve where the manifest has none"
                ),
            ],
            summary: "entries of a manifest, with partitions and bounds decoded",
            examples: ["manifest 1-m0.avro", "--json manifest 1-m0.avro --limit 1"],
            run: ManifestInspection.run),
        Command(
            name: "rows", operands: "TABLE",
            options: [
                snapshot,
                Option(name: "--as-of", value: "TIME", summary: "the snapshot that was current then, in RFC 3339"),
                Option(
                    name: "--columns", value: "A,B", summary: "only these, by full names; _file, _pos and so on too"),
                Option(name: "--where", value: "JSON", summary: "an expression as the REST catalog's JSON has it"),
                Option(name: "--limit", value: "N", summary: "at most N rows; default 20"),
            ],
            summary: "rows of a table, deletes applied",
            examples: [
                "rows warehouse/events --columns id,time,_file --limit 5",
                #"rows warehouse/events --where '{"type": "eq", "term": "type", "value": "page.view"}'"#,
            ], run: RowsInspection.run),
        Command(
            name: "diff", operands: "TABLE [FROM] TO", operandCount: 2...3,
            summary:
                "what changed from a snapshot (an id or reference; default: the parent) or metadata file to another",
            examples: [
                "diff warehouse/events main", "diff warehouse/events 8711 main",
                "diff v2.metadata.json v3.metadata.json",
            ],
            run: DiffInspection.run),
        Command(
            name: "validate", operands: "TABLE",
            options: [
                Option(
                    name: "--level", value: "LEVEL", summary: "\(names(of: ValidationLevel.self)); default: footers"),
                Option(
                    name: "--snapshots", value: "WHICH", summary: "\(names(of: ValidationScope.self)); default: current"
                ),
                Option(name: "--limit", value: "N", summary: "list at most N findings; default 1000"),
                Option(name: "--timeout", value: "SECONDS", summary: "look at most so long; default 600"),
            ],
            summary: "whether every file that is reached is there and is what it should be; changes nothing",
            examples: ["validate warehouse/events", "--json validate s3://events/lake/events --level checksums"],
            run: ValidationInspection.run),
    ]

    private static func names<Choice: RawRepresentable & CaseIterable>(
        of choice: Choice.Type
    ) -> String where Choice.RawValue == String { choice.allCases.map(\.rawValue).joined(separator: ", ") }

    private static let others: [Command] = [
        Command(
            name: "view", operands: "FILE", summary: "schemas, versions and queries of a view's metadata file",
            examples: ["view views/daily/metadata/00001.metadata.json"], run: ViewInspection.run),
        Command(
            name: "log", operands: "DIRECTORY",
            summary: "segments and records of a write-ahead log; changes nothing", examples: ["log var/wal"],
            run: LogDescription.run),
        Command(
            name: "log-repair", operands: "DIRECTORY",
            options: [Option(name: "--apply", value: "", summary: "repair; without it nothing is changed")],
            summary: "what a repair of a damaged log would lose; makes it with --apply",
            examples: ["log-repair var/wal", "log-repair var/wal --apply"], run: LogRepairReport.run),
        Command(
            name: "failpoints", operands: "", operandCount: 0...0,
            summary: "the names that ANALYTICS_FAILPOINTS takes in tests", examples: ["--json failpoints"],
            run: { _, report in
                report["form"] = .string(FailpointPlan.form)
                report["names"] = .array(Failpoint.allCases.map { .string($0.rawValue) })
            }),
        Command(
            name: "setup-storage", operands: "", operandCount: 0...0,
            summary: "makes the three buckets and their lifecycle rules where they are not there yet",
            examples: ["setup-storage"], run: { _, _ in }),
    ]
}
