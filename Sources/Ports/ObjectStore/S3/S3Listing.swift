import Clocks

/// Reads a page of `ListObjectsV2`.
enum S3Listing {
    static func page(_ document: XMLElement, _ what: String) throws(ObjectStoreError) -> ObjectPage {
        var objects: [ObjectInfo] = []
        var prefixes: [String] = []
        var last = ""
        for child in document.children {
            if child.name == "Contents", let key = child.text("Key") {
                if last.utf8.lexicographicallyPrecedes(key.utf8) { last = key }
                if let info = try info(child, key, what) { objects.append(info) }
            } else if child.name == "CommonPrefixes", let prefix = child.text("Prefix") {
                let end = ListingFold.position(after: prefix)
                if last.utf8.lexicographicallyPrecedes(end.utf8) { last = end }
                prefixes.append(prefix)
            }
        }
        guard document.text("IsTruncated") == "true" else {
            return ObjectPage(objects: objects, commonPrefixes: prefixes, next: nil)
        }
        guard !last.isEmpty else {
            throw ObjectStoreError(.failed, "cannot \(what): an empty page says that more follow")
        }
        return ObjectPage(objects: objects, commonPrefixes: prefixes, next: last)
    }

    /// nil for a key that this suite would not write (`dir/` of a console, say): nothing here can name it.
    private static func info(
        _ element: XMLElement, _ text: String, _ what: String
    ) throws(ObjectStoreError) -> ObjectInfo? {
        let key: ObjectKey
        do throws(ObjectStoreError) { key = try ObjectKey(text) } catch { return nil }
        guard let size = element.text("Size").flatMap({ Int64($0) }), size >= 0,
            let modified = element.text("LastModified").flatMap({ Timestamp(rfc3339: $0) })
        else { throw ObjectStoreError(.failed, "cannot \(what): \(text) has no size or time") }
        let etag = S3ObjectStore.unquoted(element.text("ETag") ?? "")
        return ObjectInfo(key: key, size: size, etag: etag, lastModified: modified)
    }
}
