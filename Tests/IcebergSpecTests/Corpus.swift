import Foundation

/// Files of other implementations, outside the repository: the directory `iceberg` of `ANALYTICS_CORPORA`.
enum Corpus {
    static let root: URL? = {
        guard let corpora = ProcessInfo.processInfo.environment["ANALYTICS_CORPORA"] else { return nil }
        let url = URL(filePath: corpora).appending(path: "iceberg")
        return FileManager.default.fileExists(atPath: url.path) ? url : nil
    }()

    /// What a skipped test says.
    static let missing = "ANALYTICS_CORPORA names no directory of foreign files"

    static func files(under folder: String, where isWanted: (String) -> Bool) -> [URL] {
        guard let base = root?.appending(path: folder),
            let walker = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil)
        else { return [] }
        var found: [URL] = []
        for case let url as URL in walker where isWanted(url.lastPathComponent) { found.append(url) }
        return found.sorted { $0.path < $1.path }
    }

    static func bytes(_ url: URL) throws -> [UInt8] { [UInt8](try Data(contentsOf: url)) }
}
