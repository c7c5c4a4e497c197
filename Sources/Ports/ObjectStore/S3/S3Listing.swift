import Clocks

/// Reads a page of `ListObjectsV2`.
enum S3Listing {
    /// Marks a server's continuation token among texts to start after: no key begins so, as it would have an empty segment.
    /// The token is what leads on reliably: servers that keep directories (SeaweedFS) list in another order than bytes
    /// and resume wrongly after a key.
    private static let tokenMark = "//continue/"

    /// What makes a listing begin, or go on, after `text`.
    static func parameter(startingAfter text: String) -> (name: String, value: String) {
        guard text.hasPrefix(tokenMark) else { return ("start-after", text) }
        return ("continuation-token", String(text.dropFirst(tokenMark.count)))
    }

    static func page(_ document: XMLElement, _ what: String) throws(ObjectStoreError) -> ObjectPage {
        var objects: [ObjectInfo] = []
        var prefixes: [String] = []
        for child in document.children {
            if child.name == "Contents", let key = child.text("Key") {
                if let info = try info(child, key, what) { objects.append(info) }
            } else if child.name == "CommonPrefixes", let prefix = child.text("Prefix") {
                prefixes.append(prefix)
            }
        }
        guard document.text("IsTruncated") == "true" else {
            return ObjectPage(objects: objects, commonPrefixes: prefixes, next: nil)
        }
        guard let token = document.text("NextContinuationToken"), !token.isEmpty else {
            throw ObjectStoreError(.failed, "cannot \(what): a page says that more follow, but not how to get them")
        }
        return ObjectPage(objects: objects, commonPrefixes: prefixes, next: tokenMark + token)
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
