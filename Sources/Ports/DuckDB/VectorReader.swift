import Bytes
import CDuckDB
import Clocks
import JSONFormat

/// Reads one column of a data chunk as JSON values.
///
/// 64-bit integers are numbers; wider ones are numbers while they fit into 64 bits, else strings. DECIMAL is a number up
/// to 15 digits, else a string. Timestamps with a time zone are RFC 3339 in UTC; without, the same without `Z`. BLOB is
/// base64. Maps with text keys are objects, other maps lists of `{key, value}`. NaN and infinities are strings.
struct VectorReader {
    private let type: DuckDBType
    private let data: UnsafeMutableRawPointer?
    private let validity: UnsafeMutablePointer<UInt64>?
    private let children: [VectorReader]

    init(_ vector: duckdb_vector?, type: DuckDBType) {
        self.type = type
        data = duckdb_vector_get_data(vector)
        validity = duckdb_vector_get_validity(vector)
        switch type {
        case .list(let element): children = [VectorReader(duckdb_list_vector_get_child(vector), type: element)]
        case .array(let element, _): children = [VectorReader(duckdb_array_vector_get_child(vector), type: element)]
        case .map(let key, let value):
            let entries = duckdb_list_vector_get_child(vector)
            children = [
                VectorReader(duckdb_struct_vector_get_child(entries, 0), type: key),
                VectorReader(duckdb_struct_vector_get_child(entries, 1), type: value),
            ]
        case .structure(let members):
            children = members.enumerated().map {
                VectorReader(duckdb_struct_vector_get_child(vector, idx_t($0.offset)), type: $0.element.type)
            }
        case .union(let members):
            // The first child is the tag.
            let types = [DuckDBType.scalar(.utinyint)] + members.map(\.type)
            children = types.enumerated().map {
                VectorReader(duckdb_struct_vector_get_child(vector, idx_t($0.offset)), type: $0.element)
            }
        default: children = []
        }
    }

    private func load<Value>(_ row: Int, _: Value.Type) -> Value? {
        data?.load(fromByteOffset: row * MemoryLayout<Value>.stride, as: Value.self)
    }

    func value(at row: Int) throws(DuckDBError) -> JSONValue {
        if let validity, validity[row / 64] >> UInt64(row % 64) & 1 == 0 { return .null }
        switch type {
        case .scalar(let scalar): return scalarValue(scalar, row) ?? .null
        case .decimal(let width, let scale, let storage): return decimal(row, width, scale, storage)
        case .enumeration(let values, let storage):
            guard case .integer(let index) = scalarValue(storage, row), values.indices.contains(Int(index)) else {
                return .null
            }
            return .string(values[Int(index)])
        case .list:
            guard let entry = load(row, duckdb_list_entry.self) else { return .null }
            return .array(try elements(Int(entry.offset), Int(entry.length)))
        case .array(_, let count): return .array(try elements(row * count, count))
        case .map(let key, _): return try map(row, hasTextKeys: key == .scalar(.varchar))
        case .structure(let members):
            var object: [JSONObject.Member] = []
            for (member, child) in zip(members, children) {
                object.append(JSONObject.Member(key: member.name, value: try child.value(at: row)))
            }
            return .object(JSONObject(object))
        case .union:
            guard case .integer(let tag) = try children[0].value(at: row), children.indices.contains(Int(tag) + 1)
            else { return .null }
            return try children[Int(tag) + 1].value(at: row)
        case .other(let name):
            throw DuckDBError(.unsupported, "A column of \(name) cannot be returned: cast it to VARCHAR.")
        }
    }

    private func elements(_ offset: Int, _ count: Int) throws(DuckDBError) -> [JSONValue] {
        var values: [JSONValue] = []
        values.reserveCapacity(count)
        for index in offset..<offset + count { values.append(try children[0].value(at: index)) }
        return values
    }

    private func map(_ row: Int, hasTextKeys: Bool) throws(DuckDBError) -> JSONValue {
        guard let entry = load(row, duckdb_list_entry.self) else { return .null }
        let range = Int(entry.offset)..<Int(entry.offset + entry.length)
        if hasTextKeys {
            var members: [JSONObject.Member] = []
            for index in range {
                let key = try children[0].value(at: index).string ?? ""
                members.append(JSONObject.Member(key: key, value: try children[1].value(at: index)))
            }
            return .object(JSONObject(members))
        }
        var entries: [JSONValue] = []
        for index in range {
            entries.append(["key": try children[0].value(at: index), "value": try children[1].value(at: index)])
        }
        return .array(entries)
    }

    private func scalarValue(_ scalar: DuckDBType.Scalar, _ row: Int) -> JSONValue? {
        switch scalar {
        case .boolean: load(row, UInt8.self).map { .bool($0 != 0) }
        case .tinyint: load(row, Int8.self).map { .integer(Int64($0)) }
        case .smallint: load(row, Int16.self).map { .integer(Int64($0)) }
        case .integer: load(row, Int32.self).map { .integer(Int64($0)) }
        case .bigint: load(row, Int64.self).map { .integer($0) }
        case .utinyint: load(row, UInt8.self).map { .integer(Int64($0)) }
        case .usmallint: load(row, UInt16.self).map { .integer(Int64($0)) }
        case .uinteger: load(row, UInt32.self).map { .integer(Int64($0)) }
        case .ubigint: load(row, UInt64.self).map { JSONValue($0) }
        case .hugeint: load(row, duckdb_hugeint.self).map { Self.wide(Self.int128($0)) }
        case .uhugeint:
            load(row, duckdb_uhugeint.self).map { Self.wide(UInt128($0.upper) << 64 | UInt128($0.lower)) }
        case .float: load(row, Float.self).map { Self.floating(Double($0), text: $0.description) }
        case .double: load(row, Double.self).map { Self.floating($0, text: $0.description) }
        case .varchar: .string(String(decoding: bytes(row), as: UTF8.self))
        case .blob: .string(Base64.encode(bytes(row)))
        case .uuid: load(row, duckdb_hugeint.self).map { .string(Self.uuid($0)) }
        case .date: load(row, Int32.self).map { .string(Self.date($0)) }
        case .time: load(row, Int64.self).map { .string(Self.time($0)) }
        case .timestamp: load(row, Int64.self).map { Self.timestamp($0, zone: "") }
        case .timestampSeconds: load(row, Int64.self).map { Self.timestamp($0, unit: 1_000_000, zone: "") }
        case .timestampMilliseconds: load(row, Int64.self).map { Self.timestamp($0, unit: 1000, zone: "") }
        case .timestampNanoseconds: load(row, Int64.self).map { Self.nanoseconds($0) }
        case .timestampWithTimeZone: load(row, Int64.self).map { Self.timestamp($0, zone: "Z") }
        case .interval: load(row, duckdb_interval.self).map { .string(Self.interval($0)) }
        case .null: .null
        }
    }

    private func bytes(_ row: Int) -> [UInt8] {
        guard let data else { return [] }
        let strings = data.assumingMemoryBound(to: duckdb_string_t.self)
        let count = Int(duckdb_string_t_length(strings[row]))
        guard count > 0, let start = duckdb_string_t_data(strings + row) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    // MARK: Numbers

    private static func int128(_ value: duckdb_hugeint) -> Int128 {
        Int128(value.upper) << 64 | Int128(value.lower)
    }

    private static func wide(_ value: some BinaryInteger) -> JSONValue {
        if let small = Int64(exactly: value) { return .integer(small) }
        if let unsigned = UInt64(exactly: value) { return .unsigned(unsigned) }
        return .string(String(value))
    }

    private static func floating(_ value: Double, text: String) -> JSONValue {
        if value.isNaN { return "NaN" }
        guard value.isFinite else { return value < 0 ? "-Infinity" : "Infinity" }
        // A Float's own shortest text, so that 0.1 stays 0.1.
        return .double(Double(text) ?? value)
    }

    private func decimal(_ row: Int, _ width: Int, _ scale: Int, _ storage: DuckDBType.Scalar) -> JSONValue {
        let unscaled: Int128? =
            switch storage {
            case .smallint: load(row, Int16.self).map { Int128($0) }
            case .integer: load(row, Int32.self).map { Int128($0) }
            case .bigint: load(row, Int64.self).map { Int128($0) }
            default: load(row, duckdb_hugeint.self).map(Self.int128)
            }
        guard let unscaled else { return .null }
        guard scale > 0 else { return Self.wide(unscaled) }
        let digits = String(unscaled.magnitude)
        let padded = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
        let text = "\(unscaled < 0 ? "-" : "")\(padded.dropLast(scale)).\(padded.suffix(scale))"
        return width <= 15 ? .double(Double(text) ?? 0) : .string(text)
    }

    private static func uuid(_ value: duckdb_hugeint) -> String {
        // Stored with the highest bit flipped, so that it sorts as a signed number.
        let high = UInt64(bitPattern: value.upper) ^ 1 << 63
        let bytes = [high, value.lower].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - $0 * 8)) }
        }
        let text = Hexadecimal.encode(bytes)
        var parts: [Substring] = []
        var rest = text[...]
        for count in [8, 4, 4, 4, 12] {
            parts.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return parts.joined(separator: "-")
    }

    // MARK: Times

    private static func date(_ days: Int32) -> String {
        if days == .max { return "infinity" }
        if days == -.max { return "-infinity" }
        let date = CivilDate(daysSinceEpoch: Int64(days))
        return "\(Timestamp.pad(date.year, 4))-\(Timestamp.pad(date.month, 2))-\(Timestamp.pad(date.day, 2))"
    }

    private static func time(_ microseconds: Int64) -> String {
        let text = Timestamp(microseconds: microseconds % 86_400_000_000).rfc3339()
        return String(text.dropFirst(11).dropLast())
    }

    private static func timestamp(_ value: Int64, unit: Int64 = 1, zone: String) -> JSONValue {
        if value == .max { return "infinity" }
        if value == -.max { return "-infinity" }
        let (microseconds, overflow) = value.multipliedReportingOverflow(by: unit)
        guard !overflow else { return .null }
        return .string(Timestamp(microseconds: microseconds).rfc3339().dropLast() + zone)
    }

    private static func nanoseconds(_ value: Int64) -> JSONValue {
        if value == .max { return "infinity" }
        if value == -.max { return "-infinity" }
        let seconds = Timestamp.floorDivide(value, 1_000_000_000)
        let fraction = Int(value - seconds * 1_000_000_000)
        let text = Timestamp(microseconds: seconds * 1_000_000).rfc3339().dropLast()
        return .string(fraction == 0 ? String(text) : "\(text).\(Timestamp.pad(fraction, 9))")
    }

    /// ISO 8601: `P1M2DT3.5S`.
    private static func interval(_ value: duckdb_interval) -> String {
        var text = "P"
        if value.months != 0 { text += "\(value.months)M" }
        if value.days != 0 { text += "\(value.days)D" }
        if value.micros != 0 || text == "P" {
            let whole = value.micros.magnitude / 1_000_000
            let fraction = Int(value.micros.magnitude % 1_000_000)
            text += "T\(value.micros < 0 ? "-" : "")\(whole)"
            if fraction != 0 { text += ".\(Timestamp.pad(fraction, 6))" }
            text += "S"
        }
        return text
    }
}
