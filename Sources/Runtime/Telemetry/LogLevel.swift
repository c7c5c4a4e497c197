/// How much a log record matters (`LOG_LEVEL`).
public enum LogLevel: String, CaseIterable, Comparable, Sendable {
    case trace, debug, info, warn, error

    var rank: Int {
        switch self {
        case .trace: 0
        case .debug: 1
        case .info: 2
        case .warn: 3
        case .error: 4
        }
    }

    public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rank < right.rank }
}
