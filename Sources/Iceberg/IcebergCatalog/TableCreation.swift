import Clocks
import IcebergSpec

extension TableCreation {
    /// The first metadata of the table, with fresh field ids.
    ///
    /// - Throws: `.badRequest` for what the table specification does not allow.
    public func metadata(
        location: String, uuid: UUID = .random(), at time: Timestamp
    ) throws(CatalogError) -> TableMetadata {
        do {
            return try TableMetadata.new(
                location: location, schema: schema, spec: partitionSpec ?? UnboundPartitionSpec(),
                sortOrder: sortOrder ?? .unsorted, properties: properties, uuid: uuid, at: time)
        } catch {
            throw CatalogError(error)
        }
    }
}
