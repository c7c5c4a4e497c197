import Clocks
import Configuration
import Events
import GeoIP
import HTTP
import ServiceHost

/// Finds out what the request says of its events: where they come from, and from what.
///
/// An event that brings an extension `useragent` or `clientaddress` keeps its own.
package final class Enricher: Sendable {
    private let configuration: EnrichmentConfiguration
    package let places: GeoLocator?
    package var storesClientAddress: Bool { configuration.storesClientAddress }

    /// Blocks.
    package init(_ configuration: EnrichmentConfiguration) throws(ConfigurationError) {
        self.configuration = configuration
        do throws(GeoIPError) {
            places =
                if let path = configuration.geoIPDatabase { try GeoLocator(path: path) } else { nil }
        } catch {
            throw ConfigurationError(variable: "GEOIP_DATABASE", "\(error)")
        }
    }

    package func context(of request: RequestContext, at now: Timestamp) -> EventContext {
        var context = EventContext(receivedAt: now)
        if request.isFromTrustedProxy { context.readCloudflareFields(request.request) }
        if configuration.storesUserAgent { context[.userAgent] = request.request.headers["User-Agent"] }
        if places != nil || configuration.storesClientAddress, let address = IPAddress(plain: request.clientAddress) {
            if configuration.storesClientAddress { context[.clientAddress] = address.description }
            if let place = places?.find(address.bytes) { context.fill(place) }
        }
        return context
    }
}

extension EventContext {
    /// What Cloudflare, or another proxy that sets the same fields, says of the visitor.
    mutating func readCloudflareFields(_ request: HTTPRequest) {
        for field in request.headers.fields where field.begins("cf-") {
            switch field.name.lowercased() {
            // `CF-Ray: 8f00a1b2c3d4e5f6-AMS` ends with the data centre.
            case "cf-ray": self[.colo] = field.value.split(separator: "-").dropFirst().last.map(String.init)
            case "cf-ipcountry": self[.country] = field.value
            case "cf-ipcity": self[.city] = field.value
            case "cf-ipcontinent": self[.continent] = field.value
            case "cf-postal-code": self[.postalCode] = field.value
            case "cf-region": self[.region] = field.value
            case "cf-timezone": self[.timezone] = field.value
            case "cf-http-protocol": self[.httpProtocol] = field.value
            case "cf-tls-version": self[.tlsVersion] = field.value
            case "cf-tls-cipher": self[.tlsCipher] = field.value
            default: break
            }
        }
    }

    /// Fills in what is missing. A place in another country than the proxy saw is none to add to: one row would then speak of
    /// two places. `XX` is how Cloudflare says that it does not know.
    mutating func fill(_ place: GeoPlace) {
        if self[.country] == "XX" { self[.country] = nil }
        if let country = self[.country], let other = place.country, country != other { return }
        func add(_ field: Field, _ value: String?) {
            if self[field] == nil { self[field] = value }
        }
        add(.country, place.country)
        add(.city, place.city)
        add(.continent, place.continent)
        add(.postalCode, place.postalCode)
        add(.region, place.region)
        add(.timezone, place.timezone)
    }
}
