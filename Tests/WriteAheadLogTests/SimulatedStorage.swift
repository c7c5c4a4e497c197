import Files
import Glibc
import Synchronization

@testable import WriteAheadLog

/// Files in memory that know what a power loss would leave, and that fail on command.
final class SimulatedStorage: LogStorage {
    struct Content {
        var bytes: [UInt8] = []
        var synced: [UInt8] = []
    }

    struct State {
        var files: [String: Content] = [:]
        /// The names that are durable.
        var names: Set<String> = []
        var calls = 0
        var failAt: Int?
        var failure: Int32 = 0
        /// Keeps failing from `failAt` on.
        var failsForGood = false
        /// How much of a failing write gets into the file.
        var partial = 0
        /// Files together; the disk is full behind it.
        var capacity = 1 << 30

        var used: Int { files.values.reduce(0) { $0 + $1.bytes.count } }

        func checkSpace(_ operation: String, _ name: String, bytes: Int) throws(FileError) {
            guard used + bytes <= capacity else { throw FileError(operation: operation, path: name, errno: ENOSPC) }
        }
    }

    let state = Mutex(State())

    init() {}

    init(files: [String: [UInt8]] = [:], capacity: Int) {
        state.withLock { state in
            state.capacity = capacity
            for (name, bytes) in files { state.files[name] = Content(bytes: bytes, synced: bytes) }
            state.names = Set(files.keys)
        }
    }

    convenience init(files: [String: [UInt8]]) { self.init(files: files, capacity: 1 << 30) }

    var files: [String: [UInt8]] { state.withLock { $0.files.mapValues(\.bytes) } }
    var calls: Int { state.withLock { $0.calls } }

    func fail(at call: Int?, with failure: Int32 = 0, forGood: Bool = false, partial: Int = 0) {
        state.withLock {
            $0.calls = 0
            $0.failAt = call
            $0.failure = failure
            $0.failsForGood = forGood
            $0.partial = partial
        }
    }

    /// What is there after a power loss: what was synced, and `extra` bytes of what was not.
    func afterPowerLoss(extra: Int) -> SimulatedStorage {
        state.withLock { state in
            var files: [String: [UInt8]] = [:]
            for name in state.names {
                guard let file = state.files[name] else { continue }
                let tail = file.bytes.dropFirst(file.synced.count).prefix(extra)
                files[name] = file.synced + tail
            }
            return SimulatedStorage(files: files, capacity: state.capacity)
        }
    }

    static func step(_ state: inout State, _ operation: String, _ name: String) throws(FileError) {
        state.calls += 1
        guard let failAt = state.failAt else { return }
        if state.calls == failAt || state.failsForGood && state.calls > failAt {
            throw FileError(operation: operation, path: name, errno: state.failure)
        }
    }

    private func change(
        _ operation: String, _ name: String, _ body: (inout State) throws(FileError) -> Void
    ) throws(FileError) {
        let result = state.withLock { state in
            Result { () throws(FileError) in
                try Self.step(&state, operation, name)
                try body(&state)
            }
        }
        try result.get()
    }

    func list() throws(FileError) -> [String] { state.withLock { $0.files.keys.sorted() } }

    func read(_ name: String) throws(FileError) -> [UInt8] {
        guard let file = state.withLock({ $0.files[name] }) else {
            throw FileError(operation: "open", path: name, errno: ENOENT)
        }
        return file.bytes
    }

    func writeAtomically(_ name: String, _ bytes: [UInt8]) throws(FileError) {
        try change("rename", name) { (state) throws(FileError) in
            // The old content is there until the new one is.
            try state.checkSpace("pwrite", name, bytes: bytes.count)
            state.files[name] = Content(bytes: bytes, synced: bytes)
            state.names.insert(name)
        }
    }

    func open(_ name: String) throws(FileError) -> any LogFile { File(name: name, storage: self) }

    func create(_ name: String) throws(FileError) -> any LogFile {
        try change("open", name) { $0.files[name] = Content() }
        return File(name: name, storage: self)
    }

    func remove(_ name: String) throws(FileError) {
        try change("unlink", name) { $0.files[name] = nil }
    }

    func allocate(_ name: String, bytes: Int) throws(FileError) {
        try change("posix_fallocate", name) { (state) throws(FileError) in
            let before = state.files[name]?.bytes.count ?? 0
            try state.checkSpace("posix_fallocate", name, bytes: bytes - before)
            state.files[name] = Content(bytes: [UInt8](repeating: 0, count: bytes))
        }
    }

    func capacityBytes() throws(FileError) -> Int { state.withLock { $0.capacity } }

    func syncDirectory() throws(FileError) {
        try change("fsync", ".") { $0.names = Set($0.files.keys) }
    }

    private struct File: LogFile {
        let name: String
        let storage: SimulatedStorage

        func write(_ bytes: [UInt8], at offset: Int64) throws(FileError) {
            func put(_ bytes: ArraySlice<UInt8>, _ state: inout State) {
                var content = state.files[name] ?? Content()
                if content.bytes.count < Int(offset) + bytes.count {
                    content.bytes += [UInt8](repeating: 0, count: Int(offset) + bytes.count - content.bytes.count)
                }
                content.bytes.replaceSubrange(Int(offset)..<Int(offset) + bytes.count, with: bytes)
                state.files[name] = content
            }
            let result = storage.state.withLock { state in
                Result { () throws(FileError) in
                    do throws(FileError) {
                        try SimulatedStorage.step(&state, "pwrite", name)
                        let grows = Int(offset) + bytes.count - (state.files[name]?.bytes.count ?? 0)
                        try state.checkSpace("pwrite", name, bytes: max(0, grows))
                    } catch {
                        put(bytes.prefix(state.partial), &state)
                        throw error
                    }
                    put(bytes[...], &state)
                }
            }
            try result.get()
        }

        func synchronize() throws(FileError) {
            try storage.change("fdatasync", name) { state in
                if let bytes = state.files[name]?.bytes { state.files[name]?.synced = bytes }
            }
        }

        func truncate(to size: Int64) throws(FileError) {
            try storage.change("ftruncate", name) { state in
                guard let bytes = state.files[name]?.bytes else { return }
                state.files[name]?.bytes = Array(bytes.prefix(Int(size)))
            }
        }
    }
}
