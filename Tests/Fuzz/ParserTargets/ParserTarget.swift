/// A parser of bytes that nobody vouches for, in the form that damage tests, the memory test and the fuzzer run.
public struct ParserTarget: Sendable {
    /// As commands name it.
    public let name: String
    /// Small inputs that the parser accepts, made by our own writers.
    public let seeds: @Sendable () throws -> [Seed]
    /// Parses, and gives a digest of what was read (equal for equal values, within one process).
    ///
    /// Throws what the parser throws; `Violation` when what it accepted breaks a promise, such as that what is written
    /// again reads the same.
    public let parse: @Sendable ([UInt8]) throws -> Int

    init(
        _ name: String, seeds: @escaping @Sendable () throws -> [Seed],
        parse: @escaping @Sendable ([UInt8]) throws -> Int
    ) {
        self.name = name
        self.seeds = seeds
        self.parse = parse
    }

    public struct Seed: Sendable {
        public let name: String
        public let bytes: [UInt8]
        /// Whether no flipped bit may give another value: a checksum covers every byte that carries one.
        public let isChecksummed: Bool

        init(_ name: String, _ bytes: [UInt8], isChecksummed: Bool = false) {
            self.name = name
            self.bytes = bytes
            self.isChecksummed = isChecksummed
        }
    }

    /// A promise that a parser broke.
    public struct Violation: Error, CustomStringConvertible {
        public let description: String
    }

    public static let all: [ParserTarget] =
        [bitmap, deletionVector, puffin, compression, json]
        + [parquet, parquetFooter, parquetPages, parquetIndexes]
        + [avro, avroSchema, manifest, manifestList, tableMetadata, viewMetadata, expression]
        + [events, eventRecord]

    public static func named(_ name: String) -> ParserTarget? { all.first { $0.name == name } }
}

func require(_ holds: Bool, _ promise: @autoclosure () -> String) throws {
    guard holds else { throw ParserTarget.Violation(description: promise()) }
}

func digest(_ value: some Hashable) -> Int {
    var hasher = Hasher()
    hasher.combine(value)
    return hasher.finalize()
}

/// SplitMix64: the same seeds on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
