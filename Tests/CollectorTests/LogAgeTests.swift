import Testing

@testable import Collector

@Suite struct `Age of the log` {
    @Test func `it is that of the first record behind the watermark`() {
        var age = LogAge()
        for sequence in 1...10 { age.note(UInt64(sequence), at: Int64(sequence) * 1000) }
        #expect(age.age(behind: 0, through: 10, now: 20_000) == 19_000)
        #expect(age.age(behind: 4, through: 10, now: 20_000) == 15_000)
        #expect(age.age(behind: 9, through: 10, now: 20_000) == 10_000)
        #expect(age.age(behind: 10, through: 10, now: 20_000) == nil)
    }

    @Test func `records of one second share a mark, the older time counting`() {
        var age = LogAge()
        for sequence in 1...1000 { age.note(UInt64(sequence), at: Int64(sequence)) }
        age.note(1001, at: 5000)
        #expect(age.age(behind: 500, through: 1001, now: 6000) == 5999)
        #expect(age.age(behind: 1000, through: 1001, now: 6000) == 1000)
    }

    @Test func `a clock set back makes no negative age`() {
        var age = LogAge()
        age.note(1, at: 9_000_000)
        age.note(2, at: 1000)
        #expect(age.age(behind: 0, through: 2, now: 2000) == 0)
    }

    @Test func `an outage of a day costs bounded memory, and stays right to a minute`() {
        var age = LogAge()
        for second in 0..<86_400 { age.note(UInt64(second + 1), at: Int64(second) * 1000) }
        #expect(age.count <= LogAge.marksMax)
        let found = age.age(behind: 40_000, through: 86_400, now: 86_400_000) ?? 0
        #expect((46_400_000...46_460_000).contains(found))
        // All committed: marks are a second apart again.
        #expect(age.age(behind: 86_400, through: 86_400, now: 86_401_000) == nil)
        for second in 86_400..<86_410 { age.note(UInt64(second + 1), at: Int64(second) * 1000) }
        #expect(age.age(behind: 86_405, through: 86_410, now: 86_410_000) == 5000)
    }
}
