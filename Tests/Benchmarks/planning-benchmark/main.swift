import Bytes
import Glibc
import JSONFormat

// Builds tables of many commits and plans scans of them, for `just bench planning`.
//
//   planning-benchmark build ROOT COMMITS FILES MERGE   a table below the directory ROOT, made by COMMITS appends of FILES
//                                                       files each; MERGE is on or off. Prints {"metadata", …} as JSON
//   planning-benchmark plan ROOT METADATA RUNS          plans everything and with a filter, cold and warm. Prints JSON

func emit(_ bytes: [UInt8], to descriptor: Int32) {
    _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
}

do {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let answer: JSONValue
    switch (arguments.first, arguments.count) {
    case ("build", 5):
        answer = try await TableBuilder(
            root: arguments[1], commits: Int(arguments[2]) ?? 0, filesPerCommit: Int(arguments[3]) ?? 0,
            merges: arguments[4] == "on"
        ).run()
    case ("plan", 4):
        answer = try await PlanningRuns(root: arguments[1], metadata: arguments[2], runs: Int(arguments[3]) ?? 1).run()
    default:
        emit(Array("usage: planning-benchmark build ROOT COMMITS FILES on|off | plan ROOT METADATA RUNS\n".utf8), to: 2)
        exit(2)
    }
    emit(Array((answer.serializedString() + "\n").utf8), to: 1)
} catch {
    emit(Array("planning-benchmark: \(error)\n".utf8), to: 2)
    exit(1)
}
