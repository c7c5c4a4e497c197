import Clocks
import IcebergSpec
import JSONFormat
import Testing

struct TableCreationTests {
    @Test func `a new table has fresh ids, a bound spec and no snapshot`() throws {
        let schema = try Schema(
            fields: [
                .required(10, "id", .string),
                .optional(20, "where", .structure([.optional(21, "city", .string), .optional(22, "zip", .string)])),
                .required(30, "time", .timestamptz),
            ], identifierFieldIDs: [10])
        let table = try TableMetadata.new(
            location: "s3://b/t", schema: schema,
            spec: UnboundPartitionSpec(fields: [.init(sourceID: 30, name: "time_day", transform: .day)]),
            sortOrder: SortOrder(id: 9, fields: [SortField(sourceID: 10)]), uuid: Fixture.uuid, at: Fixture.created)
        #expect(table.currentSchema.fields.map(\.id) == [1, 2, 3])
        #expect(table.currentSchema.field(named: "where.zip")?.id == 5)
        #expect(table.currentSchema.identifierFieldIDs == [1])
        #expect(table.lastColumnID == 5)
        #expect(
            table.defaultSpec.fields == [
                PartitionField(sourceID: 3, fieldID: 1000, name: "time_day", transform: .day)
            ])
        #expect(table.lastPartitionID == 1000)
        #expect(table.defaultSortOrder == SortOrder(id: 1, fields: [SortField(sourceID: 1)]))
        #expect(table.currentSnapshotID == nil && table.snapshots.isEmpty && table.references.isEmpty)
        #expect(table.lastUpdatedMilliseconds == Fixture.created.milliseconds)
    }

    @Test func `an unpartitioned table assigns partition ids from 1000 on later`() throws {
        let table = try TableMetadata.new(
            location: "s3://b/t", schema: Fixture.schema(), uuid: Fixture.uuid, at: Fixture.created)
        #expect(table.lastPartitionID == 999)
        #expect(table.json["sort-orders"] == [["order-id": 0, "fields": []]])
        let spec = UnboundPartitionSpec(fields: [.init(sourceID: 3, name: "type", transform: .identity)])
        let next = try table.applying([.addPartitionSpec(spec), .setDefaultSpec(id: -1)], at: Fixture.later(1))
        #expect(next.defaultSpec.fields.map(\.fieldID) == [1000])
    }

    @Test(arguments: [1, 2, 3])
    func `the format version comes from the property, which is not kept`(_ version: Int) throws {
        let table = try TableMetadata.new(
            location: "s3://b/t", schema: Fixture.schema(), properties: ["format-version": "\(version)", "a": "b"],
            uuid: Fixture.uuid, at: Fixture.created)
        #expect(table.formatVersion == version)
        #expect(table.properties == ["a": "b"])
        #expect(table.json["current-snapshot-id"] == (version == 3 ? .null : -1))
        #expect(try TableMetadata(json: table.json) == table)
    }

    @Test func `a spec over a missing column is refused`() throws {
        let spec = UnboundPartitionSpec(fields: [.init(sourceID: 99, name: "x", transform: .identity)])
        let error = requireIcebergError {
            _ = try TableMetadata.new(
                location: "s3://b/t", schema: Fixture.schema(), spec: spec, uuid: Fixture.uuid, at: Fixture.created)
        }
        #expect(error?.code == .invalid)
        #expect(error?.message == "the partition field \"x\" has the source column 99, which does not exist")
    }

    @Test func `the request of the quick start is taken`() throws {
        let schema = try Schema(
            relaxed: JSONValue.parse(
                """
                {"type":"struct","fields":[
                {"id":1,"name":"event_id","required":true,"type":"string"},
                {"id":2,"name":"timestamp","required":true,"type":"timestamp"},
                {"id":3,"name":"type","required":true,"type":"string"}]}
                """))
        let spec = try UnboundPartitionSpec(
            relaxed: JSONValue.parse(
                """
                [{"name":"event_hour","transform":"hour","source-id":2},
                {"name":"event_type","transform":"identity","source-id":3}]
                """))
        let table = try TableMetadata.new(
            location: "s3://b/t", schema: schema, spec: spec, uuid: Fixture.uuid, at: Fixture.created)
        #expect(table.defaultSpec.fields.map(\.name) == ["event_hour", "event_type"])
        #expect(table.defaultSpec.fields.map(\.fieldID) == [1000, 1001])
    }

    @Test func `a relaxed schema without ids is numbered`() throws {
        let schema = try Schema(
            relaxed: JSONValue.parse(#"{"fields":[{"name":"a","type":"string"},{"name":"b","type":"long"}]}"#))
        #expect(schema.fields == [.optional(1, "a", .string), .optional(2, "b", .long)])
    }

    @Test func `a staged create is made of updates alone`() throws {
        let staged = try Fixture.table()
        let snapshot = Fixture.snapshot(1, sequence: 1, at: Fixture.later(1))
        let table = try TableMetadata.creating(
            from: [
                .assignUUID(Fixture.uuid), .upgradeFormatVersion(2), .addSchema(staged.currentSchema),
                .setCurrentSchema(id: -1), .addPartitionSpec(UnboundPartitionSpec(staged.defaultSpec)),
                .setDefaultSpec(id: -1), .addSortOrder(.unsorted), .setDefaultSortOrder(id: -1),
                .setLocation(staged.location), .setProperties([:]),
            ] + Fixture.append(snapshot), at: Fixture.later(1))
        #expect(table.currentSnapshotID == 1)
        #expect(table.currentSchema == staged.currentSchema)
        #expect(table.defaultSpec == staged.defaultSpec)
    }

    @Test(arguments: [[TableUpdate](), [.assignUUID(Fixture.uuid)], [.setLocation("s3://b/t")]])
    func `a create without its parts is refused`(_ updates: [TableUpdate]) {
        #expect(throws: IcebergError.self) { try TableMetadata.creating(from: updates, at: Fixture.created) }
    }
}

struct SnapshotUpdateTests {
    @Test func `an append moves main and keeps the logs`() throws {
        let table = try Fixture.table()
        let next = try table.applying(
            Fixture.append(Fixture.snapshot(7, sequence: 1, at: Fixture.later(5))), at: Fixture.later(5),
            previousMetadataFile: "s3://b/v1.json")
        #expect(next.currentSnapshotID == 7)
        #expect(next.lastSequenceNumber == 1)
        #expect(
            next.snapshotLog == [
                SnapshotLogEntry(timestampMilliseconds: Fixture.later(5).milliseconds, snapshotID: 7)
            ])
        #expect(
            next.metadataLog == [
                MetadataLogEntry(timestampMilliseconds: Fixture.created.milliseconds, metadataFile: "s3://b/v1.json")
            ])
        #expect(next.lastUpdatedMilliseconds == Fixture.later(5).milliseconds)
        #expect(try TableMetadata(json: next.json) == next)
    }

    @Test func `nothing changes without changes`() throws {
        let table = try Fixture.table(appends: 2)
        let same = try table.applying(
            [.setProperties([:]), .setLocation(table.location), .addSchema(table.currentSchema)],
            at: Fixture.later(100), previousMetadataFile: "x")
        #expect(same == table)
    }

    @Test func `a sequence number that is not new asks for a retry`() throws {
        let table = try Fixture.table(appends: 2)
        let error = requireIcebergError {
            _ = try table.applying(
                Fixture.append(Fixture.snapshot(9, parent: 1, sequence: 2, at: Fixture.later(9))),
                at: Fixture.later(9))
        }
        #expect(error?.code == .stale)
    }

    @Test func `a snapshot id is used once`() throws {
        let table = try Fixture.table(appends: 2)
        let error = requireIcebergError {
            _ = try table.applying(
                [.addSnapshot(Fixture.snapshot(1, parent: 2, sequence: 3, at: Fixture.later(9)))],
                at: Fixture.later(9))
        }
        #expect(error?.message == "there is a snapshot 1 already")
    }

    @Test(arguments: [(-60, true), (-61, false), (3600, true)])
    func `clocks may differ by a minute`(_ seconds: Int64, _ isTaken: Bool) throws {
        let table = try Fixture.table(appends: 1)
        let snapshot = Fixture.snapshot(2, parent: 1, sequence: 2, at: Fixture.later(1 + seconds))
        let error = requireIcebergError {
            let next = try table.applying(Fixture.append(snapshot), at: Fixture.later(2))
            #expect(next.lastUpdatedMilliseconds >= table.lastUpdatedMilliseconds)
            #expect(
                next.snapshotLog.map(\.timestampMilliseconds) == next.snapshotLog.map(\.timestampMilliseconds).sorted())
            #expect(try TableMetadata(json: next.json) == next)
        }
        #expect((error == nil) == isTaken)
    }

    @Test func `the time of the table never goes back`() throws {
        let table = try Fixture.table(appends: 3)
        let next = try table.applying([.setProperties(["a": "b"])], at: Fixture.later(-1000))
        #expect(next.lastUpdatedMilliseconds == table.lastUpdatedMilliseconds)
    }

    @Test func `a snapshot that was current within one commit only leaves no trace in the log`() throws {
        let table = try Fixture.table(appends: 1)
        let updates =
            Fixture.append(Fixture.snapshot(2, parent: 1, sequence: 2, at: Fixture.later(2)))
            + Fixture.append(Fixture.snapshot(3, parent: 2, sequence: 3, at: Fixture.later(3)))
        let next = try table.applying(updates, at: Fixture.later(3))
        #expect(next.snapshotLog.map(\.snapshotID) == [1, 3])
        #expect(next.snapshots.map(\.snapshotID) == [1, 2, 3])
    }

    @Test func `a rollback is logged at the time of the commit`() throws {
        let table = try Fixture.table(appends: 3)
        let next = try table.applying(
            [.setSnapshotReference(name: "main", SnapshotReference(snapshotID: 1))], at: Fixture.later(50))
        #expect(next.currentSnapshotID == 1)
        #expect(next.snapshotLog.last?.timestampMilliseconds == Fixture.later(50).milliseconds)
        #expect(next.snapshot(asOf: Fixture.later(49))?.snapshotID == 3)
        #expect(next.snapshot(asOf: Fixture.later(50))?.snapshotID == 1)
        #expect(next.snapshot(asOf: Fixture.later(0)) == nil)
    }

    @Test func `expiring snapshots cuts the log before them and takes their statistics and tags along`() throws {
        var table = try Fixture.table(appends: 4)
        table = try table.applying(
            [
                .setSnapshotReference(name: "old", SnapshotReference(snapshotID: 2, kind: .tag)),
                .setStatistics(
                    StatisticsFile(snapshotID: 2, path: "p", sizeBytes: 1, footerSizeBytes: 1, blobs: [])),
                .setPartitionStatistics(PartitionStatisticsFile(snapshotID: 2, path: "q", sizeBytes: 1)),
            ], at: Fixture.later(5))
        let next = try table.applying([.removeSnapshots([2])], at: Fixture.later(6))
        #expect(next.snapshots.map(\.snapshotID) == [1, 3, 4])
        #expect(next.snapshotLog.map(\.snapshotID) == [3, 4])
        #expect(next.statistics.isEmpty && next.partitionStatistics.isEmpty)
        #expect(next.references.keys.sorted() == ["main"])
    }

    @Test func `a reference needs an existing snapshot, and main stays a branch`() throws {
        let table = try Fixture.table(appends: 1)
        #expect(throws: IcebergError.self) {
            try table.applying(
                [.setSnapshotReference(name: "x", SnapshotReference(snapshotID: 99))], at: Fixture.later(2))
        }
        #expect(throws: IcebergError.self) {
            try table.applying(
                [.setSnapshotReference(name: "main", SnapshotReference(snapshotID: 1, kind: .tag))],
                at: Fixture.later(2))
        }
    }

    @Test func `a replaced table starts over but keeps its history`() throws {
        let table = try Fixture.table(appends: 2)
        let schema = try Schema(fields: [.required(1, "id", .long)])
        let next = try table.applying(
            [
                .removeSnapshotReference(name: "main"), .addSchema(schema), .setCurrentSchema(id: -1),
                .addPartitionSpec(UnboundPartitionSpec()), .setDefaultSpec(id: -1),
            ], at: Fixture.later(9))
        #expect(next.currentSnapshotID == nil)
        #expect(next.snapshots.count == 2)
        #expect(next.currentSchema.fields == schema.fields)
        #expect(next.defaultSpec.isUnpartitioned)
    }

    @Test func `the metadata log keeps as many files as the property says`() throws {
        var table = try Fixture.table(properties: ["write.metadata.previous-versions-max": "3"])
        for version in 1...5 {
            table = try table.applying(
                [.setProperties(["n": "\(version)"])], at: Fixture.later(Int64(version)),
                previousMetadataFile: "v\(version)")
        }
        #expect(table.metadataLog.map(\.metadataFile) == ["v3", "v4", "v5"])
    }

    @Test func `row ids of version 3 are never given twice`() throws {
        var table = try Fixture.table(formatVersion: 3)
        table = try table.applying(
            Fixture.append(Fixture.snapshot(1, sequence: 1, at: Fixture.later(1), firstRow: 0, rows: 10)),
            at: Fixture.later(1))
        #expect(table.nextRowID == 10)
        let stale = requireIcebergError {
            _ = try table.applying(
                Fixture.append(
                    Fixture.snapshot(2, parent: 1, sequence: 2, at: Fixture.later(2), firstRow: 9, rows: 1)),
                at: Fixture.later(2))
        }
        #expect(stale?.code == .stale)
        let missing = requireIcebergError {
            _ = try table.applying(
                Fixture.append(Fixture.snapshot(2, parent: 1, sequence: 2, at: Fixture.later(2))),
                at: Fixture.later(2))
        }
        #expect(missing?.code == .invalid)
    }
}

struct DefinitionUpdateTests {
    @Test func `a schema equal to an older one is used again`() throws {
        let table = try Fixture.table()
        let wider = try Schema(fields: table.currentSchema.fields + [.optional(7, "extra", .string)])
        let second = try table.applying([.addSchema(wider), .setCurrentSchema(id: -1)], at: Fixture.later(1))
        #expect(second.currentSchemaID == 1 && second.lastColumnID == 7)
        let third = try second.applying(
            [.addSchema(table.currentSchema), .setCurrentSchema(id: -1)], at: Fixture.later(2))
        #expect(third.currentSchemaID == 0 && third.schemas.count == 2 && third.lastColumnID == 7)
    }

    @Test func `id -1 needs something added in the same commit`() throws {
        let table = try Fixture.table()
        for update in [TableUpdate.setCurrentSchema(id: -1), .setDefaultSpec(id: -1), .setDefaultSortOrder(id: -1)] {
            #expect(throws: IcebergError.self) { try table.applying([update], at: Fixture.later(1)) }
        }
    }

    @Test func `a compatible spec is used again and like fields keep their ids`() throws {
        let table = try Fixture.table()
        let coarse = UnboundPartitionSpec(fields: [
            .init(sourceID: 3, name: "type", transform: .identity),
            .init(sourceID: 2, name: "time_day", transform: .day),
        ])
        let second = try table.applying([.addPartitionSpec(coarse), .setDefaultSpec(id: -1)], at: Fixture.later(1))
        #expect(second.defaultSpecID == 1)
        #expect(second.defaultSpec.fields.map(\.fieldID) == [1000, 1002])
        #expect(second.lastPartitionID == 1002)
        let third = try second.applying(
            [.addPartitionSpec(UnboundPartitionSpec(table.defaultSpec)), .setDefaultSpec(id: -1)],
            at: Fixture.later(2))
        #expect(third.defaultSpecID == 0 && third.partitionSpecs.count == 2)
    }

    @Test func `what is in use cannot be removed`() throws {
        let table = try Fixture.table()
        #expect(throws: IcebergError.self) { try table.applying([.removeSchemas([0])], at: Fixture.later(1)) }
        #expect(throws: IcebergError.self) { try table.applying([.removePartitionSpecs([0])], at: Fixture.later(1)) }
    }

    @Test func `a column with data does not change to another type, only to a wider one`() throws {
        let table = try Fixture.table(appends: 1)
        func change(_ type: IcebergType) throws -> TableMetadata {
            var fields = table.currentSchema.fields
            fields[0].type = type
            return try table.applying(
                [.addSchema(Schema(fields: fields)), .setCurrentSchema(id: -1)], at: Fixture.later(9))
        }
        let error = requireIcebergError { _ = try change(.long) }
        #expect(error?.message == "\"id\" (id 1) cannot change from string to long")
    }

    @Test func `a column that a partition field needs cannot go`() throws {
        let table = try Fixture.table()
        let schema = try Schema(fields: Array(table.currentSchema.fields.prefix(2)))
        #expect(throws: IcebergError.self) {
            try table.applying([.addSchema(schema), .setCurrentSchema(id: -1)], at: Fixture.later(1))
        }
    }

    @Test func `types of version 3 need version 3`() throws {
        let table = try Fixture.table()
        let schema = try Schema(fields: table.currentSchema.fields + [.optional(7, "v", .variant)])
        let updates: [TableUpdate] = [.addSchema(schema), .setCurrentSchema(id: -1)]
        #expect(throws: IcebergError.self) { try table.applying(updates, at: Fixture.later(1)) }
        let upgraded = try table.applying([.upgradeFormatVersion(3)] + updates, at: Fixture.later(1))
        #expect(upgraded.formatVersion == 3 && upgraded.nextRowID == 0)
        #expect(throws: IcebergError.self) { try upgraded.applying([.upgradeFormatVersion(2)], at: Fixture.later(2)) }
    }

    @Test func `a UUID is for life`() throws {
        let table = try Fixture.table()
        #expect(try table.applying([.assignUUID(Fixture.uuid)], at: Fixture.later(1)) == table)
        #expect(throws: IcebergError.self) {
            try table.applying([.assignUUID(UUID(high: 1, low: 2))], at: Fixture.later(1))
        }
    }
}

struct TableRequirementTests {
    static let main = TableRequirement.referenceSnapshotID(reference: "main", snapshotID: 2)

    @Test(arguments: [
        (TableRequirement.tableUUID(Fixture.uuid), true), (.tableUUID(UUID(high: 1, low: 1)), false), (.create, false),
        (main, true), (.referenceSnapshotID(reference: "main", snapshotID: 1), false),
        (.referenceSnapshotID(reference: "main", snapshotID: nil), false),
        (.referenceSnapshotID(reference: "other", snapshotID: nil), true),
        (.referenceSnapshotID(reference: "other", snapshotID: 1), false), (.lastAssignedFieldID(6), true),
        (.lastAssignedFieldID(5), false), (.currentSchemaID(0), true), (.currentSchemaID(1), false),
        (.lastAssignedPartitionID(1001), true), (.lastAssignedPartitionID(1000), false), (.defaultSpecID(0), true),
        (.defaultSpecID(1), false), (.defaultSortOrderID(0), true), (.defaultSortOrderID(1), false),
    ])
    func `a requirement holds or names what changed`(_ requirement: TableRequirement, _ holds: Bool) throws {
        let table = try Fixture.table(appends: 2)
        if holds {
            try requirement.check(against: table)
        } else {
            #expect(throws: RequirementFailure.self) { try requirement.check(against: table) }
        }
        #expect(try TableRequirement(json: requirement.json) == requirement)
    }

    @Test func `only a create holds without a table`() throws {
        try TableRequirement.create.check(against: nil)
        #expect(throws: RequirementFailure.self) { try Self.main.check(against: nil) }
    }

    @Test func `an unknown requirement or update is refused by name`() {
        let requirement = requireIcebergError { _ = try TableRequirement(json: ["type": "assert-moon"]) }
        #expect(requirement?.code == .unsupported && requirement?.message.contains("assert-moon") == true)
        let update = requireIcebergError { _ = try TableUpdate(json: ["action": "fly"]) }
        #expect(update?.code == .unsupported && update?.path == "$.action")
    }
}
