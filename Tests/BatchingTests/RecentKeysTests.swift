import Testing
import WriteAheadLog

@testable import Batching

struct RecentKeysTests {
    /// Record `sequence` has that many events, less one.
    private func record(_ sequence: UInt64) throws -> [UInt8] {
        let events = [(type: String, hour: Int)](repeating: ("a", 1), count: Int(sequence) - 1)
        return try makeRecord(events, from: Int(sequence) * 100)
    }

    private func noted(_ sequences: some Sequence<UInt64>, keysMax: Int = 1000) throws -> RecentKeys {
        var recent = RecentKeys(keysMax: keysMax)
        for sequence in sequences { recent.note(try record(sequence), sequence: sequence) }
        return recent
    }

    private func read(_ sequences: Range<UInt64>) throws -> [DedupJournal.Key] {
        try sequences.flatMap { try DedupJournal.keys(of: try record($0)) }
    }

    @Test func `any run of records has the keys that reading them back gives`() throws {
        let recent = try noted(1...8)
        for first in UInt64(1)...8 {
            for next in first...9 {
                #expect(recent.keys(from: first, before: next) == (try read(first..<next)), "\(first)..<\(next)")
            }
        }
        #expect(recent.keys(from: 0, before: 3) == nil && recent.keys(from: 3, before: 10) == nil)
    }

    @Test func `records that come again are passed over, and a gap is a new beginning`() throws {
        let again = try noted([3, 4, 5, 4, 5, 6])
        #expect(again.keys(from: 3, before: 7) == (try read(3..<7)))
        let gap = try noted([3, 4, 6, 7])
        #expect(gap.keys(from: 3, before: 5) == nil && gap.keys(from: 4, before: 7) == nil)
        #expect(gap.keys(from: 6, before: 8) == (try read(6..<8)))
    }

    @Test func `what is forgotten is not given in part`() throws {
        var recent = try noted(1...8)
        recent.forget(before: 5)
        #expect(recent.keys(from: 5, before: 9) == (try read(5..<9)))
        recent.forget(before: 9)
        #expect(recent.keys(from: 5, before: 9) == nil)
    }

    @Test func `beyond the bound the oldest go`() throws {
        var recent = RecentKeys(keysMax: 10_000)
        let many = try makeRecord([(type: String, hour: Int)](repeating: ("a", 1), count: 4096))
        for sequence in UInt64(1)...20 { recent.note(many, sequence: sequence) }
        #expect(recent.keys(from: 1, before: 2) == nil && recent.keys(from: 20, before: 21)?.count == 4096)
    }

    @Test func `bytes that are no record leave nothing that could be taken for whole`() throws {
        var recent = try noted(1...4)
        recent.note([1, 2, 3], sequence: 5)
        #expect(recent.keys(from: 1, before: 5) == nil)
        recent.note(try record(6), sequence: 6)
        #expect(recent.keys(from: 6, before: 7) == (try read(6..<7)))
    }
}
