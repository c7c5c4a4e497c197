import Bytes
import Configuration
import Files
import JSONFormat

/// `analytics-inspect`: prints what a file of the suite holds, as text or JSON; and makes a deployment's buckets.
package enum InspectCommand {
    package static let usage = """
        usage: analytics-inspect [--json] KIND PATH
               analytics-inspect [--json] setup-storage

          parquet FILE        schema, row groups, column chunks and statistics of a Parquet file
          avro FILE           schema, metadata and records of any Avro file: manifests and manifest lists too
          metadata FILE       schemas, specs, snapshots and references of an Iceberg metadata file
          log DIRECTORY       segments and records of a write-ahead log; changes nothing
          setup-storage       makes the three buckets and their lifecycle rules, where they are not there yet, in the object
                              store that OBJECT_STORE, R2_* and the *_BUCKET variables name
        """

    /// Carries out one command line (without the program's name).
    ///
    /// - Parameter environment: where `setup-storage` finds the object store.
    /// - Returns: what to print, and the exit code: 0, 1 for a file that cannot be read, 2 for a wrong command line.
    package static func run(
        _ arguments: [String], environment: Environment = .process
    ) async -> (output: String, exitCode: Int32) {
        let asJSON = arguments.contains("--json")
        let words = arguments.filter { $0 != "--json" }
        if words.first == "--help" || words.first == "-h" { return (usage, 0) }
        if words == ["setup-storage"] { return await StorageSetup.run(environment, asJSON: asJSON) }
        guard words.count == 2, let inspect = kinds[words[0]] else { return (usage, 2) }
        do {
            let value = try inspect(words[1])
            return (asJSON ? value.serializedString(pretty: true) : TextRendering.render(value), 0)
        } catch {
            return ("\(words[1]): \(error)", 1)
        }
    }

    private static let kinds: [String: @Sendable (String) throws -> JSONValue] = [
        "parquet": { try ParquetInspection.describe(FileSystem.read($0)) },
        "avro": { try AvroInspection.describe(FileSystem.read($0)) },
        "metadata": { try MetadataInspection.describe(FileSystem.read($0)) },
        "log": { try LogDescription.describe(directory: $0) },
    ]
}

/// JSON as indented text: what a person reads.
enum TextRendering {
    static func render(_ value: JSONValue) -> String {
        var lines: [String] = []
        append(value, label: nil, indent: 0, to: &lines)
        return lines.joined(separator: "\n")
    }

    private static func append(_ value: JSONValue, label: String?, indent: Int, to lines: inout [String]) {
        let margin = String(repeating: " ", count: indent)
        let prefix = label.map { "\(margin)\($0): " } ?? margin
        switch value {
        case .object(let object):
            if let label { lines.append("\(margin)\(label)") }
            let inner = label == nil ? indent : indent + 2
            for member in object.members { append(member.value, label: member.key, indent: inner, to: &lines) }
        case .array(let values):
            if let label { lines.append("\(margin)\(label) (\(values.count))") }
            for (index, element) in values.enumerated() {
                append(element, label: element.object == nil ? nil : "[\(index)]", indent: indent + 2, to: &lines)
            }
        case .string(let text): lines.append(prefix + text)
        default: lines.append(prefix + value.serializedString())
        }
    }
}
