import Bytes
import Glibc
import JSONFormat
import ParquetFormat

enum Driver {
    static func run(_ arguments: [String]) throws {
        switch (arguments.first, arguments.dropFirst().count) {
        case ("read", 1...):
            let names = arguments.count > 2 ? Array(arguments[2...]) : nil
            try read(arguments[1], columns: names) { Disk.emit($0) }
        case ("schema", 1):
            let schema = try ParquetReader(try Disk.read(arguments[1])).schema
            Disk.emit(SchemaDescription.describe(schema).serialized() + [UInt8(ascii: "\n")])
        case ("write", 2):
            try write(DriverJSON.parse(try Disk.read(arguments[1]), arguments[1]), to: arguments[2])
        case ("serve", 0): serve()
        default: throw DriverError("give read FILE [COLUMN…], schema FILE, write DESCRIPTION FILE, or serve")
        }
    }

    /// Every row of a file as lines of JSON, in parts.
    static func read(_ path: String, columns names: [String]?, emit: ([UInt8]) throws -> Void) throws {
        let reader = try ParquetReader(try Disk.read(path))
        let fields = try RecordReader.columns(of: reader.schema, names: names)
        let wanted = reader.schema.leaves.filter { leaf in fields.contains { $0.name == leaf.path.first } }
        for index in reader.metadata.rowGroups.indices {
            var columns: [Int: LeafColumn] = [:]
            for leaf in wanted { columns[leaf.index] = try reader.column(rowGroup: index, leaf: leaf.index) }
            var rows = RecordReader(
                reader.schema, fields: fields, columns: columns,
                rowCount: Int(reader.metadata.rowGroups[index].rowCount))
            var text: [UInt8] = []
            for _ in 0..<rows.rowCount {
                rows.appendRow(to: &text)
                if text.count > 1 << 20 {
                    try emit(text)
                    text.removeAll(keepingCapacity: true)
                }
            }
            try emit(text)
        }
    }

    static func write(_ description: JSONCursor, to path: String) throws {
        let schema = try SchemaDescription.read(description.member("schema"))
        var writer = try ParquetWriter(schema: schema, options: try OptionsDescription.read(description, schema))
        var shredder = RecordShredder(schema)
        let rowsPerBatch = try description.optional("batch-rows")?.integer(as: Int.self) ?? 1000
        for row in try description.member("rows").elements() {
            try shredder.append(row)
            if shredder.rowCount >= rowsPerBatch { try writer.append(try shredder.take()) }
        }
        try writer.append(try shredder.take())
        try Disk.write(path, try writer.finish().bytes)
    }

    // MARK: - One process for many requests

    private static func serve() {
        while let line = readLine(strippingNewline: true) {
            var answer = JSONObject()
            do {
                try handle(try DriverJSON.parse(Array(line.utf8), "request"))
                answer["ok"] = true
            } catch {
                answer["error"] = .string("\(error)")
            }
            Disk.emit(JSONValue.object(answer).serialized() + [UInt8(ascii: "\n")])
        }
    }

    private static func handle(_ request: JSONCursor) throws {
        let file = try request.member("file").string()
        switch try request.member("command").string() {
        case "write": try write(request, to: file)
        case "schema":
            let schema = try ParquetReader(try Disk.read(file)).schema
            try Disk.write(try request.member("output").string(), SchemaDescription.describe(schema).serialized())
        case "read":
            var lines: [UInt8] = []
            let names = try request.optional("columns")?.elements().map { try $0.string() }
            try read(file, columns: names) { lines += $0 }
            try Disk.write(try request.member("output").string(), lines)
        case let other: throw DriverError("no command is called \(other)")
        }
    }
}
