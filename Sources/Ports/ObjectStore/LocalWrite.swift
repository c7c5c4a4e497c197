import Clocks
import Files
import Glibc
import Synchronization

extension LocalFiles {
    /// Writes an object: the content goes to a file of its own and is synced there, then gets its name in one step.
    func write(
        _ location: ObjectLocation, _ bytes: [UInt8], _ condition: PutCondition
    ) throws(ObjectStoreError) -> PutOutcome {
        let temporary = "\(temporaryDirectory)/\(UUID.random()).tmp"
        let what = "write \(location)"
        let etag = try translating(what) { () throws(FileError) in try writeTemporary(temporary, bytes) }
        defer { _ = unlink(temporary) }
        for _ in 0..<Self.directoryRetriesMax {
            switch try name(temporary, location, condition, what) {
            case .done: return .stored(etag: etag)
            case .conditionFailed: return .conditionFailed
            case .directoryMissing:
                do throws(FileError) {
                    try FileSystem.createDirectories(FileSystem.parent(of: path(of: location)))
                } catch {
                    // A deletion may have removed a directory on the way: go round again.
                    if !error.isNotFound { throw refusal(error, location, what) }
                }
            }
        }
        throw ObjectStoreError(.unavailable, "cannot \(what): its directory is removed again and again")
    }

    private enum Naming {
        case done
        case conditionFailed
        case directoryMissing
    }

    /// - Returns: the entity tag the object will have.
    private func writeTemporary(_ path: String, _ bytes: [UInt8]) throws(FileError) -> String {
        let file = try FileHandle(path, [.write, .create, .exclusive, .noFollow])
        do throws(FileError) {
            try file.pwrite(bytes, at: 0)
            // The system's own time stamps are as coarse as its timer: two writes within a tick would look alike.
            try file.setModified(nanoseconds: Self.nanosecondsNow())
            try file.synchronizeAll()
            let etag = Self.etag(try file.status())
            try file.close()
            return etag
        } catch {
            _ = unlink(path)
            throw error
        }
    }

    private static func nanosecondsNow() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Gives the written file its name, if the condition holds, and makes the name durable.
    private func name(
        _ temporary: String, _ location: ObjectLocation, _ condition: PutCondition, _ what: String
    ) throws(ObjectStoreError) -> Naming {
        let path = path(of: location)
        let naming: Naming
        do throws(FileError) {
            switch condition {
            case .ifAbsent: naming = try link(temporary, path)
            case .always:
                naming = try withLock(on: location) { () throws(FileError) in try replace(temporary, path, location) }
            case .ifMatch(let etag):
                naming = try withLock(on: location) { () throws(FileError) in
                    guard try info(path, location.key)?.etag == etag else { return .conditionFailed }
                    return try replace(temporary, path, location)
                }
            }
        } catch {
            throw refusal(error, location, what)
        }
        if naming == .directoryMissing || naming == .conditionFailed && condition != .ifAbsent { return naming }
        // Synced also when another's object was found: who reads it back as proof must not lose it to a power failure
        // that hits before its writer has synced.
        do throws(FileError) {
            try syncNames(FileSystem.parent(of: path), bucket: self.path(of: location.bucket))
        } catch {
            if naming == .conditionFailed && error.isNotFound { return naming }
            throw Self.translate(error, what, .unknown)
        }
        return naming
    }

    private func link(_ temporary: String, _ path: String) throws(FileError) -> Naming {
        do throws(FileError) {
            try FileSystem.link(temporary, to: path)
            return .done
        } catch {
            if error.isNotFound { return .directoryMissing }
            guard error.alreadyExists else { throw error }
        }
        guard try FileSystem.status(path)?.kind == .directory else { return .conditionFailed }
        // A directory is no object. One that is empty is left over from a deletion and in nobody's way.
        guard try FileSystem.removeEmptyDirectory(path) else {
            throw FileError(operation: "link", path: path, errno: EISDIR)
        }
        return .directoryMissing
    }

    private func replace(_ temporary: String, _ path: String, _ location: ObjectLocation) throws(FileError) -> Naming {
        do throws(FileError) {
            try FileSystem.rename(temporary, to: path)
            return .done
        } catch {
            if error.isNotFound { return .directoryMissing }
            guard error.isDirectory, try FileSystem.removeEmptyDirectory(path) else { throw error }
            return .directoryMissing
        }
    }

    /// Makes the names in `directory` durable, and once per process those of the directories it lies in: another process
    /// may have made them and died before syncing.
    private func syncNames(_ directory: String, bucket: String) throws(FileError) {
        try FileSystem.syncDirectory(directory)
        var path = directory
        while path.utf8.count >= bucket.utf8.count {
            let isKnown = durableDirectories.withLock { $0.contains(path) }
            if isKnown { return }
            let above = FileSystem.parent(of: path)
            try FileSystem.syncDirectory(above)
            durableDirectories.withLock { known in
                if known.count >= 10_000 { known.removeAll() }
                known.insert(path)
            }
            path = above
        }
    }

    /// What a file system cannot do that an object store can, said in terms of keys.
    private func refusal(_ error: FileError, _ location: ObjectLocation, _ what: String) -> ObjectStoreError {
        if error.isDirectory {
            return ObjectStoreError(
                .failed,
                "cannot \(what): objects below \"\(location.key)/\" exist, and on a local disk a name is either an object or a directory"
            )
        }
        if error.isNotDirectory {
            return ObjectStoreError(
                .failed,
                "cannot \(what): a leading part of the key is an object itself, and on a local disk a name is either an object or a directory"
            )
        }
        if error.errno == ENAMETOOLONG {
            return ObjectStoreError(
                .invalidName, "cannot \(what): on a local disk a segment of a key has at most 255 bytes")
        }
        return Self.translate(error, what, .none)
    }
}

extension FileHandle {
    fileprivate borrowing func setModified(nanoseconds: Int64) throws(FileError) {
        let time = timespec(
            tv_sec: time_t(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        let result = withDescriptor { futimens($0, [time, time]) }
        guard result == 0 else { throw FileError(operation: "futimens", path: path, errno: errno) }
    }
}
