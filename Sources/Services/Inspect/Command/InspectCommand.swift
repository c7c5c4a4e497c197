import Configuration
import JSONFormat

/// What a command line gave.
package struct InspectResult: Hashable, Sendable {
    /// For standard output: the report, as far as it could be made.
    package var output: String
    /// For standard error: why the report is not complete, or the usage; empty when all went well.
    package var problem = ""
    /// 0, 1 for a file that cannot be read to its end, 2 for a wrong command line.
    package var exitCode: Int32 = 0
}

/// `analytics-inspect`: prints what a file of the suite holds, as text or JSON; and makes a deployment's buckets.
package enum InspectCommand {
    /// Carries out one command line (without the program's name).
    ///
    /// What could be read of a damaged file is in the output, the error with its place in `problem`, and in the JSON
    /// under `error` too.
    ///
    /// - Parameter environment: which object store `s3://` locations and `setup-storage` mean.
    package static func run(_ arguments: [String], environment: Environment = .process) async -> InspectResult {
        do {
            var invocation = try Invocation(arguments, environment: environment)
            let command = Command.named(by: invocation.operands)
            if invocation.wantsHelp { return InspectResult(output: command?.help ?? Command.usage) }
            guard let command else {
                let word = invocation.operands.first
                throw InspectError(.usage, at: word ?? "", word == nil ? "no command" : "no such command")
            }
            invocation.dropName(command.words.count)
            try command.check(invocation)
            if command.name == "setup-storage" { return await StorageSetup.run(environment, asJSON: invocation.asJSON) }
            return await report(command, invocation)
        } catch {
            let command = Command.named(by: arguments.filter { !$0.hasPrefix("-") })
            return InspectResult(output: "", problem: "\(error)\n\n\(command?.help ?? Command.usage)", exitCode: 2)
        }
    }

    private static func report(_ command: Command, _ invocation: Invocation) async -> InspectResult {
        var document = JSONObject()
        var result = InspectResult(output: "")
        do {
            try await command.run(invocation, &document)
        } catch {
            let place = invocation.operands.joined(separator: " ")
            let text = "\(error)"
            result.problem = text.contains(invocation.operands.first ?? "") ? text : "\(place): \(text)"
            result.exitCode = (error as? InspectError)?.code == .usage ? 2 : 1
            if invocation.asJSON { document["error"] = .string(result.problem) }
        }
        guard !document.isEmpty else { return result }
        let value = JSONValue.object(document)
        result.output = invocation.asJSON ? value.serializedString(pretty: true) : TextRendering.render(value)
        return result
    }
}
