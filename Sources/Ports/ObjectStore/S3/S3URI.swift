/// `s3://bucket/key`, as table metadata names objects. Nothing is escaped: Iceberg's readers take the text after the
/// bucket as the key, byte for byte.
enum S3URI {
    static func text(of location: ObjectLocation) -> String { "s3://\(location.bucket)/\(location.key)" }

    /// Takes `s3`, `s3a` and `s3n`, which other engines write.
    static func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation {
        let parts = uri.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, ["s3:", "s3a:", "s3n:"].contains(parts[0].lowercased()), parts[1].isEmpty else {
            throw ObjectStoreError(.invalidName, "\"\(uri.prefix(300))\" is not of the form s3://bucket/key")
        }
        return ObjectLocation(bucket: try BucketName(String(parts[2])), key: try ObjectKey(String(parts[3])))
    }
}
