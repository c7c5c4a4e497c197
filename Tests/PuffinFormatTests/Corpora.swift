import Foundation

/// Files of other projects to read: the directory `ANALYTICS_CORPORA` names. Tests that need it are skipped without.
enum Corpora {
    static let directory = ProcessInfo.processInfo.environment["ANALYTICS_CORPORA"]

    static func bytes(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: "\(directory ?? "")/\(path)")))
    }
}
