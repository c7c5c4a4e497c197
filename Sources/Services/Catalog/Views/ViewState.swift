import Clocks
import IcebergCatalog
import IcebergSpec
import JSONFormat

/// Where a view's current metadata lies. The file is written before the register names it.
package struct ViewState: Hashable, Sendable {
    package let metadataLocation: String
    package let viewUUID: String
    /// The view's own location: no table may lie in it.
    package let location: String

    init(_ file: StoredView) {
        metadataLocation = file.location
        viewUUID = file.metadata.viewUUID.description
        location = file.metadata.location
    }

    var json: JSONValue {
        [
            "kind": "view", "metadata-location": .string(metadataLocation), "view-uuid": .string(viewUUID),
            "location": .string(location),
        ]
    }

    init(_ cursor: JSONCursor) throws(JSONError) {
        metadataLocation = try cursor.member("metadata-location").string()
        viewUUID = try cursor.member("view-uuid").string()
        location = try cursor.member("location").string()
    }
}
