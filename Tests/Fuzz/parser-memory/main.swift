import Glibc
import ParserTargets

// Parses one input under a limit on memory: parser-memory TARGET FILE BYTES. The limit is what the process has mapped
// when it begins, and BYTES more. Prints how many bytes more were mapped at the peak, and whether the input was accepted.

func fail(_ message: String) -> Never {
    let line = Array("parser-memory: \(message)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
    exit(2)
}

func read(_ path: String) -> [UInt8] {
    guard let file = fopen(path, "r") else { fail("cannot open \(path)") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = fread(&chunk, 1, chunk.count, file)
        if count == 0 { return bytes }
        bytes += chunk[..<count]
    }
}

/// A field of /proc/self/status, in bytes.
func status(_ field: String) -> Int {
    let text = String(decoding: read("/proc/self/status"), as: UTF8.self)
    let line = text.split(separator: "\n").first { $0.hasPrefix("\(field):") }
    guard let words = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }), words.count > 1,
        let kibibytes = Int(words[1])
    else { fail("no \(field) in /proc/self/status") }
    return kibibytes << 10
}

guard CommandLine.arguments.count == 4, let target = ParserTarget.named(CommandLine.arguments[1]),
    let budget = Int(CommandLine.arguments[3])
else { fail("usage: parser-memory TARGET FILE BYTES") }
let input = read(CommandLine.arguments[2])
// What a parser sets up once (tables, the seeds that targets refer to) is not the input's doing.
for seed in (try? target.seeds()) ?? [] { _ = try? target.parse(seed.bytes) }

let before = status("VmSize")
var limit = rlimit(rlim_cur: rlim_t(before + budget), rlim_max: rlim_t(before + budget))
guard setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { fail("cannot limit memory") }
let peakBefore = status("VmPeak")
var outcome = "accepted"
do {
    _ = try target.parse(input)
} catch let violation as ParserTarget.Violation {
    fail("\(violation)")
} catch {
    outcome = "refused: \(error)"
}
print(max(status("VmPeak") - peakBefore, 0), outcome)
