import Configuration
import Files
import ObjectStore

/// A file on the local disk or an object of a store, read whole or in parts.
struct InspectedFile: Sendable {
    private enum Place: Sendable {
        case local(path: String)
        case object(any ObjectStore, ObjectLocation)
    }

    /// More than this is not read at once.
    static let bytesMax: Int64 = 4 << 30

    let size: Int64
    private let location: String
    private let place: Place

    /// - Parameter location: a path, `file:///path`, or an object's URI in the store the environment names.
    /// - Throws: `.notFound`, `InspectError` in general, and what the store says.
    init(_ location: String, environment: Environment) async throws {
        self.location = location
        if Self.isRemote(location) {
            let store = try Self.store(environment)
            let object = try store.location(of: location)
            guard let info = try await store.head(object) else {
                throw InspectError(.notFound, at: location, "there is no such object")
            }
            place = .object(store, object)
            size = info.size
        } else {
            let path = Self.path(location)
            place = .local(path: path)
            size = try await BlockingPool.shared.run { () throws(FileError) in
                try FileHandle(path, [.nonBlocking]).status().size
            }
        }
    }

    /// The whole file.
    func bytes() async throws -> [UInt8] { try await bytes(0..<size) }

    /// A part of the file, cut at its end.
    func bytes(_ range: Range<Int64>) async throws -> [UInt8] {
        let range = range.clamped(to: 0..<size)
        guard Int64(range.count) <= Self.bytesMax else {
            throw InspectError(
                .malformed, at: location, "\(range.count) bytes are more than the \(Self.bytesMax) allowed")
        }
        switch place {
        case .object(let store, let object): return try await store.get(object, range: range).bytes
        case .local(let path):
            return try await BlockingPool.shared.run { () throws(FileError) in
                try FileHandle(path, [.nonBlocking]).pread(range.count, at: range.lowerBound)
            }
        }
    }

    // MARK: - Locations

    static func isRemote(_ location: String) -> Bool {
        ["s3://", "s3a://", "s3n://"].contains { location.hasPrefix($0) }
    }

    /// The path of a local location.
    static func path(_ location: String) -> String {
        if location.hasPrefix("file:///") { return String(location.dropFirst("file://".count)) }
        return location.hasPrefix("file:/") ? String(location.dropFirst("file:".count)) : location
    }

    /// The object store that the environment names.
    static func store(_ environment: Environment) throws -> any ObjectStore {
        var reader = ConfigurationReader(environment)
        let configuration = ObjectStoreConfiguration(from: &reader)
        try reader.finish()
        return try configuration.open()
    }
}

extension Invocation {
    /// The file that is inspected.
    func file() async throws -> InspectedFile { try await InspectedFile(operands[0], environment: environment) }
}
