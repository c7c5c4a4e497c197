/// Makes a page out of keys that come in byte order: the one place where prefix, delimiter, limit and paging meet.
struct ListingFold {
    /// Sorts after every key that continues a common prefix: U+10FFFF in UTF-8.
    static let afterAll: [UInt8] = [0xF4, 0x8F, 0xBF, 0xBF]

    let prefix: [UInt8]
    let delimiter: [UInt8]
    let limit: Int
    /// Only keys above this are wanted.
    private(set) var after: [UInt8]?
    private(set) var isFull = false
    private(set) var objects: [ObjectInfo] = []
    private(set) var commonPrefixes: [String] = []
    /// What to pass as `startAfter` to go on behind the last entry taken.
    private var last: String?

    init(prefix: String, delimiter: String?, startAfter: String?, limit: Int) {
        self.prefix = Array(prefix.utf8)
        self.delimiter = Array((delimiter ?? "").utf8)
        self.limit = min(max(limit, 1), 1000)
        after = startAfter.map { Array($0.utf8) }
    }

    /// Whether a key that begins with `start` could be wanted.
    func mayTakeKeys(beginningWith start: some Collection<UInt8>) -> Bool {
        guard !isFull, start.starts(with: prefix) || prefix.starts(with: start) else { return false }
        guard let after else { return true }
        return !start.lexicographicallyPrecedes(after) || after.starts(with: start)
    }

    /// Offers the next key. `info` is asked for only when the key becomes an entry of its own; nil means that the object
    /// is gone.
    mutating func offer<E: Error>(_ key: ObjectKey, info: () throws(E) -> ObjectInfo?) throws(E) {
        let bytes = Array(key.rawValue.utf8)
        guard bytes.starts(with: prefix) else { return }
        if let after, !after.lexicographicallyPrecedes(bytes) { return }
        guard objects.count + commonPrefixes.count < limit else {
            isFull = true
            return
        }
        if !delimiter.isEmpty, let end = bytes[prefix.count...].firstRange(of: delimiter)?.upperBound {
            let common = String(decoding: bytes[..<end], as: UTF8.self)
            commonPrefixes.append(common)
            after = Array(bytes[..<end]) + Self.afterAll
            last = Self.position(after: common)
            return
        }
        guard let info = try info() else { return }
        objects.append(info)
        after = bytes
        last = key.rawValue
    }

    var page: ObjectPage { ObjectPage(objects: objects, commonPrefixes: commonPrefixes, next: isFull ? last : nil) }

    /// Where a listing goes on behind everything below a common prefix.
    static func position(after commonPrefix: String) -> String {
        commonPrefix + String(decoding: afterAll, as: UTF8.self)
    }
}
