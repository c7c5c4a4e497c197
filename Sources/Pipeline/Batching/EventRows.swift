import Clocks
import Events
import ParquetFormat

/// Rows of one partition, column by column, as events append them.
///
/// What is the same for all of them (type, hour, `specversion`) is stored once; a column that has not had a value yet
/// costs nothing.
package struct EventRows: Sendable {
    /// Byte arrays that may be null: levels are filled in up to the row only when a value comes.
    struct OptionalBytes: Sendable {
        var values = ByteArrayColumn()
        var levels: [UInt8] = []

        mutating func append(_ value: UnsafeRawBufferPointer, row: Int) {
            if levels.count < row { levels.append(contentsOf: repeatElement(0, count: row - levels.count)) }
            levels.append(1)
            values.append(value)
        }
    }

    package let partition: EventPartition
    package private(set) var count = 0
    /// About what the rows take in memory.
    package private(set) var bytes = 0
    /// In microseconds since 1970; `.min` while there is no row.
    package private(set) var newestReceivedAt = Int64.min

    private var ids = ByteArrayColumn()
    private var sources = ByteArrayColumn()
    private var times: [Int64] = []
    private var receivedAt: [Int64] = []
    private var subjects = OptionalBytes()
    private var dataContentTypes = OptionalBytes()
    private var dataSchemas = OptionalBytes()
    private var data = OptionalBytes()
    private(set) var extensionCounts: [UInt8] = []
    private(set) var extensionNames = ByteArrayColumn()
    private(set) var extensionValues = ByteArrayColumn()
    private var context = [OptionalBytes](repeating: OptionalBytes(), count: EventContext.Field.columns.count)

    /// What a row takes besides its bytes: times, offsets, levels.
    private static let rowBytes = 48
    private static let base64Marker = Array(Event.base64Marker.utf8)
    private static let base64MarkerValue = Array("true".utf8)

    package init(_ partition: EventPartition) { self.partition = partition }

    /// No rows, of the same partition, with room for as many as `other` has, so that they are not moved as they become more.
    init(like other: EventRows) {
        partition = other.partition
        ids.reserveCapacity(count: other.count, bytes: other.ids.bytes.count)
        sources.reserveCapacity(count: other.count, bytes: other.sources.bytes.count)
        times.reserveCapacity(other.count)
        receivedAt.reserveCapacity(other.count)
        data.values.reserveCapacity(count: other.data.values.count, bytes: other.data.values.bytes.count)
        data.levels.reserveCapacity(other.data.levels.count)
    }

    /// What a record's events share, and where in the record it lies.
    struct Shared {
        let receivedAt: Int64
        /// By column.
        private(set) var fields: [(column: Int, value: Range<Int>)] = []
        /// What each event gets as an extension, unless it brings its own.
        private(set) var extensions: [(name: [UInt8], value: Range<Int>)] = []
        /// What a row takes of it.
        private(set) var bytes = 0

        init(receivedAt: Int64) { self.receivedAt = receivedAt }

        mutating func add(_ field: EventContext.Field, _ value: Range<Int>) {
            // An empty one counts as missing.
            guard !value.isEmpty else { return }
            bytes += value.count
            if let name = field.extensionName {
                extensions.append((Array(name.utf8), value))
                bytes += name.utf8.count
            } else {
                fields.append((field.rawValue, value))
            }
        }
    }

    /// Appends one event of a record.
    mutating func append(_ event: EncodedEvent, in raw: UnsafeRawBufferPointer, _ shared: Shared) {
        let (moment, extensions) = (shared.receivedAt, shared.extensions)
        func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: raw[range]) }
        let row = count
        ids.append(slice(event.id))
        sources.append(slice(event.source))
        times.append(event.time)
        receivedAt.append(moment)
        newestReceivedAt = max(newestReceivedAt, moment)
        if !event.subject.isEmpty { subjects.append(slice(event.subject), row: row) }
        if !event.dataContentType.isEmpty { dataContentTypes.append(slice(event.dataContentType), row: row) }
        if !event.dataSchema.isEmpty { dataSchemas.append(slice(event.dataSchema), row: row) }
        if event.hasData { data.append(slice(event.data), row: row) }
        if !event.extensions.isEmpty || event.isBase64 || !extensions.isEmpty {
            appendExtensions(event, raw, extensions, row: row)
        }
        for field in shared.fields { context[field.column].append(slice(field.value), row: row) }
        count += 1
        bytes += event.end - event.id.lowerBound + Self.rowBytes
    }

    private mutating func appendExtensions(
        _ event: EncodedEvent, _ raw: UnsafeRawBufferPointer, _ more: [(name: [UInt8], value: Range<Int>)], row: Int
    ) {
        if extensionCounts.count < row {
            extensionCounts.append(contentsOf: repeatElement(0, count: row - extensionCounts.count))
        }
        var entries: UInt8 = 0
        _ = event.forEachExtension(raw) { name, value in
            extensionNames.append(UnsafeRawBufferPointer(rebasing: raw[name]))
            extensionValues.append(UnsafeRawBufferPointer(rebasing: raw[value]))
            entries += 1
        }
        if event.isBase64 {
            extensionNames.append(Self.base64Marker)
            extensionValues.append(Self.base64MarkerValue)
            entries += 1
        }
        for (name, value) in more where !Self.has(event, raw, name) {
            extensionNames.append(name)
            extensionValues.append(UnsafeRawBufferPointer(rebasing: raw[value]))
            entries += 1
        }
        extensionCounts.append(entries)
    }

    private static func has(_ event: EncodedEvent, _ raw: UnsafeRawBufferPointer, _ name: [UInt8]) -> Bool {
        guard !event.extensions.isEmpty else { return false }
        var found = false
        _ = event.forEachExtension(raw) { range, _ in
            if range.count == name.count, raw[range].elementsEqual(name) { found = true }
        }
        return found
    }

    // MARK: - As columns of a file

    /// The column's values for `leaf`, which may be required or optional, but for a column that can be null.
    package func leafColumn(_ column: EventColumn, _ leaf: SchemaLeaf) -> LeafColumn {
        switch column {
        case .id: LeafColumn(leaf, values: .byteArray(ids))
        case .source: LeafColumn(leaf, values: .byteArray(sources))
        case .type: constant(partition.type, leaf)
        case .specVersion: constant(Event.specVersion, leaf)
        case .time: LeafColumn(leaf, values: .int64(times))
        case .receivedAt: LeafColumn(leaf, values: .int64(receivedAt))
        case .subject: optional(subjects, leaf)
        case .dataContentType: optional(dataContentTypes, leaf)
        case .dataSchema: optional(dataSchemas, leaf)
        case .data: optional(data, leaf)
        case .extensionName: extensionColumn(extensionNames, leaf)
        case .extensionValue: extensionColumn(extensionValues, leaf)
        case .year: constant(civil.year, leaf)
        case .month: constant(civil.month, leaf)
        case .day: constant(civil.day, leaf)
        case .hour: constant(civil.hour, leaf)
        case .colo, .country, .city, .continent, .postalCode, .region, .timezone, .httpProtocol, .tlsVersion,
            .tlsCipher:
            optional(context[column.rawValue - EventColumn.colo.rawValue], leaf)
        }
    }

    /// Calls `body` with the data of every row, in their order; nil where there is none.
    package func forEachData<E: Error>(_ body: (UnsafeRawBufferPointer?) throws(E) -> Void) throws(E) {
        var present = 0
        for row in 0..<count {
            guard row < data.levels.count, data.levels[row] == 1 else {
                try body(nil)
                continue
            }
            let range = Int(data.values.offsets[present])..<Int(data.values.offsets[present + 1])
            present += 1
            var failure: E?
            data.values.bytes.withUnsafeBytes { bytes in
                do throws(E) { try body(UnsafeRawBufferPointer(rebasing: bytes[range])) } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }

    /// The texts of one extension for `leaf`, which is optional.
    package func extensionTexts(named name: [UInt8], _ leaf: SchemaLeaf) -> LeafColumn {
        var texts = OptionalBytes()
        var at = 0
        for row in 0..<min(count, extensionCounts.count) {
            let entries = at..<at + Int(extensionCounts[row])
            at = entries.upperBound
            guard let entry = entries.first(where: { extensionNames[$0].elementsEqual(name) }) else { continue }
            extensionValues.withBytes(at: entry) { texts.append($0, row: row) }
        }
        return optional(texts, leaf)
    }

    private var civil: CivilTime { Timestamp(microseconds: partition.hour &* 3_600_000_000).civil }

    private func constant(_ value: Int, _ leaf: SchemaLeaf) -> LeafColumn {
        LeafColumn(leaf, values: .int32([Int32](repeating: Int32(clamping: value), count: count)))
    }

    private func constant(_ text: String, _ leaf: SchemaLeaf) -> LeafColumn {
        let value = Array(text.utf8)
        var column = ByteArrayColumn()
        column.reserveCapacity(count: count, bytes: value.count * count)
        for _ in 0..<count { column.append(value) }
        return LeafColumn(leaf, values: .byteArray(column))
    }

    private func optional(_ column: OptionalBytes, _ leaf: SchemaLeaf) -> LeafColumn {
        if column.values.count == count { return LeafColumn(leaf, values: .byteArray(column.values)) }
        var levels = column.levels
        levels.append(contentsOf: repeatElement(0, count: count - levels.count))
        return LeafColumn(leaf, values: .byteArray(column.values), definitionLevels: levels)
    }

    private func extensionColumn(_ values: ByteArrayColumn, _ leaf: SchemaLeaf) -> LeafColumn {
        let present = leaf.maxDefinitionLevel
        var definitions: [UInt8] = []
        var repetitions: [UInt8] = []
        definitions.reserveCapacity(count + values.count)
        repetitions.reserveCapacity(count + values.count)
        for row in 0..<count {
            let entries = row < extensionCounts.count ? extensionCounts[row] : 0
            // No extensions: the map is null where it can be, else empty; both are the lowest level.
            definitions.append(entries > 0 ? present : 0)
            repetitions.append(0)
            for _ in 1..<max(1, Int(entries)) {
                definitions.append(present)
                repetitions.append(1)
            }
        }
        return LeafColumn(
            leaf, values: .byteArray(values), definitionLevels: definitions, repetitionLevels: repetitions)
    }
}
