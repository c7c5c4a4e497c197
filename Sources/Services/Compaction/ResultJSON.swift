import IcebergSpec
import JSONFormat

extension CompactionPlan {
    var json: JSONValue {
        [
            "files_total": JSONValue(filesTotal), "partitions_total": JSONValue(partitionsTotal),
            "small_files": JSONValue(smallFiles), "groups": JSONValue(groups.count),
            "files_to_rewrite": JSONValue(files), "bytes_to_rewrite": JSONValue(inputBytes),
            "skipped_with_deletes": .array(
                skippedForDeletes.prefix(CompactionLimits.filesListed).map { .string($0) }),
            "skipped_other_format": JSONValue(skippedForFormat),
            "plan": .array(
                groups.prefix(CompactionLimits.filesListed).map { group in
                    [
                        "partition": .array(group.partition.map { $0?.json ?? .null }),
                        "partition_spec_id": JSONValue(group.specID), "files": JSONValue(group.files.count),
                        "bytes": JSONValue(group.inputBytes), "records": JSONValue(group.records),
                    ]
                }),
        ]
    }
}

extension CompactionResult {
    func json(_ plan: CompactionPlan) -> JSONValue {
        [
            "files_total": JSONValue(plan.filesTotal), "small_files": JSONValue(plan.smallFiles),
            "files_rewritten": JSONValue(filesRewritten), "files_created": JSONValue(filesCreated),
            "bytes_before": JSONValue(bytesBefore), "bytes_after": JSONValue(bytesAfter),
            "records": JSONValue(records), "duplicates_removed": JSONValue(duplicatesRemoved),
            "partitions": JSONValue(partitions), "groups_abandoned": JSONValue(groupsAbandoned),
            "snapshot_ids": .array(snapshotIDs.map { JSONValue($0) }),
            "skipped": .array(skipped.prefix(CompactionLimits.filesListed).map { .string($0) }),
            "skipped_with_deletes": .array(
                plan.skippedForDeletes.prefix(CompactionLimits.filesListed).map { .string($0) }),
            "skipped_other_format": JSONValue(plan.skippedForFormat),
        ]
    }
}

extension ExpiryResult {
    var json: JSONValue {
        [
            "dry_run": .bool(isDryRun), "snapshots_removed": JSONValue(snapshotsRemoved.count),
            "snapshot_ids": .array(
                snapshotsRemoved.prefix(CompactionLimits.filesListed).map { JSONValue($0) }),
            "references_removed": .array(referencesRemoved.map(JSONValue.string)),
            "tags_set": .array(tagsSet.map(JSONValue.string)),
            "data_files_deleted": JSONValue(dataFilesDeleted), "manifests_deleted": JSONValue(manifestsDeleted),
            "manifest_lists_deleted": JSONValue(manifestListsDeleted),
        ]
    }
}

extension OrphanResult {
    var json: JSONValue {
        [
            "dry_run": .bool(isDryRun), "objects_listed": JSONValue(objectsListed), "orphans": JSONValue(count),
            "bytes": JSONValue(bytes),
            "files": .array(orphans.map { ["path": .string($0.path), "bytes": JSONValue($0.bytes)] }),
        ]
    }
}
