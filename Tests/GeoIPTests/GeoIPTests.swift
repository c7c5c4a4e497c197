import Files
import Foundation
import Testing

@testable import GeoIP

/// MaxMind's own test databases, where `ANALYTICS_CORPORA` names the folder of corpora.
private let corpus = ProcessInfo.processInfo.environment["ANALYTICS_CORPORA"].map { $0 + "/geoip/test-data" }
private let hasCorpus = corpus.map { FileManager.default.fileExists(atPath: $0) } ?? false

/// 16 bytes of `81.2.69.142` and the like.
private func address(_ text: String) throws -> [UInt8] {
    var six = in6_addr()
    let mapped = text.contains(":") ? text : "::ffff:\(text)"
    try #require(inet_pton(AF_INET6, mapped, &six) == 1)
    return withUnsafeBytes(of: &six) { Array($0) }
}

private func temporary(_ bytes: [UInt8], _ name: String = "g.mmdb") throws -> String {
    let directory = "/tmp/geoip-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(filePath: "\(directory)/\(name)"))
    return "\(directory)/\(name)"
}

@Suite struct `Files that are no databases` {
    @Test(arguments: [[], [0], Array("hello".utf8), [UInt8](repeating: 0xAB, count: 100_000)])
    func `are refused`(bytes: [UInt8]) throws {
        let path = try temporary(bytes)
        let error = #expect(throws: GeoIPError.self) { try GeoDatabase(path: path) }
        #expect(error?.description.contains(path) == true)
    }

    @Test(arguments: ["/nowhere/x.mmdb", "/tmp", "/dev/null"])
    func `or are not there`(path: String) {
        #expect(throws: GeoIPError.self) { try GeoDatabase(path: path) }
    }
}

@Suite(.enabled(if: hasCorpus, "ANALYTICS_CORPORA names no folder with geoip/test-data"))
struct `Databases of places` {
    private func path(_ name: String) throws -> String { "\(try #require(corpus))/\(name).mmdb" }
    private func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path(name)))) }

    @Test func `a city is found by IPv4 and by IPv6`() throws {
        let database = try GeoDatabase(path: path("GeoIP2-City-Test"))
        #expect(database.type == "GeoIP2-City")
        var london = GeoPlace()
        (london.country, london.city, london.continent) = ("GB", "London", "EU")
        (london.region, london.timezone) = ("England", "Europe/London")
        #expect(try database.find(address("81.2.69.142")) == london)
        let boxford = try database.find(address("2.125.160.216"))
        #expect(boxford.postalCode == "OX1" && boxford.city == "Boxford")
        #expect(try database.find(address("2001:218::1")).country == "JP")
        #expect(try database.find(address("127.0.0.1")) == GeoPlace())
        #expect(try database.find(address("::1")) == GeoPlace())
    }

    @Test(arguments: ["GeoIP2-Country-Test", "GeoLite2-Country-Test", "GeoIP2-Enterprise-Test", "GeoLite2-City-Test"])
    func `every kind with places will do`(name: String) throws {
        let database = try GeoDatabase(path: path(name))
        #expect(try database.find(address("81.2.69.160")).country == "GB" || name.contains("Enterprise"))
        #expect(try database.find(address("2001:218::1")).country == "JP" || name.contains("Enterprise"))
    }

    @Test(arguments: ["GeoLite2-ASN-Test", "GeoIP2-ISP-Test", "GeoIP2-Domain-Test", "GeoIP2-Anonymous-IP-Test"])
    func `one without places is refused`(name: String) throws {
        let error = #expect(throws: GeoIPError.self) { try GeoDatabase(path: path(name)) }
        #expect(error?.message.contains("no places") == true)
    }

    @Test func `no file of the corpus ends the process`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: try #require(corpus))
        var good = 0
        for name in names where name.hasSuffix(".mmdb") {
            do {
                _ = try GeoDatabase(path: "\(try #require(corpus))/\(name)")
                good += 1
            } catch let error as GeoIPError {
                #expect(error.path.hasSuffix(name))
            }
        }
        #expect(good >= 6 && good < names.count)
    }

    @Test func `a damaged file is refused, or answers without harm`() throws {
        let whole = try bytes("GeoIP2-Country-Test")
        let samples = try ["81.2.69.142", "2001:218::1", "1.2.3.4", "216.160.83.56"].map(address)
        var refused = 0
        for round in 0..<400 {
            var damaged = whole
            if round % 4 == 0 {
                damaged.removeLast(1 + round * whole.count / 500)
            } else {
                for step in 1...(round % 4) {
                    damaged[(round * 7919 + step * 104_729) % damaged.count] ^= UInt8(1 + round % 255)
                }
            }
            do {
                let database = try GeoDatabase(path: temporary(damaged))
                for sample in samples {
                    do { _ = try database.find(sample) } catch {}
                }
            } catch is GeoIPError {
                refused += 1
            }
        }
        #expect(refused > 50)
    }

    @Test func `a replaced file is taken, a broken one is not, an emptied one does no harm`() throws {
        let path = try temporary(bytes("GeoIP2-Country-Test"))
        let url = URL(filePath: path)
        let locator = try GeoLocator(path: path)
        let sample = try address("81.2.69.142")
        #expect(locator.find(sample)?.country == "GB" && locator.find(sample)?.city == nil)
        #expect(!locator.reload())
        // In place: under a mapping of the file this would be the end of the process.
        try FileHandle(forWritingTo: url).truncate(atOffset: 0)
        #expect(locator.find(sample)?.country == "GB")
        #expect(locator.reload() && locator.problem?.contains(path) == true)
        #expect(locator.find(sample)?.country == "GB")
        #expect(!locator.reload(), "the same problem is not told again")
        try Data(bytes("GeoIP2-City-Test")).write(to: url, options: .atomic)
        #expect(locator.reload() && locator.problem == nil)
        #expect(locator.find(sample)?.city == "London")
        try FileManager.default.removeItem(at: url)
        #expect(locator.reload() && locator.problem != nil && locator.find(sample)?.city == "London")
        #expect(locator.find(try address("127.0.0.1")) == nil && locator.damagedLookups == 0)
    }
}
