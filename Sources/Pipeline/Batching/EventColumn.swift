/// What the pipeline knows of an event, one value per column: the leaves of the event table, in its order.
package enum EventColumn: Int, CaseIterable, Hashable, Sendable {
    case id, type, source, specVersion, time, subject, dataContentType, dataSchema, data, extensionName, extensionValue
    case colo, country, city, continent, postalCode, region, timezone, httpProtocol, tlsVersion, tlsCipher
    case year, month, day, hour, receivedAt
}

/// Where an event belongs: its type, and the hour of its time.
package struct EventPartition: Hashable, Sendable {
    package let type: String
    /// Hours since 1970, UTC.
    package let hour: Int64

    package init(type: String, hour: Int64) {
        self.type = type
        self.hour = hour
    }
}
