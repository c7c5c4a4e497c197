import Clocks
import Testing

@Suite struct `Timestamps` {
    static let valid: [(text: String, microseconds: Int64)] = [
        ("1970-01-01T00:00:00Z", 0),
        ("2024-01-15T14:30:00Z", 1_705_329_000_000_000),
        ("2024-01-15T14:30:00.123456+02:00", 1_705_321_800_123_456),
        ("2024-01-15t14:30:00.5z", 1_705_329_000_500_000),
        ("2024-01-15 14:30:00-00:30", 1_705_330_800_000_000),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2000-02-29T00:00:00Z", 951_782_400_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("0000-12-31T23:59:00-00:01", -62_135_596_800_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ("2024-01-15T14:30:00.1234567890Z", 1_705_329_000_123_456),
    ]

    @Test(arguments: valid)
    func `RFC 3339 is read`(text: String, microseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "2024-01-15", "2024-01-15T14:30:00", "2024-13-01T00:00:00Z", "2023-02-29T00:00:00Z", "2024-01-15T24:00:00Z",
        "2024-01-15T14:30:00.Z", "2024-01-15T14:30:00+24:00", "2024-1-15T14:30:00Z", "yesterday",
        "2024-01-15T14:30:00Zx",
        "0000-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:60Z", "9999-12-31T23:59:59-00:01",
        "+2024-01-15T14:30:00Z", "2024-00-10T00:00:00Z", "2024-01-00T00:00:00Z",
    ])
    func `what is no RFC 3339 date-time is refused`(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func `a bare date is midnight only where it is asked for`() {
        #expect(Timestamp(rfc3339: "2024-01-15", dateOnly: true)?.rfc3339() == "2024-01-15T00:00:00Z")
    }

    @Test func `every day of four centuries converts both ways`() {
        var date = CivilDate(year: 1800, month: 1, day: 1)
        var days = date.daysSinceEpoch
        while date.year < 2200 {
            #expect(CivilDate(daysSinceEpoch: days) == date)
            #expect(date.daysSinceEpoch == days)
            days += 1
            date.day += 1
            if date.day > CivilDate.daysInMonth(date.month, year: date.year) {
                date.day = 1
                date.month += 1
            }
            if date.month > 12 {
                date.month = 1
                date.year += 1
            }
        }
    }

    @Test(arguments: [0, 1, -1, 1000, 1_705_329_000_123_000, 1_705_329_000_123_456, -62_135_596_800_000_000])
    func `what is written is read back`(microseconds: Int64) {
        let timestamp = Timestamp(microseconds: microseconds)
        #expect(Timestamp(rfc3339: timestamp.rfc3339()) == timestamp)
    }

    @Test func `hours and days before 1970 round towards the past`() {
        let moment = Timestamp(microseconds: -1)
        #expect((moment.hours, moment.days, moment.milliseconds) == (-1, -1, -1))
    }
}

@Suite struct `Identifiers` {
    @Test func `text and bytes give the same identifier`() throws {
        let text = "01890a5d-ac96-774b-bcce-b302099a8057"
        let uuid = try #require(UUID(text))
        #expect(uuid.description == text)
        #expect(UUID(bytes: uuid.bytes) == uuid)
        #expect(UUID(text.uppercased()) == uuid)
    }

    @Test(arguments: [
        "", "01890a5dac96774bbcceb302099a8057", "01890a5d-ac96-774b-bcce-b302099a805",
        "g1890a5d-ac96-774b-bcce-b302099a8057",
    ])
    func `what is no identifier is refused`(text: String) {
        #expect(UUID(text) == nil)
    }

    @Test func `version and variant are set, and time orders`() {
        let random = UUID.random()
        #expect(Array(random.description)[14] == "4")
        let early = UUID.timeOrdered(at: Timestamp(milliseconds: 1_000))
        let late = UUID.timeOrdered(at: Timestamp(milliseconds: 1_001))
        #expect(Array(early.description)[14] == "7")
        #expect("89ab".contains(Array(early.description)[19]))
        #expect(early < late)
    }
}
