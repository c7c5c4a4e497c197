import Configuration

/// What a month of storage and requests costs, in dollars. The defaults are those of Cloudflare R2's standard storage.
package struct StoragePrices: Hashable, Sendable {
    /// For 10⁹ bytes and a month.
    package var storage = 0.015
    /// For a million writes and listings.
    package var classA = 4.50
    /// For a million reads.
    package var classB = 0.36
    /// For 10⁹ bytes sent out.
    package var egress = 0.0

    package init() {}

    package init(from reader: inout ConfigurationReader) {
        storage = Self.price(
            &reader, "CATALOG_PRICE_STORAGE", storage, "dollars for a gigabyte stored for a month, for GET /v1/costs")
        classA = Self.price(&reader, "CATALOG_PRICE_CLASS_A", classA, "dollars for a million writes and listings")
        classB = Self.price(&reader, "CATALOG_PRICE_CLASS_B", classB, "dollars for a million reads")
        egress = Self.price(&reader, "CATALOG_PRICE_EGRESS", egress, "dollars for a gigabyte sent out")
    }

    private static func price(
        _ reader: inout ConfigurationReader, _ name: String, _ fallback: Double, _ help: String
    ) -> Double {
        reader.parsed(name, default: fallback, allowed: "a number of 0 or above", help) { text in
            Double(text).flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
        }
    }
}
