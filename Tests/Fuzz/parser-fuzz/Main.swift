import Foundation
import ParserTargets

/// libFuzzer around one parser: `parser-fuzz TARGET [libFuzzer's arguments]`, and `parser-fuzz TARGET --seeds FOLDER`,
/// which writes what to start from. `deploy/fuzz.sh` builds and runs it.
@main
enum Main {
    /// Set once, before the fuzzer starts its only thread.
    nonisolated(unsafe) static var target: ParserTarget?

    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count > 1, let target = ParserTarget.named(arguments[1]) else {
            let names = ParserTarget.all.map(\.name).joined(separator: " ")
            FileHandle.standardError.write(Data("usage: parser-fuzz TARGET …, where TARGET is one of \(names)\n".utf8))
            exit(2)
        }
        self.target = target
        if arguments.count == 4, arguments[2] == "--seeds" { return try writeSeeds(target, to: arguments[3]) }
        // The fuzzer sees the arguments without the target's name.
        var argv: [UnsafeMutablePointer<CChar>?] = ([arguments[0]] + arguments.dropFirst(2)).map { strdup($0) } + [nil]
        var count = CInt(argv.count - 1)
        let status = argv.withUnsafeMutableBufferPointer { buffer in
            var base = buffer.baseAddress
            return withUnsafeMutablePointer(to: &base) { runDriver(&count, $0, fuzzOne) }
        }
        exit(status)
    }

    private static func writeSeeds(_ target: ParserTarget, to folder: String) throws {
        for seed in try target.seeds() {
            try Data(seed.bytes).write(to: URL(filePath: "\(folder)/our-\(target.name)-\(seed.name)"))
        }
    }
}

private let fuzzOne: @convention(c) (UnsafeRawPointer?, Int) -> CInt = { start, count in
    let bytes = [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    do {
        _ = try Main.target?.parse(bytes)
    } catch let error as ParserTarget.Violation {
        fatalError("\(error)")
    } catch {
        return 0
    }
    return 0
}

@_extern(c, "LLVMFuzzerRunDriver")
private func runDriver(
    _ argumentCount: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ callback: @convention(c) (UnsafeRawPointer?, Int) -> CInt
) -> CInt
