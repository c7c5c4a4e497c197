import Foundation

@testable import QueryAPI

/// Worker processes of the built program, small enough for tests that run side by side.
enum WorkerFixture {
    /// The program that was built with these tests.
    static var program: String {
        var directory = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        for _ in 0..<6 {
            let candidate = directory.appending(path: "analytics-api").path
            if FileManager.default.isExecutableFile(atPath: candidate), !isDirectory(candidate) { return candidate }
            directory.deleteLastPathComponent()
        }
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return root.appending(path: ".build/debug/analytics-api").path
    }

    private static func isDirectory(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    static let limits = WorkerLimits(
        rowsMax: 1000, bytesMax: 1 << 20, memoryBytes: 256 << 20, threads: 1, timeoutMilliseconds: 20_000)

    static func pool(size: Int = 1) -> WorkerPool {
        WorkerPool(command: WorkerCommand(executable: program, memoryBytes: limits.memoryBytes), size: size)
    }
}
