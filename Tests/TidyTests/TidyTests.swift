import Foundation
import Testing

/// Style that a machine can hold us to.
@Suite struct `Tidiness` {
    /// What may not stand in the sources, and what to write instead.
    static let banned: [(pattern: String, instead: String)] = [
        (#"\btry!"#, "handle the error"),
        (#"\bas!"#, "use as? and say what was wrong"),
        (#"\btry\?"#, "handle or pass on the error; what may be ignored says why in a do/catch"),
        (#"\bfatalError\("#, "throw an error"),
        (#"\b(TO"# + #"DO|FIX"# + #"ME|XX"# + #"X)\b"#, "do it, or file an issue"),
        (#"=\s*Date\(\)"#, "take a WallClock"),
        (#"\bprint\("#, "use Telemetry's Logger"),
    ]

    @Test(arguments: banned.map(\.pattern))
    func `no banned call stands in the sources`(pattern: String) throws {
        let instead = Self.banned.first { $0.pattern == pattern }?.instead ?? ""
        let regex = try Regex(pattern)
        for file in Sources.swiftFiles(under: Sources.root.appending(path: "Sources")) {
            // What a worker answers to --help and --version goes to standard output.
            guard file.lastPathComponent != "WorkerMain.swift" || !pattern.contains("print") else { continue }
            for (index, line) in try Sources.lines(of: file).enumerated() {
                let code = line.components(separatedBy: "//")[0]
                #expect(
                    code.firstMatch(of: regex) == nil, "\(file.lastPathComponent):\(index + 1): \(line): \(instead)")
            }
        }
    }

    @Test func `what the compiler cannot check says why it holds`() throws {
        for file in Sources.swiftFiles(under: Sources.root.appending(path: "Sources")) {
            let lines = try Sources.lines(of: file)
            for (index, line) in lines.enumerated()
            where line.contains("@unchecked Sendable") || line.contains("nonisolated(unsafe)") {
                let isExplained = lines[max(0, index - 6)...index].contains { $0.contains("//") }
                #expect(isExplained, "\(file.lastPathComponent):\(index + 1) has no line that proves it")
            }
        }
    }

    @Test func `links between documents lead somewhere`() throws {
        let link = try Regex(#"\]\((?<target>[^)#\s]+)(#[^)]*)?\)"#)
        let documents =
            Sources.files(under: Sources.root.appending(path: "docs"), ending: "md")
            + [Sources.root.appending(path: "README.md")]
        for document in documents {
            let text = try String(contentsOf: document, encoding: .utf8)
            for found in text.matches(of: link) {
                let target = String(found["target"]?.substring ?? "")
                guard !target.contains("://") else { continue }
                let place = document.deletingLastPathComponent().appending(path: target)
                let exists = FileManager.default.fileExists(atPath: place.path)
                #expect(exists, "\(document.lastPathComponent) links to \(target), which is not there")
            }
        }
    }
}
