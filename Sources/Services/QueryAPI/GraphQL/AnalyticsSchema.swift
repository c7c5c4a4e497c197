import Clocks
import GraphQLFormat
import JSONFormat

/// The GraphQL schema of the query API.
enum AnalyticsSchema {
    static func make() throws(GraphQLError) -> GraphQLSchema {
        try GraphQLSchema(sdl: sdl, scalars: ["DateTime": dateTime, "Long": long, "JSON": .any])
    }

    /// RFC 3339; a bare date is its midnight UTC. Coerced to the canonical text in UTC.
    private static let dateTime = ScalarCoercion(
        input: { value in
            value.string.flatMap { Timestamp(rfc3339: $0, dateOnly: true) }.map { .string($0.rfc3339()) }
        },
        output: { value in value.string.map { .string($0) } })

    private static let long = ScalarCoercion(input: whole, output: whole)

    @Sendable private static func whole(_ value: JSONValue) -> JSONValue? {
        switch value {
        case .integer(let number): .integer(number)
        default: JSONValue?.none
        }
    }

    static let sdl = #"""
        "A moment as RFC 3339 writes it; a bare date is its midnight UTC."
        scalar DateTime @specifiedBy(url: "https://www.rfc-editor.org/rfc/rfc3339")
        "An integer of 64 bits, as a JSON number."
        scalar Long
        "Any JSON value."
        scalar JSON

        type Query {
          "Questions to the events."
          analytics: Analytics!
          "The tables and their snapshots."
          catalog: Catalog!
          "How queries are carried out."
          debug: Debug!
          "What this service has done since it started."
          metrics: Metrics!
        }

        "A range of event time: the start belongs to it, the end does not."
        input TimeRange {
          start: DateTime!
          end: DateTime!
        }

        type Analytics {
          "Events by type, most frequent first."
          eventCounts(
            timeRange: TimeRange!
            "Only these types; all if not given."
            eventTypes: [String!]
            "`events` (the default), a table of the same namespace, or `namespace.table`."
            table: String
            "As the table was at this time."
            asOf: DateTime
            "As the table was in this snapshot."
            snapshotId: ID
          ): [EventCount!]!
          "One SELECT over tables as they were at a time or in a snapshot."
          timeTravel(timestamp: DateTime, snapshotId: ID, query: String!): QueryResult!
          "One SELECT over the tables as they are now."
          sql(
            query: String!
            "Rows wanted at most."
            limit: Int
          ): QueryResult!
        }

        type EventCount {
          eventType: String!
          count: Long!
          "Distinct subjects, or where an event has none the user_id or userId of its data."
          uniqueUsers: Long!
        }

        type QueryResult {
          columns: [Column!]!
          "One object a row, keyed by column name."
          results: [JSON!]!
          rowCount: Long!
          "Whether there were more rows than are returned."
          truncated: Boolean!
          "The snapshot that was read; -1 for a table without one."
          snapshotId: ID!
          elapsedMs: Float!
        }

        type Column {
          name: String!
          "As DuckDB names it."
          type: String!
        }

        type Catalog {
          "All tables, or those of one namespace."
          tables(namespace: String): [Table!]!
          "A table by `name` or `namespace.name`; null if there is none."
          table(name: String!): Table
        }

        type Table {
          name: String!
          namespace: String!
          location: String!
          formatVersion: Int!
          currentSnapshotId: ID
          lastUpdated: DateTime
          recordCount: Long
          sizeInBytes: Long
          fileCount: Long
          columns: [TableColumn!]!
          "How rows are put into files: `type`, `hour(time)`."
          partitioning: [String!]!
          "Oldest first."
          snapshots: [Snapshot!]!
          properties: JSON!
        }

        type TableColumn {
          id: Int!
          name: String!
          type: String!
          required: Boolean!
          doc: String
        }

        type Snapshot {
          id: ID!
          parentId: ID
          timestamp: DateTime!
          operation: String
          recordCount: Long
          addedRecords: Long
          deletedRecords: Long
          sizeInBytes: Long
          summary: JSON!
        }

        type Debug {
          "What a query would read and how."
          queryPlan(sql: String!): QueryPlan!
        }

        type QueryPlan {
          filesTotal: Long!
          "Files that are read."
          filesScanned: Long!
          filesPrunedByPartition: Long!
          filesPrunedByColumnBounds: Long!
          bytesScanned: Long!
          recordsScanned: Long!
          manifestsTotal: Long!
          manifestsRead: Long!
          tables: [TablePlan!]!
          "The plan of the engine."
          duckdb: String!
        }

        type TablePlan {
          name: String!
          snapshotId: ID!
          filesTotal: Long!
          filesScanned: Long!
          filesPrunedByPartition: Long!
          filesPrunedByColumnBounds: Long!
          bytesScanned: Long!
          recordsScanned: Long!
          deleteFiles: Long!
          manifestsTotal: Long!
          manifestsRead: Long!
          "The columns whose conditions pruned files."
          prunedBy: [String!]!
        }

        type Metrics {
          uptimeSeconds: Float!
          queries: Long!
          failures: Long!
          timeouts: Long!
          active: Long!
          rowsReturned: Long!
          filesRead: Long!
          filesPruned: Long!
          bytesRead: Long!
          workers: Int!
          latencyMs: Latency!
          manifestCache: CacheStatistics!
          fileCache: CacheStatistics!
        }

        "Of the latest queries; null before the first."
        type Latency {
          p50: Float
          p95: Float
          p99: Float
        }

        type CacheStatistics {
          entries: Long!
          bytes: Long!
          bytesMax: Long!
          hits: Long!
          misses: Long!
        }
        """#
}
