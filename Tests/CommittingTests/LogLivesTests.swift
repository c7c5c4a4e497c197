import Clocks
import Files
import Glibc
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
            #expect(second.fence.predecessors == [first.life] && second.fence.logEnd == 5)
            let third = try LogLives(storage: storage, logEnd: 5)
            #expect(third.fence.predecessors == [first.life])
            try third.record()
            #expect(try LogLives(storage: storage, logEnd: 5).fence.predecessors == [first.life, third.life])
            #expect(Set([first.life, second.life, third.life]).count == 3)
        }
    }

    @Test func `every torn line is as if it had not been written, and damage before it is told`() throws {
        try withDirectory { path, storage in
            let first = try LogLives(storage: storage, logEnd: 0)
            try first.record()
            let whole = try storage.read(LogLives.fileName)
            let second = try LogLives(storage: storage, logEnd: 0)
            try second.record()
            let both = try storage.read(LogLives.fileName)
            for cut in LogLives.lineBytes..<2 * LogLives.lineBytes {
                try storage.writeAtomically(LogLives.fileName, Array(both[..<cut] + whole[cut...]))
                let lives = try LogLives(storage: storage, logEnd: 0)
                #expect(lives.fence.predecessors == [first.life], "cut at \(cut)")
                try lives.record()
                #expect(try LogLives(storage: storage, logEnd: 0).fence.predecessors == [first.life, lives.life])
            }
            for at in 0..<LogLives.lineBytes {
                var damaged = both
                damaged[at] = at == LogLives.lineBytes - 1 ? 0x20 : 0x78
                try storage.writeAtomically(LogLives.fileName, damaged)
                #expect(throws: CommitError.self) { try LogLives(storage: storage, logEnd: 0) }
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
            #expect(try LogLives(storage: storage, logEnd: 0).fence.predecessors == Set(lives))
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
