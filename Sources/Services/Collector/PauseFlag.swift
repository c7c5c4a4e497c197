import Files
import Synchronization

/// Whether the collector takes events; a file in the log directory, so that it survives a restart.
package final class PauseFlag: Sendable {
    private let path: String
    private let paused: Mutex<Bool>

    /// Blocks.
    package init(directory: String) throws(FileError) {
        path = "\(directory)/paused"
        paused = Mutex(try FileSystem.status(path) != nil)
    }

    package var isPaused: Bool { paused.withLock { $0 } }

    /// Durable on return.
    package func set(_ isPaused: Bool) async throws(FileError) {
        let path = path
        try await BlockingPool.shared.run { () throws(FileError) in
            if isPaused {
                try FileSystem.writeAtomically(path, [], mode: 0o600)
            } else if try FileSystem.removeFile(path) {
                try FileSystem.syncDirectory(FileSystem.parent(of: path))
            }
        }
        paused.withLock { $0 = isPaused }
    }
}
