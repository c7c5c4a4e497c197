import CMaxMindDB
import Clocks
import Files

/// Where an address is, as far as a database says. Every value is what the database calls it in English.
package struct GeoPlace: Hashable, Sendable {
    /// ISO 3166-1: `NL`.
    package var country: String?
    package var city: String?
    /// `EU`.
    package var continent: String?
    package var postalCode: String?
    /// The largest subdivision of the country: `North Holland`.
    package var region: String?
    /// `Europe/Amsterdam`.
    package var timezone: String?

    package init() {}
}

/// A database of places cannot be used.
package struct GeoIPError: Error, Hashable, Sendable, CustomStringConvertible {
    package let path: String
    package let message: String

    package var description: String { "\(path): \(message)" }
}

/// One database of MaxMind's format (GeoLite2-City, GeoIP2-City, GeoIP2-Enterprise, …-Country), in memory.
///
/// The file is copied when it is opened, so nothing that happens to it later can harm. That takes as much memory as the file
/// has bytes.
package final class GeoDatabase: Sendable {
    package static let bytesMax: Int64 = 1 << 30
    /// Addresses that are looked up before a database is believed.
    private static let probes = 2000

    // A database does not change once it is open, and libmaxminddb lets any number of threads look up at a time.
    private nonisolated(unsafe) let database: OpaquePointer
    /// `GeoLite2-City`.
    package let type: String
    package let builtAt: Timestamp

    /// Opens `path`, following links. Blocks.
    ///
    /// - Throws: for a file that is no such database, is damaged as far as its head and 2,000 look-ups across all addresses
    ///   show, or says nothing of places.
    package init(path: String) throws(GeoIPError) {
        let opened: OpaquePointer
        do throws(FileError) {
            let file = try FileHandle(path, [.nonBlocking])
            let status = try file.status()
            guard status.kind == .file, status.size <= Self.bytesMax else {
                throw FileError(
                    operation: "read", path: path, message: "expected a file of at most \(Self.bytesMax) bytes")
            }
            var message: UnsafePointer<CChar>?
            let made = file.withDescriptor { cmaxminddb_open($0, UInt64(status.size), &message) }
            guard let made else {
                let said = message.map { String(cString: $0) } ?? "unknown"
                throw FileError(operation: "open", path: path, message: "not a MaxMind DB that can be read: \(said)")
            }
            opened = made
        } catch {
            throw GeoIPError(path: path, message: error.message)
        }
        database = opened
        type = String(cString: cmaxminddb_type(opened))
        builtAt = Timestamp(
            microseconds: Int64(clamping: cmaxminddb_built_at(opened)).multipliedClamping(by: 1_000_000))
        try probe(path)
    }

    deinit { cmaxminddb_close(database) }

    private func probe(_ path: String) throws(GeoIPError) {
        let about = type.lowercased()
        guard ["city", "country", "enterprise", "insights"].contains(where: { about.contains($0) }) else {
            throw GeoIPError(
                path: path,
                message: "a database of the type \"\(type.prefix(100))\" has no places; City and Country have")
        }
        var state: UInt64 = 1
        for round in 0..<Self.probes {
            // Weyl's sequence: spread evenly over all addresses, the same every time.
            state &+= 0x9E37_79B9_7F4A_7C15
            var address = [UInt8](repeating: 0, count: 16)
            let bytes = withUnsafeBytes(of: state.bigEndian) { Array($0) }
            if round % 2 == 0 {
                address.replaceSubrange(10..., with: [0xFF, 0xFF] + bytes[..<4])
            } else {
                // Unicast addresses are 2000::/3.
                address.replaceSubrange(..<8, with: [0x20 | bytes[0] >> 3] + bytes[1...])
            }
            do throws(GeoIPError) {
                _ = try find(address)
            } catch {
                throw GeoIPError(path: path, message: "the database is damaged: it contradicts itself")
            }
        }
    }

    /// Where an address of 16 bytes is, IPv4 in the form mapped to IPv6. Cost: a few microseconds.
    ///
    /// - Throws: when the database is damaged at this address.
    package func find(_ address: [UInt8]) throws(GeoIPError) -> GeoPlace {
        precondition(address.count == 16, "an address has 16 bytes")
        var found = cmaxminddb_place()
        guard cmaxminddb_find(database, address, &found) != CMAXMINDDB_CORRUPT else {
            throw GeoIPError(path: type, message: "the database is damaged at an address that was looked up")
        }
        var place = GeoPlace()
        place.country = Self.text(found.country)
        place.city = Self.text(found.city)
        place.continent = Self.text(found.continent)
        place.postalCode = Self.text(found.postal_code)
        place.region = Self.text(found.region)
        place.timezone = Self.text(found.timezone)
        return place
    }

    private static func text(_ found: cmaxminddb_text) -> String? {
        guard let start = found.text, found.length > 0, found.length <= 1000 else { return nil }
        return String(validating: UnsafeRawBufferPointer(start: start, count: found.length), as: UTF8.self)
    }
}

extension Int64 {
    fileprivate func multipliedClamping(by factor: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}
