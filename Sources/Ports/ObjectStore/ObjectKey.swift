/// The name of an object within its bucket: no empty, `.` or `..` segment, no control character, no backslash, at most
/// 1024 bytes of UTF-8. A key that would lead out of a directory or be read differently by two stores cannot be built.
public struct ObjectKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    public static let bytesMax = 1024
    public let rawValue: String

    public init(_ text: String) throws(ObjectStoreError) {
        func refuse(_ why: String) -> ObjectStoreError {
            ObjectStoreError(.invalidName, "the object key \"\(text.prefix(200))\" \(why)")
        }
        guard !text.isEmpty else { throw refuse("is empty") }
        guard text.utf8.count <= Self.bytesMax else { throw refuse("is longer than \(Self.bytesMax) bytes") }
        guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0x5C }) else {
            throw refuse("contains a control character or a backslash")
        }
        for segment in text.split(separator: "/", omittingEmptySubsequences: false) {
            guard !segment.isEmpty, segment != ".", segment != ".." else {
                throw refuse("contains an empty, \".\" or \"..\" segment")
            }
        }
        rawValue = text
    }

    /// By bytes, as every store compares: Swift's own comparison holds texts equal whose Unicode forms differ.
    public static func == (left: ObjectKey, right: ObjectKey) -> Bool {
        left.rawValue.utf8.elementsEqual(right.rawValue.utf8)
    }

    public static func < (left: ObjectKey, right: ObjectKey) -> Bool {
        left.rawValue.utf8.lexicographicallyPrecedes(right.rawValue.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        var text = rawValue
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }

    public var description: String { rawValue }
}

/// A bucket's name: 3 to 63 lowercase letters, digits, hyphens and dots, as S3 and R2 allow.
public struct BucketName: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: String

    public init(_ text: String) throws(ObjectStoreError) {
        let allowed = text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x61...0x7A, 0x2D, 0x2E: true
            default: false
            }
        }
        let isEdgeAlphanumeric = [text.utf8.first, text.utf8.last].allSatisfy { $0 != 0x2D && $0 != 0x2E }
        guard allowed, isEdgeAlphanumeric, (3...63).contains(text.utf8.count), !text.contains("..") else {
            throw ObjectStoreError(
                .invalidName,
                "the bucket name \"\(text.prefix(100))\" is not 3 to 63 lowercase letters, digits, hyphens or dots")
        }
        rawValue = text
    }

    /// For names written in the source that are known to be allowed.
    init(checked text: String) { rawValue = text }

    public var description: String { rawValue }
}

/// An object's place: bucket and key.
public struct ObjectLocation: Hashable, Sendable, CustomStringConvertible {
    public let bucket: BucketName
    public let key: ObjectKey

    public init(bucket: BucketName, key: ObjectKey) {
        self.bucket = bucket
        self.key = key
    }

    public var description: String { "\(bucket)/\(key)" }
}
