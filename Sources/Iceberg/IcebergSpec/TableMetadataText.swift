import Glibc
import JSONFormat

/// A metadata file taken apart in place, so that snapshots by the ten thousand cost a look at their tokens and not a tree of
/// values.
///
/// Only what is beyond doubt is kept as text: the members a snapshot of version 2 or 3 has, each once, of the right type
/// and within its limits, strings without escapes. A snapshot that is anything else is read as usual, and so is a file with
/// anything wrong in it, which then says where.
struct TableMetadataText {
    /// Everything but the lists below.
    private(set) var rest: JSONObject
    private(set) var snapshots: [Snapshot] = []
    private(set) var snapshotLog: [SnapshotLogEntry] = []

    /// Nil for a text that is to be read as usual.
    init?(_ text: [UInt8]) {
        var tape = JSONTape()
        let isRead = text.withUnsafeBytes { tape.read($0) }
        guard isRead else { return nil }
        let found = text.withUnsafeBytes { bytes in
            tape.nodes.withUnsafeBufferPointer { Walk(text: text, bytes: bytes, nodes: $0).file() }
        }
        guard let found else { return nil }
        self = found
    }

    fileprivate init(rest: JSONObject, snapshots: [Snapshot], snapshotLog: [SnapshotLogEntry]) {
        self.rest = rest
        self.snapshots = snapshots
        self.snapshotLog = snapshotLog
    }
}

private struct Walk {
    /// The same as `bytes`.
    let text: [UInt8]
    let bytes: UnsafeRawBufferPointer
    let nodes: UnsafeBufferPointer<JSONTape.Node>

    // MARK: - Parts of a file

    func file() -> TableMetadataText? {
        guard let root = nodes.first, root.kind == .object else { return nil }
        var rest: [JSONObject.Member] = []
        var snapshots: [Snapshot]?
        var log: [SnapshotLogEntry]?
        for key in members(of: 0) {
            if self.is(key, "snapshots") {
                guard snapshots == nil, let found = self.snapshots(key + 1) else { return nil }
                snapshots = found
            } else if self.is(key, "snapshot-log") {
                guard log == nil, let found = self.log(key + 1) else { return nil }
                log = found
            } else {
                guard let name = value(key)?.string, name != "snapshots", name != "snapshot-log",
                    let value = value(key + 1)
                else { return nil }
                rest.append(JSONObject.Member(key: name, value: value))
            }
        }
        let members = JSONObject(rest)
        // Version 1 has no sequence numbers, whatever its snapshots say.
        guard let version = members["format-version"]?.integer, version > 1 else { return nil }
        return TableMetadataText(rest: members, snapshots: snapshots ?? [], snapshotLog: log ?? [])
    }

    private func snapshots(_ list: Int) -> [Snapshot]? {
        guard nodes[list].kind == .array, nodes[list].count <= Limits.snapshotsMax else { return nil }
        var found: [Snapshot] = []
        found.reserveCapacity(nodes[list].count)
        for index in elements(of: list) {
            guard let snapshot = plainSnapshot(index) ?? anySnapshot(index) else { return nil }
            found.append(snapshot)
        }
        return found
    }

    private func anySnapshot(_ index: Int) -> Snapshot? {
        guard let json = value(index) else { return nil }
        do { return try Snapshot(json: json) } catch { return nil }
    }

    private func log(_ list: Int) -> [SnapshotLogEntry]? {
        guard nodes[list].kind == .array, nodes[list].count <= Limits.snapshotsMax else { return nil }
        var found: [SnapshotLogEntry] = []
        found.reserveCapacity(nodes[list].count)
        for index in elements(of: list) {
            guard nodes[index].kind == .object else { return nil }
            var (time, id): (Int64?, Int64?)
            for key in members(of: index) {
                if self.is(key, "timestamp-ms"), time == nil {
                    time = integer(key + 1)
                } else if self.is(key, "snapshot-id"), id == nil {
                    id = integer(key + 1)
                } else {
                    return nil
                }
            }
            guard let time, Limits.timesMilliseconds.contains(time), let id else { return nil }
            found.append(SnapshotLogEntry(timestampMilliseconds: time, snapshotID: id))
        }
        return found
    }

    // MARK: - One snapshot

    /// Nil when there is anything to it that `Snapshot.init(json:)` might not take, or not take like this.
    private func plainSnapshot(_ index: Int) -> Snapshot? {
        guard nodes[index].kind == .object else { return nil }
        var (id, parent, sequenceNumber, time): (Int64?, Int64?, Int64?, Int64?)
        var schemaID: Int?
        var (hasList, hasSummary, hasKey, hasFirstRow, hasAddedRows) = (false, false, false, false, false)
        for key in members(of: index) {
            let value = key + 1
            func takeInteger(_ place: inout Int64?) -> Bool {
                guard place == nil else { return false }
                place = integer(value)
                return place != nil
            }
            func takeOnce(_ isTaken: inout Bool, if holds: Bool) -> Bool {
                defer { isTaken = true }
                return !isTaken && holds
            }
            let isPlain =
                if self.is(key, "snapshot-id") {
                    takeInteger(&id)
                } else if self.is(key, "parent-snapshot-id") {
                    takeInteger(&parent)
                } else if self.is(key, "sequence-number") {
                    takeInteger(&sequenceNumber)
                } else if self.is(key, "timestamp-ms") {
                    takeInteger(&time)
                } else if self.is(key, "manifest-list") {
                    takeOnce(&hasList, if: isText(value))
                } else if self.is(key, "summary") {
                    takeOnce(&hasSummary, if: isSummary(value))
                } else if self.is(key, "schema-id"), schemaID == nil, let number = integer(value) {
                    Int32(exactly: number).map { schemaID = Int($0) } != nil
                } else if self.is(key, "first-row-id") {
                    takeOnce(&hasFirstRow, if: integer(value) != nil)
                } else if self.is(key, "added-rows") {
                    takeOnce(&hasAddedRows, if: integer(value) != nil)
                } else if self.is(key, "key-id") {
                    takeOnce(&hasKey, if: isText(value))
                } else {
                    false
                }
            guard isPlain else { return nil }
        }
        guard let id, let sequenceNumber, let time, Limits.timesMilliseconds.contains(time), hasList, hasSummary else {
            return nil
        }
        return Snapshot(
            Snapshot.Head(
                snapshotID: id, parentSnapshotID: parent, sequenceNumber: sequenceNumber, timestampMilliseconds: time,
                schemaID: schemaID), text: SnapshotText(text, range(index)))
    }

    /// Strings only, the operation among them.
    private func isSummary(_ index: Int) -> Bool {
        guard nodes[index].kind == .object, nodes[index].count <= Limits.propertiesMax else { return false }
        var hasOperation = false
        for key in members(of: index) {
            guard isText(key), isText(key + 1) else { return false }
            if self.is(key, "operation") { hasOperation = true }
        }
        return hasOperation
    }

    // MARK: - Nodes

    /// The keys of an object; their values follow them.
    private func members(of object: Int) -> Children {
        Children(nodes: nodes, index: object + 1, end: end(of: object), isObject: true)
    }

    private func elements(of array: Int) -> Children {
        Children(nodes: nodes, index: array + 1, end: end(of: array), isObject: false)
    }

    private func end(of index: Int) -> Int { Int(nodes[index].next) }

    private struct Children: Sequence, IteratorProtocol {
        let nodes: UnsafeBufferPointer<JSONTape.Node>
        var index: Int
        let end: Int
        let isObject: Bool

        mutating func next() -> Int? {
            guard index < end else { return nil }
            defer { index = Int(nodes[isObject ? index + 1 : index].next) }
            return index
        }
    }

    private func range(_ index: Int) -> Range<Int> { Int(nodes[index].start)..<Int(nodes[index].end) }

    /// The value as a tree.
    private func value(_ index: Int) -> JSONValue? {
        do {
            return try JSONValue.parse(Array(text[range(index)]), depthLimit: Limits.jsonDepthMax - 1)
        } catch {
            return nil
        }
    }

    /// A string that reads as it is written.
    private func isText(_ index: Int) -> Bool { nodes[index].kind == .string && !nodes[index].hasEscapes }

    private func `is`(_ key: Int, _ name: StaticString) -> Bool {
        let (node, count) = (nodes[key], name.utf8CodeUnitCount)
        guard Int(node.end) - Int(node.start) == count + 2, let base = bytes.baseAddress else { return false }
        return memcmp(base + Int(node.start) + 1, name.utf8Start, count) == 0
    }

    /// Nil for what is no integer of 64 bits.
    private func integer(_ index: Int) -> Int64? {
        guard nodes[index].kind == .integer else { return nil }
        var rest = bytes[range(index)]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative { rest = rest.dropFirst() }
        var number: Int64 = 0
        for digit in rest {
            let (shifted, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, beyond) = shifted.subtractingReportingOverflow(Int64(digit &- 0x30))
            guard !overflow, !beyond else { return nil }
            number = sum
        }
        return isNegative ? number : number == .min ? nil : -number
    }
}
