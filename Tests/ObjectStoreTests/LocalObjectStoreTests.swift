import Files
import Foundation
import ObjectStore
import Testing

struct LocalObjectStoreTests {
    let directory: TemporaryDirectory
    let store: LocalObjectStore
    let bucket: BucketName

    init() throws {
        directory = try TemporaryDirectory()
        store = try LocalObjectStore(root: directory.path + "/")
        bucket = try BucketName("events")
    }

    func at(_ key: String) throws -> ObjectLocation { ObjectLocation(bucket: bucket, key: try ObjectKey(key)) }

    func put(_ key: String, _ condition: PutCondition = .always) async throws -> PutOutcome {
        try await store.put(at(key), Array(key.utf8), condition: condition, contentType: nil)
    }

    @Test func `an object is the file of exactly that name, and so is its URI`() async throws {
        for key in ["data/type=a%2Fb/hour=1/é x+y.parquet", "plain"] {
            _ = try await put(key)
            let path = "\(directory.path)/events/\(key)"
            #expect(try FileSystem.read(path) == Array(key.utf8))
            #expect(try store.uri(of: at(key)) == "file://\(path)")
            #expect(try store.location(of: "file:\(path)") == at(key))
            // As Hadoop's catalogs write it.
            #expect(try store.location(of: path) == at(key))
        }
    }

    @Test func `a file that another program wrote is an object`() async throws {
        try FileSystem.createDirectories("\(directory.path)/events/x")
        try FileSystem.writeNew("\(directory.path)/events/x/y", [1, 2, 3])
        #expect(try await store.get(at("x/y"), range: nil).bytes == [1, 2, 3])
        let etag = try #require(try await store.head(at("x/y"))?.etag)
        #expect(try await put("x/y", .ifMatch("other")) == .conditionFailed)
        #expect(try await put("x/y", .ifMatch(etag)) != .conditionFailed)
    }

    @Test(arguments: [
        "file:///etc/passwd", "file://ROOT/../x/y", "file://ROOT/events/../x", "file://ROOT/events",
        "file://ROOT/events/",
        "file://ROOT", "file://host/ROOT/events/a", "events/a", "/etc/passwd", "ROOT/../x/y",
        "file://ROOT/.object-store/locks/0",
        "file://ROOTx/events/a",
        "s3://events/a",
    ]) func `a URI outside the buckets is refused`(uri: String) throws {
        let text = uri.replacingOccurrences(of: "ROOT", with: directory.path)
        #expect(throws: ObjectStoreError.self) { try store.location(of: text) }
    }

    @Test(arguments: [PutCondition.always, .ifAbsent])
    func `a key that collides with a directory or an object is refused, and says so`(condition: PutCondition)
        async throws
    {
        _ = try await put("a/b")
        let below = await #expect(throws: ObjectStoreError.self) { try await put("a/b/c", condition) }
        #expect(below?.message.contains("a leading part of the key is an object itself") == true)
        let above = await #expect(throws: ObjectStoreError.self) { try await put("a", condition) }
        #expect(above?.message.contains("objects below \"a/\" exist") == true)
        let long = await #expect(throws: ObjectStoreError.self) {
            try await put(String(repeating: "x", count: 256), condition)
        }
        #expect(long?.code == .invalidName)
        #expect([below, above, long].allSatisfy { $0?.effect == ObjectStoreError.Effect.none })
        #expect(try await store.head(at(String(repeating: "x", count: 256))) == nil)
        #expect(try FileSystem.list("\(directory.path)/.object-store/temporary") == [])
    }

    @Test func `deleting leaves no empty directory, and an empty one is in nobody's way`() async throws {
        _ = try await put("a/b/c/d")
        _ = try await put("a/e")
        try await store.delete(bucket, [ObjectKey("a/b/c/d")])
        #expect(try FileSystem.list("\(directory.path)/events/a") == ["e"])
        try await store.delete(bucket, [ObjectKey("a/e")])
        #expect(try FileSystem.list("\(directory.path)/events") == [])
        try FileSystem.createDirectories("\(directory.path)/events/a")
        #expect(try await put("a", .ifAbsent) != .conditionFailed)
        try await store.delete(bucket, [ObjectKey("a")])
        try FileSystem.createDirectories("\(directory.path)/events/a")
        #expect(try await put("a", .always) != .conditionFailed)
    }

    @Test func `creating and deleting in one directory do not hinder each other`() async throws {
        let (store, bucket) = (store, bucket)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    let key = try ObjectKey("deep/er/\(writer)")
                    let location = ObjectLocation(bucket: bucket, key: key)
                    for round in 0..<20 {
                        let outcome = try await store.put(
                            location, [UInt8(round)], condition: round % 2 == 0 ? .ifAbsent : .always, contentType: nil)
                        #expect(outcome != .conditionFailed)
                        #expect(try await store.get(location, range: nil).bytes == [UInt8(round)])
                        try await store.delete(bucket, [key])
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try FileSystem.list("\(directory.path)/events") == [])
    }

    @Test func `unfinished files are never listed, and removed when old`() async throws {
        let leftover = "\(directory.path)/.object-store/temporary/left"
        let fresh = "\(directory.path)/.object-store/temporary/fresh"
        try FileSystem.writeNew(leftover, [1])
        try FileSystem.writeNew(fresh, [1])
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -7200)], ofItemAtPath: leftover)
        _ = try await put("a")
        let page = try await store.list(bucket, prefix: "", delimiter: nil, startAfter: nil, limit: 10)
        #expect(page.objects.map(\.key.rawValue) == ["a"])
        _ = try LocalObjectStore(root: directory.path)
        #expect(try FileSystem.list("\(directory.path)/.object-store/temporary") == ["fresh"])
    }

    @Test func `an empty directory is no common prefix`() async throws {
        _ = try await put("a/1")
        try FileSystem.createDirectories("\(directory.path)/events/empty/inner")
        let page = try await store.list(bucket, prefix: "", delimiter: "/", startAfter: nil, limit: 10)
        #expect(page.commonPrefixes == ["a/"])
    }

    @Test func `symbolic links and other things that are no files are no objects`() async throws {
        _ = try await put("a")
        try FileManager.default.createSymbolicLink(
            atPath: "\(directory.path)/events/link", withDestinationPath: "/etc/passwd")
        mkfifo("\(directory.path)/events/fifo", 0o600)
        for key in ["link", "fifo"] {
            #expect(try await store.head(at(key)) == nil)
            let error = await #expect(throws: ObjectStoreError.self) { try await store.get(at(key), range: nil) }
            #expect(error?.code == .notFound && error?.isObstructed == true)
        }
        let page = try await store.list(bucket, prefix: "", delimiter: nil, startAfter: nil, limit: 10)
        #expect(page.objects.map(\.key.rawValue) == ["a"])
        let missing = await #expect(throws: ObjectStoreError.self) { try await store.get(at("b"), range: nil) }
        #expect(missing?.code == .notFound && missing?.isObstructed == false)
    }

    @Test(arguments: ["relative/path", "/", "", "/a/../b"]) func `a root must be absolute and plain`(root: String) {
        #expect(throws: ObjectStoreError.self) { try LocalObjectStore(root: root) }
    }

    @Test func `an object outlives what a crash between naming and tidying left behind`() async throws {
        _ = try await put("a", .ifAbsent)
        let leftover = "\(directory.path)/.object-store/temporary/left"
        try FileSystem.link("\(directory.path)/events/a", to: leftover)
        try await store.delete(bucket, [ObjectKey("b")])
        #expect(try await put("a", .ifAbsent) == .conditionFailed)
        try FileSystem.removeFile(leftover)
        #expect(try await store.get(at("a"), range: nil).bytes == Array("a".utf8))
    }

    @Test func `two stores on one directory, as two processes have, decide together`() async throws {
        let stores = [store, try LocalObjectStore(root: directory.path), try LocalObjectStore(root: directory.path)]
        let (location, bucket) = (try at("shared/counter"), bucket)
        _ = try await put("shared/counter", .ifAbsent)
        let outcomes: [Bool] = try await withThrowingTaskGroup(of: Bool.self) { group in
            let etag = try #require(try await store.head(location)?.etag)
            for writer in 0..<24 {
                let store = stores[writer % stores.count]
                group.addTask {
                    try await store.put(location, [UInt8(writer)], condition: .ifMatch(etag), contentType: nil)
                        != .conditionFailed
                }
                group.addTask {
                    // Others come and go in the same directory meanwhile.
                    let key = try ObjectKey("shared/other-\(writer)")
                    let other = ObjectLocation(bucket: bucket, key: key)
                    _ = try await store.put(other, [], condition: .ifAbsent, contentType: nil)
                    try await store.delete(bucket, [key])
                    return false
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0 } == 1)
    }

    @Test(.enabled(if: SmallDisk.isPossible, "needs the right to mount a file system"))
    func `a full disk is no space, leaves nothing behind and lets go on after deleting`() async throws {
        let disk = try SmallDisk(sizeKiB: 256)
        defer { disk.unmount() }
        let store = try LocalObjectStore(root: disk.path + "/store")
        let location = try at("large")
        _ = try await store.put(at("kept"), [UInt8](repeating: 1, count: 100_000), condition: .always, contentType: nil)
        for condition in [PutCondition.always, .ifAbsent] {
            let error = await #expect(throws: ObjectStoreError.self) {
                try await store.put(
                    location, [UInt8](repeating: 2, count: 400_000), condition: condition, contentType: nil)
            }
            #expect(error?.code == .noSpace)
            #expect(error?.effect == ObjectStoreError.Effect.none)
        }
        #expect(try await store.head(location) == nil)
        #expect(try FileSystem.list("\(disk.path)/store/.object-store/temporary") == [])
        try await store.delete(bucket, [ObjectKey("kept")])
        _ = try await store.put(location, [UInt8](repeating: 2, count: 150_000), condition: .ifAbsent, contentType: nil)
        #expect(try await store.head(location)?.size == 150_000)
    }
}

/// A file system of few bytes in memory.
struct SmallDisk {
    let path: String

    static let isPossible: Bool = {
        guard let disk = try? SmallDisk(sizeKiB: 64) else { return false }
        disk.unmount()
        return true
    }()

    struct Refused: Error {}

    init(sizeKiB: Int) throws {
        path = NSTemporaryDirectory() + "small-disk-\(Foundation.UUID().uuidString)"
        try FileSystem.createDirectories(path)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(sizeKiB)k") == 0 else {
            try FileSystem.removeEmptyDirectory(path)
            throw Refused()
        }
    }

    func unmount() {
        umount2(path, Int32(MNT_DETACH))
        rmdir(path)
    }
}
