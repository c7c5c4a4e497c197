import Foundation
import Testing

/// SwiftPM lets a target import what it reaches only through another target. These tests hold every import to what
/// Package.swift declares for the module.
@Suite struct `Layering` {
    @Test func `a module imports only what it declares`() throws {
        let modules = try Manifest.modules()
        #expect(modules.count > 20)
        let names = Set(modules.map(\.name))
        for module in modules {
            for file in Sources.swiftFiles(under: module.folder) {
                for imported in try Sources.imports(of: file) where names.contains(imported) {
                    let isDeclared = module.uses.contains(imported)
                    #expect(
                        isDeclared, "\(file.lastPathComponent) imports \(imported), which \(module.name) does not use")
                }
            }
        }
    }

    @Test func `every source folder is a module of the manifest`() throws {
        let declared = Set(try Manifest.modules().map(\.name))
        for layer in ["Base", "Formats", "Runtime", "Ports", "Iceberg", "Pipeline", "Hosting", "Services"] {
            let folder = Sources.root.appending(path: "Sources/\(layer)")
            for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
                #expect(declared.contains(name), "Sources/\(layer)/\(name) is no module of Package.swift")
            }
        }
    }
}

/// What the manifest declares, read from its text: `swift package describe` cannot run inside a test run.
enum Manifest {
    struct Module {
        let name: String
        let uses: Set<String>
        let folder: URL
    }

    static func modules() throws -> [Module] {
        let text = try String(contentsOf: Sources.root.appending(path: "Package.swift"), encoding: .utf8)
        let entry = try Regex(#"module\(\s*"(?<name>\w+)"(,\s*uses: \[(?<uses>[^\]]*)\])?"#)
        var modules: [Module] = []
        for section in text.components(separatedBy: "Layer(\n").dropFirst() {
            let layer = section.components(separatedBy: "/// Each program")[0]
            let folder = layer.components(separatedBy: "\"").dropFirst().first ?? ""
            for module in layer.matches(of: entry) {
                let name = String(module["name"]?.substring ?? "")
                let uses = (module["uses"]?.substring ?? "").split { !$0.isLetter && !$0.isNumber }.map(String.init)
                let place = Sources.root.appending(path: "Sources/\(folder)/\(name)")
                modules.append(Module(name: name, uses: Set(uses), folder: place))
            }
        }
        return modules
    }
}

enum Sources {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func files(under folder: URL, ending: String) -> [URL] {
        let all = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.allObjects ?? []
        return all.compactMap { $0 as? URL }.filter { $0.pathExtension == ending }
    }

    static func swiftFiles(under folder: URL) -> [URL] { files(under: folder, ending: "swift") }

    static func lines(of file: URL) throws -> [Substring] {
        try String(contentsOf: file, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
    }

    static func imports(of file: URL) throws -> [String] {
        try lines(of: file).compactMap { line in
            guard !line.drop(while: { $0 == " " }).hasPrefix("//") else { return nil }
            let words = line.split(separator: " ")
            guard let at = words.firstIndex(of: "import"), at < 3, at + 1 < words.count else { return nil }
            return String(words[at + 1])
        }
    }
}
