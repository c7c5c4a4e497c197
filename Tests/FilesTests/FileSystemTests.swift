import Files
import Foundation
import Testing

/// A directory of its own for one test, removed with it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "files-tests-\(Foundation.UUID().uuidString)"
        try FileSystem.createDirectories(path)
    }

    deinit { try? FileSystem.removeTree(path) }
}

struct FileSystemTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func `a file holds what was written at any offset`() throws {
        let file = try FileHandle(directory.path + "/a", [.write, .create, .exclusive])
        try file.pwrite(Array("hello".utf8), at: 3)
        try file.synchronize()
        #expect(try file.size() == 8)
        #expect(try file.pread(100, at: 0) == [0, 0, 0] + Array("hello".utf8))
        #expect(try file.pread(2, at: 4) == Array("el".utf8))
        #expect(try file.pread(2, at: 100) == [])
        try file.truncate(to: 4)
        #expect(try file.pread(100, at: 0) == [0, 0, 0] + Array("h".utf8))
        try file.close()
    }

    @Test func `appending goes to the end however often the file is opened`() throws {
        for part in ["one ", "two ", "three"] {
            let file = try FileHandle(directory.path + "/log", [.write, .create, .append])
            try file.append(Array(part.utf8))
            try file.close()
        }
        #expect(try FileSystem.read(directory.path + "/log") == Array("one two three".utf8))
    }

    @Test func `an error names operation, path and cause`() throws {
        let path = directory.path + "/missing"
        let error = #expect(throws: FileError.self) { try FileSystem.read(path) }
        #expect(error?.isNotFound == true)
        #expect(error?.description == "open \(path): No such file or directory")
    }

    @Test func `a symbolic link is not followed`() throws {
        try FileSystem.writeNew(directory.path + "/target", [1])
        try FileManager.default.createSymbolicLink(
            atPath: directory.path + "/link", withDestinationPath: directory.path + "/target")
        let error = #expect(throws: FileError.self) { try FileSystem.read(directory.path + "/link") }
        #expect(error?.errno == ELOOP)
        #expect(try FileSystem.status(directory.path + "/link")?.kind == .symbolicLink)
    }

    @Test func `a file above the limit is not read`() throws {
        try FileSystem.writeNew(directory.path + "/a", [1, 2, 3])
        #expect(try FileSystem.read(directory.path + "/a", bytesMax: 3) == [1, 2, 3])
        #expect(throws: FileError.self) { try FileSystem.read(directory.path + "/a", bytesMax: 2) }
    }

    @Test func `replacing leaves the new content and nothing else`() throws {
        try FileSystem.writeAtomically(directory.path + "/a", [1])
        try FileSystem.writeAtomically(directory.path + "/a", [2, 3])
        #expect(try FileSystem.read(directory.path + "/a") == [2, 3])
        #expect(try FileSystem.list(directory.path) == ["a"])
    }

    @Test func `a failed replacement leaves the old content and no temporary file`() throws {
        try FileSystem.createDirectories(directory.path + "/a/b")
        #expect(throws: FileError.self) { try FileSystem.writeAtomically(directory.path + "/a", [1]) }
        #expect(try FileSystem.list(directory.path) == ["a"])
        #expect(try FileSystem.list(directory.path + "/a") == ["b"])
    }

    @Test func `of many writers exactly one creates the file`() async throws {
        let path = directory.path + "/winner"
        let winners: [UInt8] = try await withThrowingTaskGroup(of: UInt8?.self) { group in
            for writer in 0..<32 as Range<UInt8> {
                group.addTask {
                    try await BlockingPool.shared.run { try FileSystem.createExclusively(path, [writer]) }
                        ? writer : nil
                }
            }
            return try await group.reduce(into: []) { all, winner in if let winner { all.append(winner) } }
        }
        #expect(winners.count == 1)
        #expect(try FileSystem.read(path) == winners)
        #expect(try FileSystem.list(directory.path) == ["winner"])
    }

    @Test func `directories are made all the way down, by racing callers too`() async throws {
        let path = directory.path + "/a/b/c/d"
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<16 {
                group.addTask { try await BlockingPool.shared.run { try FileSystem.createDirectories(path) } }
            }
            try await group.waitForAll()
        }
        #expect(try FileSystem.status(path)?.kind == .directory)
        try FileSystem.writeNew(path + "/file", [])
        let error = #expect(throws: FileError.self) { try FileSystem.createDirectories(path + "/file/below") }
        #expect(error?.isNotDirectory == true)
    }

    @Test(arguments: ["/proc/none", "/proc/none/below"])
    func `where no directory can be made it is said`(path: String) {
        #expect(throws: FileError.self) { try FileSystem.createDirectories(path) }
    }

    @Test func `names are listed by their bytes`() throws {
        for name in ["b", "é", "a", "Z", "a b", "%2F"] { try FileSystem.writeNew(directory.path + "/" + name, []) }
        #expect(try FileSystem.list(directory.path) == ["%2F", "Z", "a", "a b", "b", "é"])
    }

    @Test func `removing tells whether there was something`() throws {
        try FileSystem.writeNew(directory.path + "/a", [])
        #expect(try FileSystem.removeFile(directory.path + "/a"))
        #expect(try !FileSystem.removeFile(directory.path + "/a"))
        try FileSystem.createDirectories(directory.path + "/d/e")
        #expect(try !FileSystem.removeEmptyDirectory(directory.path + "/d"))
        #expect(try FileSystem.removeEmptyDirectory(directory.path + "/d/e"))
        #expect(try FileSystem.removeEmptyDirectory(directory.path + "/d/e"))
    }

    @Test func `a lock keeps a second opener out until it is closed`() throws {
        let path = directory.path + "/lock"
        let first = try FileHandle(path, [.write, .create])
        #expect(try first.lock())
        let second = try FileHandle(path, [.write])
        #expect(try !second.lock(waiting: false))
        try first.close()
        #expect(try second.lock(waiting: false))
    }

    @Test(arguments: [
        ("/a/b", "/a"), ("/a", "/"), ("/", "/"), ("a", "."), ("a/b/", "a"), ("/a//b", "/a/"),
    ]) func `the parent of a path`(path: String, parent: String) {
        #expect(FileSystem.parent(of: path) == parent)
    }
}
