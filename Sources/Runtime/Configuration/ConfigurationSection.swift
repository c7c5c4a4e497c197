/// A typed part of a worker's configuration, which reads itself from the environment.
///
///     struct BufferConfiguration: ConfigurationSection {
///         var countMax: Int
///         var timeoutMilliseconds: Int
///
///         init(from reader: inout ConfigurationReader) {
///             countMax = reader.int(
///                 "ICEBERG_BUFFER_SIZE", aliases: ["BUFFER_COUNT_THRESHOLD"], in: 1...1_000_000, default: 2000,
///                 "events that seal a buffer")
///             timeoutMilliseconds = reader.duration(
///                 "ICEBERG_BUFFER_TIMEOUT_MS", aliases: ["BUFFER_TIME_SECONDS"], in: 10...3_600_000, default: 30_000,
///                 "age that seals a buffer")
///         }
///     }
///     let buffers = try BufferConfiguration(environment: .process)
///
/// A read of a value that is not allowed yields the default and is remembered; `finish()` (or `init(environment:)`)
/// then throws all of them at once. So one pass over a section also documents it: `ConfigurationReader.variables`.
public protocol ConfigurationSection {
    init(from reader: inout ConfigurationReader)
}

extension ConfigurationSection {
    public init(environment: Environment) throws(ConfigurationError) {
        var reader = ConfigurationReader(environment)
        self.init(from: &reader)
        try reader.finish()
    }
}

/// A variable as it was declared and read: what `--help` and `--check-config` print.
public struct ConfigurationVariable: Hashable, Sendable {
    public let name: String
    /// Other names, used in this order when those before are unset.
    public let aliases: [String]
    /// As text; nil when there is none.
    public let defaultText: String?
    /// What values are allowed, in words.
    public let allowed: String
    public let documentation: String
    /// The name it was set by, which says the unit of the value; the first when unset.
    public let effectiveName: String
    /// The value in effect, secrets redacted; nil when unset.
    public let effectiveText: String?
    public let isSecret: Bool
}
