import Clocks
import Files
import Glibc
import Synchronization
import Testing
import WriteAheadLog

@testable import Committing

struct LogLivesTests {
    private func withDirectory(_ body: (String, DirectoryStorage) throws -> Void) throws {
        let path = "/tmp/log-lives-\(UUID.random())"
        let storage = try DirectoryStorage(path: path)
        defer { do { try FileSystem.removeTree(path) } catch { Issue.record(error) } }
        try body(path, storage)
    }

    @Test func `lives that committed are known to later ones, others leave no trace`() throws {
        try withDirectory { _, storage in
            let first = try LogLives(storage: storage, logEnd: 0)
            #expect(first.fence.predecessors.isEmpty)
            try first.record()
            try first.record()
            let second = try LogLives(storage: storage, logEnd: 5)
            #expect(second.fence.predecessors == [first.life: 5] && second.fence.logEnd == 5)
            let third = try LogLives(storage: storage, logEnd: 5)
            #expect(third.fence.predecessors == [first.life: 5])
            try third.record()
            #expect(try LogLives(storage: storage, logEnd: 5).fence.predecessors == [first.life: 5, third.life: 5])
            #expect(Set([first.life, second.life, third.life]).count == 3)
        }
    }

    @Test func `the end of the log is kept from before the first life that accepted anything`() throws {
        try withDirectory { _, storage in
            let first = try LogLives(storage: storage, logEnd: 0)
            try first.record()
            for end in 5...8 as ClosedRange<UInt64> {
                let fence = try LogLives(storage: storage, logEnd: end).fence
                #expect(fence.predecessors == [first.life: 5] && fence.logEnd == end)
            }
            let later = try LogLives(storage: storage, logEnd: 8)
            try later.record()
            #expect(try LogLives(storage: storage, logEnd: 9).fence.predecessors == [first.life: 5, later.life: 9])
            #expect(try LogLives(storage: storage, logEnd: 12).fence.predecessors == [first.life: 5, later.life: 9])
        }
    }

    @Test func `an end that an earlier start wrote is synced again`() throws {
        let path = "/tmp/log-lives-\(UUID.random())"
        defer { do { try FileSystem.removeTree(path) } catch { Issue.record(error) } }
        let syncs = Mutex(0)
        let storage = try DirectoryStorage(path: path, onSync: { _ in syncs.withLock { $0 += 1 } })
        try LogLives(storage: storage, logEnd: 0).record()
        for end in 5...7 as ClosedRange<UInt64> {
            let before = syncs.withLock { $0 }
            _ = try LogLives(storage: storage, logEnd: end)
            #expect(syncs.withLock { $0 } == before + 1)
        }
    }

    @Test
    func `on a full disk the end of the log is written down as soon as there is room, and always before the life`()
        throws
    {
        let storage = DirectoryOfLives()
        let first = try LogLives(storage: storage, logEnd: 0)
        try first.record()
        storage.isFull = true
        let second = try LogLives(storage: storage, logEnd: 5)
        #expect(second.fence.predecessors == [first.life: 5])
        #expect(throws: FileError.self) { try second.noteEnd() }
        #expect(throws: CommitError.self) { try second.record() }
        storage.isFull = false
        let unwritten = storage.copy()
        try second.noteEnd()
        storage.isFull = true
        try second.noteEnd()
        storage.isFull = false
        #expect(try LogLives(storage: storage, logEnd: 9).fence.predecessors == [first.life: 5])
        #expect(try LogLives(storage: unwritten, logEnd: 9).fence.predecessors == [first.life: 9])
        try second.record()
        #expect(try LogLives(storage: storage, logEnd: 9).fence.predecessors == [first.life: 5, second.life: 9])

        storage.isFull = true
        let third = try LogLives(storage: storage, logEnd: 11)
        storage.isFull = false
        try third.record()
        try third.noteEnd()
        #expect(
            try LogLives(storage: storage, logEnd: 12).fence.predecessors
                == [first.life: 5, second.life: 9, third.life: 12])
    }

    @Test func `lives of an earlier release, without ends, are judged by the end there is now`() throws {
        try withDirectory { _, storage in
            let lives = (1...3).map { _ in UUID.random() }
            let lines = lives.flatMap { Array("\($0)\n".utf8) }
            try storage.writeAtomically(LogLives.fileName, lines + [UInt8](repeating: 0, count: 4096))
            #expect(try LogLives(storage: storage, logEnd: 7).fence.predecessors.values.sorted() == [7, 7, 7])
            #expect(try LogLives(storage: storage, logEnd: 9).fence.predecessors.values.sorted() == [7, 7, 7])
        }
    }

    @Test func `every torn line is as if it had not been written, and damage before it is told`() throws {
        try withDirectory { path, storage in
            let first = try LogLives(storage: storage, logEnd: 0)
            try first.record()
            _ = try LogLives(storage: storage, logEnd: 3)
            let second = try LogLives(storage: storage, logEnd: 3)
            try second.record()
            let both = try storage.read(LogLives.fileName)
            for cut in LogLives.lineBytes..<3 * LogLives.lineBytes {
                try storage.writeAtomically(
                    LogLives.fileName, Array(both[..<cut]) + [UInt8](repeating: 0, count: both.count - cut))
                let lives = try LogLives(storage: storage, logEnd: 3)
                #expect(lives.fence.predecessors == [first.life: 3], "cut at \(cut)")
                try lives.record()
                #expect(
                    try LogLives(storage: storage, logEnd: 4).fence.predecessors == [first.life: 3, lives.life: 4])
            }
            for at in 0..<2 * LogLives.lineBytes {
                var damaged = both
                damaged[at] ^= 0x15
                try storage.writeAtomically(LogLives.fileName, damaged)
                #expect(throws: CommitError.self, "byte \(at)") { try LogLives(storage: storage, logEnd: 3) }
            }
        }
    }

    @Test func `thousands of lives are kept, and a nearly full file grows`() throws {
        try withDirectory { _, storage in
            var lives = (1...1766).map { _ in UUID.random() }
            let lines = lives.flatMap { Array("\($0)\n".utf8) }
            try storage.writeAtomically(
                LogLives.fileName, lines + [UInt8](repeating: 0, count: (64 << 10) - lines.count))
            for _ in 1...10 {
                let life = try LogLives(storage: storage, logEnd: 0)
                try life.record()
                lives.append(life.life)
            }
            #expect(try storage.read(LogLives.fileName).count > 100_000)
            #expect(
                try LogLives(storage: storage, logEnd: 0).fence.predecessors
                    == Dictionary(uniqueKeysWithValues: lives.map { ($0, 0) }))
        }
    }

    @Test func `writing a life down takes no further space`() throws {
        try withDirectory { path, storage in
            _ = try LogLives(storage: storage, logEnd: 0)
            func blocks() throws -> Int {
                var status = stat()
                #expect(lstat("\(path)/\(LogLives.fileName)", &status) == 0)
                return Int(status.st_blocks)
            }
            let before = try blocks()
            #expect(before * 512 >= 64 << 10)
            try LogLives(storage: storage, logEnd: 0).record()
            #expect(try blocks() == before)
        }
    }
}
