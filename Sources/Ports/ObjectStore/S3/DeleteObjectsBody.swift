/// The body of the S3 request `DeleteObjects`.
public enum DeleteObjectsBody {
    /// The keys that it names.
    ///
    /// - Throws: `.invalidName` for what is no such body, names versions, or more than `max` keys.
    public static func keys(_ bytes: [UInt8], max: Int) throws(ObjectStoreError) -> [ObjectKey] {
        let document: XMLElement
        do throws(XMLElement.SyntaxError) {
            document = try XMLElement.parse(bytes)
        } catch {
            throw ObjectStoreError(.invalidName, "\(error)")
        }
        guard document.name == "Delete" else { throw ObjectStoreError(.invalidName, "it is no \"Delete\"") }
        var keys: [ObjectKey] = []
        for part in document.children where part.name != "Quiet" {
            guard part.name == "Object", part.children.count == 1, let key = part.text("Key") else {
                throw ObjectStoreError(.invalidName, "an object is named by its key, and by that alone")
            }
            keys.append(try ObjectKey(key))
        }
        guard keys.count <= max else { throw ObjectStoreError(.invalidName, "more than \(max) objects") }
        return keys
    }
}
