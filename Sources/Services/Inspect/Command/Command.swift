import JSONFormat

/// One thing `analytics-inspect` does: its name, what it takes, and how it is explained.
struct Command: Sendable {
    typealias Inspection = @Sendable (Invocation, inout JSONObject) async throws -> Void

    struct Option: Sendable {
        let name: String
        /// Empty for an option that takes none.
        let value: String
        let summary: String

        var synopsis: String { value.isEmpty ? name : "\(name) \(value)" }
    }

    let name: String
    /// As the usage shows them: `FILE`, `TABLE FROM TO`.
    let operands: String
    /// How many operands are allowed.
    var operandCount = 1...1
    var options: [Option] = []
    let summary: String
    let examples: [String]
    let run: Inspection

    var words: [Substring] { name.split(separator: " ") }

    /// The command that the operands begin with: the longest name that fits.
    static func named(by operands: [String]) -> Command? {
        all.filter { command in
            let words = command.words
            return words.count <= operands.count && zip(words, operands).allSatisfy { $0 == $1 }
        }.max { $0.words.count < $1.words.count }
    }

    static let optionNames = Set(all.flatMap { $0.options.map(\.name) })
    static let flagNames = Set(all.flatMap { $0.options.filter(\.value.isEmpty).map(\.name) })

    /// - Throws: `.usage` for a wrong number of operands, or an option of another command.
    func check(_ invocation: Invocation) throws(InspectError) {
        guard operandCount.contains(invocation.operands.count) else {
            throw InspectError(
                .usage, at: name, "takes \(operands.isEmpty ? "no operand" : operands), not \(invocation.operands)")
        }
        for option in invocation.options.keys.sorted() where !options.contains(where: { $0.name == option }) {
            throw InspectError(.usage, at: option, "is no option of \(name)")
        }
    }

    // MARK: - Help

    var help: String {
        var lines = ["usage: analytics-inspect [--json] \(synopsis)", "", summary]
        if !options.isEmpty { lines.append("") }
        for option in options {
            lines.append("  \(Self.padded(option.synopsis, 24)) \(option.summary)")
        }
        lines.append("")
        lines += examples.map { "  analytics-inspect \($0)" }
        return lines.joined(separator: "\n")
    }

    private var synopsis: String {
        ([name, operands] + options.map { "[\($0.synopsis)]" }).filter { !$0.isEmpty }.joined(separator: " ")
    }

    static var usage: String {
        var lines = ["usage: analytics-inspect [--json] COMMAND …", ""]
        for command in all {
            lines.append("  \(padded("\(command.name) \(command.operands)", 30)) \(command.summary)")
        }
        lines += [
            "",
            "FILE is a local path or an object (s3://bucket/key, in the store that OBJECT_STORE and R2_* name). TABLE is a",
            "metadata file, or the directory of a table, of which the newest metadata file is taken. --json prints JSON,",
            "COMMAND --help the options of a command.",
            "", "examples:",
        ]
        lines += all.flatMap(\.examples).map { "  analytics-inspect \($0)" }
        return lines.joined(separator: "\n")
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
