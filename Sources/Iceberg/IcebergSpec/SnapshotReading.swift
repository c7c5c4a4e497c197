import Glibc
import JSONFormat

/// Reads one value of a metadata file from its nodes (`JSONTape`): a snapshot, an entry of the snapshot log, or any other as
/// a tree.
struct SnapshotReading {
    let file: SnapshotText.File
    /// Of the file.
    let bytes: UnsafeRawBufferPointer
    /// Of the value; it is the first.
    let nodes: UnsafeBufferPointer<JSONTape.Node>

    func snapshot() -> Snapshot? { plainSnapshot() ?? anySnapshot() }

    private func anySnapshot() -> Snapshot? {
        guard let json = value(0) else { return nil }
        do { return try Snapshot(json: json) } catch { return nil }
    }

    func logEntry() -> SnapshotLogEntry? {
        guard nodes[0].kind == .object else { return nil }
        var (time, id): (Int64?, Int64?)
        for key in members(of: 0) {
            if self.is(key, "timestamp-ms"), time == nil {
                time = integer(key + 1)
            } else if self.is(key, "snapshot-id"), id == nil {
                id = integer(key + 1)
            } else {
                return nil
            }
        }
        guard let time, Limits.timesMilliseconds.contains(time), let id else { return nil }
        return SnapshotLogEntry(timestampMilliseconds: time, snapshotID: id)
    }

    // MARK: - One snapshot

    /// Nil when there is anything to it that `Snapshot.init(json:)` might not take, or not take like this.
    func plainSnapshot() -> Snapshot? {
        guard nodes[0].kind == .object else { return nil }
        var (id, parent, sequenceNumber, time): (Int64?, Int64?, Int64?, Int64?)
        var schemaID: Int?
        var operation: SnapshotText.Operation?
        var (hasList, hasSummary, hasKey, hasFirstRow, hasAddedRows) = (false, false, false, false, false)
        for key in members(of: 0) {
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
                    takeOnce(&hasSummary, if: isSummary(value, &operation))
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
                schemaID: schemaID), text: SnapshotText(file, nodes[0].start..<nodes[0].end, operation))
    }

    /// Strings only, the operation among them.
    private func isSummary(_ index: Int, _ operation: inout SnapshotText.Operation?) -> Bool {
        guard nodes[index].kind == .object, nodes[index].count <= Limits.propertiesMax else { return false }
        var hasOperation = false
        for key in members(of: index) {
            guard isText(key), isText(key + 1) else { return false }
            guard self.is(key, "operation") else { continue }
            hasOperation = true
            // Given twice, the last one counts.
            operation = self.operation(key + 1)
        }
        return hasOperation
    }

    private func operation(_ index: Int) -> SnapshotText.Operation? {
        if self.is(index, "append") { return .append }
        if self.is(index, "replace") { return .replace }
        if self.is(index, "overwrite") { return .overwrite }
        return self.is(index, "delete") ? .delete : nil
    }

    // MARK: - Nodes

    /// The keys of an object; their values follow them.
    private func members(of object: Int) -> Children {
        Children(nodes: nodes, index: object + 1, end: end(of: object))
    }

    private func end(of index: Int) -> Int { Int(nodes[index].next) }

    private struct Children: Sequence, IteratorProtocol {
        let nodes: UnsafeBufferPointer<JSONTape.Node>
        var index: Int
        let end: Int

        mutating func next() -> Int? {
            guard index < end else { return nil }
            defer { index = Int(nodes[index + 1].next) }
            return index
        }
    }

    private func range(_ index: Int) -> Range<Int> { Int(nodes[index].start)..<Int(nodes[index].end) }

    /// The value as a tree.
    func value(_ index: Int) -> JSONValue? {
        do {
            return try JSONValue.parse(Array(bytes[range(index)]), depthLimit: Limits.jsonDepthMax - 1)
        } catch {
            return nil
        }
    }

    /// A string that reads as it is written.
    private func isText(_ index: Int) -> Bool { nodes[index].kind == .string && !nodes[index].hasEscapes }

    private func `is`(_ index: Int, _ name: StaticString) -> Bool {
        let (node, count) = (nodes[index], name.utf8CodeUnitCount)
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
