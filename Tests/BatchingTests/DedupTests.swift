import Clocks
import Events
import Files
import Testing
import WriteAheadLog

@testable import Batching

private func key(_ number: Int) -> EventKey { EventKey(low: UInt64(number) &* 0x9E37_79B9, high: UInt64(number)) }

struct DedupTests {
    @Test func `a key is a duplicate within the window and not behind it`() {
        var window = DedupWindow(windowSeconds: 60)
        let results = [(1, 0), (2, 0), (1, 60), (1, 61), (1, 100), (2, 200)].map { window.insert(key($0.0), at: $0.1) }
        #expect(results == [true, true, false, true, false, true])
    }

    @Test func `a window of nothing forgets all`() {
        var window = DedupWindow(windowSeconds: 0)
        let results = [window.insert(key(1), at: 0), window.insert(key(1), at: 0)]
        #expect(results == [true, true])
    }

    @Test func `a key taken back is new again`() {
        var window = DedupWindow(windowSeconds: 60)
        for number in 0..<2000 { _ = window.insert(key(number), at: 0) }
        window.remove(key(7))
        let results = [window.insert(key(7), at: 1), window.insert(key(7), at: 1), window.insert(key(8), at: 1)]
        #expect(results == [true, false, false])
    }

    @Test func `it agrees with a plain dictionary`() {
        var window = DedupWindow(windowSeconds: 50)
        var plain: [Int: Int64] = [:]
        var state: UInt64 = 1
        for step in 0..<50_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let number = Int(state >> 33) % 3000
            let now = Int64(step / 40)
            let isNew = plain[number].map { now - $0 > 50 } ?? true
            if isNew { plain[number] = now }
            let result = window.insert(key(number), at: now)
            #expect(result == isNew, "step \(step)")
        }
        #expect(window.forgotten == 0)
    }

    @Test func `memory is bounded, and what that costs is counted`() {
        var window = DedupWindow(windowSeconds: 1000, keysMax: 1000)
        for number in 0..<5000 { _ = window.insert(key(number), at: 0) }
        #expect(window.count <= 1000 && window.forgotten >= 4000)
        let isNew = window.insert(key(4999), at: 1)
        #expect(!isNew)
    }

    @Test func `a table of keys finds each as it grows, and none that was taken out`() {
        var table = KeyTable()
        for number in 0..<100_000 {
            table.set(key(number), Int64(number))
            if number % 3 == 0 { table.remove(key(number)) }
        }
        #expect(table.count == 66_666 && table.newest == 99_999)
        #expect((0..<100_000).allSatisfy { table[key($0)] == ($0 % 3 == 0 ? nil : Int64($0)) })
        for number in 0..<100_000 { table.set(key(number), 7) }
        #expect(table.count == 100_000 && (0..<100_000).allSatisfy { table[key($0)] == 7 })
        #expect(table[key(100_000)] == nil)
    }

    @Test func `keys outlive their segment, a damaged file does not stop the rest, and old files go`() throws {
        let path = "/tmp/dedup-test-\(SystemRandom().next())"
        defer { try? FileSystem.removeTree(path) }
        let storage = try DirectoryStorage(path: path)
        let journal = DedupJournal(storage: storage)
        let record = try makeRecord([("a", 1), ("b", 1)])
        try journal.keep(first: 1, records: [record])
        try journal.keep(first: 9, records: [makeRecord([("c", 1)], from: 50)])
        var window = DedupWindow(windowSeconds: 60)
        #expect(try journal.load(into: &window, now: 60) == [])
        #expect(window.count == 3)
        let known = window.insert(try DedupJournal.keys(of: record)[1].key, at: 60)
        #expect(!known)
        try storage.writeAtomically("00000000000000000005.keys", [1, 2, 3])
        var later = DedupWindow(windowSeconds: 60)
        #expect(try journal.load(into: &later, now: 60) == ["00000000000000000005.keys"])
        try journal.removeExpired(windowSeconds: 60, now: 1000)
        #expect(try storage.list().filter { $0.hasSuffix(".keys") } == ["00000000000000000005.keys"])
    }

    @Test func `the journal holds no more than the window may, and the newest`() throws {
        let path = "/tmp/dedup-test-\(SystemRandom().next())"
        defer { try? FileSystem.removeTree(path) }
        let storage = try DirectoryStorage(path: path)
        func names() throws -> [Int] {
            try storage.list().filter { $0.hasSuffix(".keys") }.compactMap { Int($0.prefix(20)) }.sorted()
        }
        let journal = DedupJournal(storage: storage, keysMax: 6)
        for number in 1...10 {
            try journal.keep(
                first: UInt64(number), records: [makeRecord([("a\(number)", 1), ("b\(number)", 1)], from: 5)])
            #expect(try names() == Array(max(1, number - 2)...number))
        }
        #expect(journal.bytes == 3 * (20 + 2 * 24))
        // The same of a journal that has not read them yet.
        try DedupJournal(storage: storage, keysMax: 4).keep(
            first: 11, records: [makeRecord([("c", 1), ("d", 1)], from: 5)])
        #expect(try names() == [10, 11])
        var window = DedupWindow(windowSeconds: 60)
        #expect(try journal.load(into: &window, now: 6) == [] && window.count > 0)
    }

    @Test func `keys kept a second time take no space`() throws {
        let path = "/tmp/dedup-test-\(SystemRandom().next())"
        defer { try? FileSystem.removeTree(path) }
        let storage = try DirectoryStorage(path: path)
        let journal = DedupJournal(storage: storage)
        let record = try makeRecord([("a", 1), ("b", 1)])
        try journal.keep(first: 1, records: [record])
        let name = "\(path)/00000000000000000001.keys"
        let before = try FileSystem.status(name)?.inode
        try journal.keep(first: 1, records: [record])
        #expect(try FileSystem.status(name)?.inode == before)
        // What is not whole is written again.
        try storage.writeAtomically("00000000000000000001.keys", [1])
        try journal.keep(first: 1, records: [record])
        #expect(DedupJournal.decode(try FileSystem.read(name))?.count == 2)
    }

    @Test func `any damage to a file of keys is seen`() {
        let bytes = DedupJournal.encode([.init(key: key(1), seconds: 5), .init(key: key(2), seconds: 6)])
        #expect(DedupJournal.decode(bytes)?.count == 2)
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(DedupJournal.decode(damaged) == nil)
        }
        for cut in 0..<bytes.count { #expect(DedupJournal.decode(Array(bytes[..<cut])) == nil) }
    }
}
