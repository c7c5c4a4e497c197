import Files
import Synchronization

/// The database of places that is in force: read again when its file is another, kept when the new one is no good.
package final class GeoLocator: Sendable {
    private struct State {
        var database: GeoDatabase
        /// Of the file that was looked at last, taken or not.
        var status: FileStatus?
        var problem: String?
        var damaged = 0
    }

    package let path: String
    private let state: Mutex<State>

    /// Blocks.
    package init(path: String) throws(GeoIPError) {
        self.path = path
        let status = Self.status(path)
        state = Mutex(State(database: try GeoDatabase(path: path), status: status))
    }

    package var database: GeoDatabase { state.withLock { $0.database } }
    /// Why the file was not taken the last time it changed.
    package var problem: String? { state.withLock { $0.problem } }
    /// Look-ups that found the database damaged.
    package var damagedLookups: Int { state.withLock { $0.damaged } }

    /// Where an address is; nil when the database does not know, or is damaged there.
    package func find(_ address: [UInt8]) -> GeoPlace? {
        do {
            let place = try database.find(address)
            return place == GeoPlace() ? nil : place
        } catch {
            state.withLock { $0.damaged += 1 }
            return nil
        }
    }

    /// Takes the file again when it is another one, or has changed. Blocks.
    ///
    /// - Returns: whether something has changed: a new database is in force, or `problem` says what is wrong.
    @discardableResult
    package func reload() -> Bool {
        let status = Self.status(path)
        guard state.withLock({ $0.status != status }) else { return false }
        do {
            let database = try GeoDatabase(path: path)
            state.withLock { $0 = State(database: database, status: status, damaged: $0.damaged) }
        } catch {
            state.withLock { state in
                state.status = status
                state.problem = "\(error)"
            }
        }
        return true
    }

    /// Of the file a link leads to; nil when it cannot be opened.
    private static func status(_ path: String) -> FileStatus? {
        do {
            return try FileHandle(path, [.nonBlocking]).status()
        } catch {
            return nil
        }
    }
}
