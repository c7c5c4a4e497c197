import ObjectStore

/// A file of a table in its store.
struct StoredFile: Sendable {
    let uri: String
    let size: Int64
    let store: any ObjectStore

    /// - Throws: `.missing`, `.store`; `.malformed` when the object ends before the range does.
    func read(_ range: Range<Int64>) async throws(DataError) -> [UInt8] {
        let bytes: [UInt8]
        do throws(ObjectStoreError) {
            bytes = try await store.get(try store.location(of: uri), range: range).bytes
        } catch {
            throw DataError(error).within(uri)
        }
        guard bytes.count == range.count else {
            throw DataError(
                .malformed, at: uri,
                "the file ends within the bytes \(range.lowerBound) to \(range.upperBound) that it should have")
        }
        return bytes
    }

    /// What the store says the file's size is; nil where it has no such file.
    func actualSize() async throws(DataError) -> Int64? {
        do throws(ObjectStoreError) {
            return try await store.head(try store.location(of: uri))?.size
        } catch {
            throw DataError(error).within(uri)
        }
    }
}
