/// How a partition value is made from a column (specification: "Partition Transforms").
public enum Transform: Hashable, Sendable, CustomStringConvertible {
    case identity
    case void
    case year
    case month
    case day
    case hour
    case bucket(Int)
    case truncate(Int)
    /// One this library does not know: it can be carried, not computed.
    case unknown(String)

    /// Parses `identity`, `bucket[16]`, …; anything not known becomes `.unknown`.
    ///
    /// - Throws: `.malformed` for a bucket count or width that is no positive 32-bit number.
    public init(_ text: String) throws(IcebergError) {
        switch text.lowercased() {
        case "identity": self = .identity
        case "void": self = .void
        case "year", "years": self = .year
        case "month", "months": self = .month
        case "day", "days": self = .day
        case "hour", "hours": self = .hour
        default: self = try Self.parameterized(text)
        }
    }

    private static func parameterized(_ text: String) throws(IcebergError) -> Transform {
        for (name, make) in [("bucket[", Transform.bucket), ("truncate[", Transform.truncate)]
        where text.lowercased().hasPrefix(name) && text.hasSuffix("]") {
            let digits = text.dropFirst(name.count).dropLast()
            guard let number = Int32(digits), number > 0 else {
                throw IcebergError(.malformed, "\"\(text)\" needs a positive 32-bit number in brackets")
            }
            return make(Int(number))
        }
        return .unknown(text)
    }

    public var description: String {
        switch self {
        case .identity: "identity"
        case .void: "void"
        case .year: "year"
        case .month: "month"
        case .day: "day"
        case .hour: "hour"
        case .bucket(let count): "bucket[\(count)]"
        case .truncate(let width): "truncate[\(width)]"
        case .unknown(let text): text
        }
    }

    /// Whether the order of results follows the order of inputs.
    public var preservesOrder: Bool {
        switch self {
        case .identity, .year, .month, .day, .hour, .truncate: true
        case .void, .bucket, .unknown: false
        }
    }

    /// Whether rows in the order of this transform's results are also in the order of the other's: by hour is by day,
    /// by the first ten letters is by the first five.
    ///
    /// - Parameter type: of the column that both transform.
    public func satisfiesOrder(of other: Transform, on type: IcebergType) -> Bool {
        if self == other { return true }
        switch (self, other) {
        case (.identity, _): return other.preservesOrder
        case (.hour, .day), (.hour, .month), (.hour, .year), (.day, .month), (.day, .year), (.month, .year):
            return true
        case (.truncate(let width), .truncate(let wanted)):
            return type == .string || type == .binary ? width >= wanted : wanted % width == 0
        default: return false
        }
    }
}
