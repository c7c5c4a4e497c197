import Files

extension LocalFiles {
    /// A page of a bucket's objects. Directories that cannot hold wanted keys are not read.
    func list(_ bucket: BucketName, _ fold: ListingFold) throws(ObjectStoreError) -> ObjectPage {
        var fold = fold
        try translating("list \(bucket)") { () throws(FileError) in
            try walk(path(of: bucket), keyPrefix: "", &fold)
        }
        return fold.page
    }

    private func walk(_ directory: String, keyPrefix: String, _ fold: inout ListingFold) throws(FileError) {
        let entries: [(name: String, kind: FileStatus.Kind?)]
        do throws(FileError) {
            entries = try FileSystem.entries(directory)
        } catch {
            // Removed since its name was read, or a bucket in which nothing was ever stored.
            if error.isNotFound || error.isNotDirectory { return }
            throw error
        }
        for entry in try inKeyOrder(entries, directory) {
            if fold.isFull { return }
            let text = keyPrefix + entry.name
            let path = "\(directory)/\(entry.name)"
            if entry.isDirectory {
                if fold.mayTakeKeys(beginningWith: "\(text)/".utf8) { try walk(path, keyPrefix: "\(text)/", &fold) }
            } else if let key = key(text) {
                try fold.offer(key) { () throws(FileError) in try info(path, key) }
            }
        }
    }

    /// Names no key can have were not put here by this store.
    private func key(_ text: String) -> ObjectKey? {
        do throws(ObjectStoreError) { return try ObjectKey(text) } catch { return nil }
    }

    /// Keys below a directory sort as if its name ended in `/`.
    private func inKeyOrder(
        _ entries: [(name: String, kind: FileStatus.Kind?)], _ directory: String
    ) throws(FileError) -> [(name: String, isDirectory: Bool)] {
        var sortable: [(order: [UInt8], name: String, isDirectory: Bool)] = []
        sortable.reserveCapacity(entries.count)
        for (name, recorded) in entries {
            var kind = recorded
            if kind == nil { kind = try FileSystem.status("\(directory)/\(name)")?.kind }
            guard kind == .file || kind == .directory else { continue }
            let isDirectory = kind == .directory
            sortable.append((Array(name.utf8) + (isDirectory ? [0x2F] : []), name, isDirectory))
        }
        sortable.sort { $0.order.lexicographicallyPrecedes($1.order) }
        return sortable.map { ($0.name, $0.isDirectory) }
    }
}
