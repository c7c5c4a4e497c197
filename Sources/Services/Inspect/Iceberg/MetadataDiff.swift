import Clocks
import IcebergSpec
import JSONFormat

/// What two metadata files say differently.
enum MetadataDiff {
    /// The single values: versions, location, ids, counts.
    static func fields(_ old: TableMetadata, _ new: TableMetadata) -> [JSONValue] {
        let pairs: [(String, JSONValue, JSONValue)] = [
            ("format-version", JSONValue(old.formatVersion), JSONValue(new.formatVersion)),
            ("table-uuid", JSONValue(old.tableUUID?.description), JSONValue(new.tableUUID?.description)),
            ("location", .string(old.location), .string(new.location)),
            ("last-sequence-number", JSONValue(old.lastSequenceNumber), JSONValue(new.lastSequenceNumber)),
            (
                "last-updated", .time(milliseconds: old.lastUpdatedMilliseconds),
                .time(milliseconds: new.lastUpdatedMilliseconds)
            ),
            ("last-column-id", JSONValue(old.lastColumnID), JSONValue(new.lastColumnID)),
            ("next-row-id", JSONValue(old.nextRowID), JSONValue(new.nextRowID)),
            ("current-schema-id", JSONValue(old.currentSchemaID), JSONValue(new.currentSchemaID)),
            ("schemas", JSONValue(old.schemas.count), JSONValue(new.schemas.count)),
            ("default-spec-id", JSONValue(old.defaultSpecID), JSONValue(new.defaultSpecID)),
            (
                "default partition spec", .string(old.defaultSpec.rendered(old.currentSchema)),
                .string(new.defaultSpec.rendered(new.currentSchema))
            ),
            (
                "default sort order", .string(old.defaultSortOrder.rendered(old.currentSchema)),
                .string(new.defaultSortOrder.rendered(new.currentSchema))
            ),
            ("current-snapshot-id", JSONValue(old.currentSnapshotID), JSONValue(new.currentSnapshotID)),
            ("statistics", JSONValue(old.statistics.count), JSONValue(new.statistics.count)),
        ]
        return pairs.filter { $0.1 != $0.2 }.map { ["field": .string($0.0), "from": $0.1, "to": $0.2] }
    }

    /// Keys whose value differs, or that only one of the two has.
    static func values(_ old: [String: String], _ new: [String: String]) -> [JSONObject] {
        Set(old.keys).union(new.keys).sorted().filter { old[$0] != new[$0] }.map { key in
            JSONObject([
                .init(key: "key", value: .string(key)), .init(key: "from", value: JSONValue(old[key])),
                .init(key: "to", value: JSONValue(new[key])),
            ])
        }
    }

    static func references(_ old: TableMetadata, _ new: TableMetadata) -> [JSONValue] {
        func text(_ metadata: TableMetadata) -> [String: String] {
            metadata.references.mapValues { "\($0.kind.rawValue) at \($0.snapshotID)" }
        }
        return values(text(old), text(new)).map { .object($0) }
    }

    static func snapshots(in metadata: TableMetadata, notIn other: TableMetadata) -> JSONValue {
        let known = Set(other.snapshots.map(\.snapshotID))
        return SnapshotsInspection.rows(metadata.snapshots.filter { !known.contains($0.snapshotID) }, metadata)
    }
}

/// What became of the columns, found by their ids.
enum SchemaDiff {
    static func changes(from old: Schema, to new: Schema) -> [JSONValue] {
        let (before, after) = (old.fieldsByID, new.fieldsByID)
        var changes: [JSONValue] = []
        for id in Set(before.keys).union(after.keys).sorted() {
            switch (before[id], after[id]) {
            case (nil, let field?): changes.append(change("added", id, new, nil, text(field)))
            case (let field?, nil): changes.append(change("removed", id, old, text(field), nil))
            case (let left?, let right?):
                let names = (old.fullName(id: id), new.fullName(id: id))
                if names.0 != names.1 { changes.append(change("renamed", id, new, names.0, names.1)) }
                if text(left) != text(right) { changes.append(change("changed", id, new, text(left), text(right))) }
                if left.doc != right.doc { changes.append(change("doc", id, new, left.doc, right.doc)) }
            case (nil, nil): break
            }
        }
        return changes
    }

    private static func change(
        _ kind: String, _ id: Int, _ schema: Schema, _ from: String?, _ to: String?
    ) -> JSONValue {
        [
            "change": .string(kind), "id": JSONValue(id), "column": JSONValue(schema.fullName(id: id)),
            "from": JSONValue(from), "to": JSONValue(to),
        ]
    }

    private static func text(_ field: NestedField) -> String {
        var text = SchemaRendering.typeName(field.type) + (field.required ? " required" : "")
        if let value = field.initialDefault { text += " initial-default \(value.serializedString())" }
        if let value = field.writeDefault { text += " write-default \(value.serializedString())" }
        return text
    }
}
