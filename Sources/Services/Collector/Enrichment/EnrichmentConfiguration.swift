import Configuration

/// What the collector adds to events from the request that brought them.
package struct EnrichmentConfiguration: ConfigurationSection, Hashable, Sendable {
    package let geoIPDatabase: String?
    package let storesUserAgent: Bool
    package let storesClientAddress: Bool

    package init(from reader: inout ConfigurationReader) {
        geoIPDatabase = reader.optionalString(
            "GEOIP_DATABASE", aliases: ["MAXMIND_DB_PATH"],
            "MaxMind DB file (GeoLite2-City and the like) that fills the columns cf_country, cf_city, cf_continent, "
                + "cf_postal_code, cf_region and cf_timezone where no trusted proxy did; read again when it changes")
        storesUserAgent = reader.bool(
            "STORE_USER_AGENT", default: true, "keep the request's User-Agent as the extension useragent of its events")
        storesClientAddress = reader.bool(
            "STORE_CLIENT_ADDRESS", default: false,
            "keep the client's IP address, as the extension clientaddress of its events and with refused ones")
    }
}
