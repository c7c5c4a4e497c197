import ParserTargets
import Testing

/// Whatever happens to a file of any kind, parsing it gives values or an error of its module: never a trap, never a
/// broken promise. Where checksums cover the values, they are the same values.
@Suite struct DamageTests {
    /// Larger seeds, and of many those between, are left to the fuzzer, so that this stays fast.
    private static let bytesMax = 8192

    private static func seeds(_ name: String) throws -> (target: ParserTarget, seeds: [ParserTarget.Seed]) {
        let target = try #require(ParserTarget.named(name))
        let small = try target.seeds().filter { $0.bytes.count <= bytesMax }
        // Steps that go through all codecs and profiles of Parquet, which come in threes.
        let step = small.count > 50 ? 17 : small.count > 8 ? 5 : 1
        let seeds = stride(from: 0, to: small.count, by: step).map { small[$0] }
        try #require(!seeds.isEmpty)
        return (target, seeds)
    }

    private enum Outcome { case refused, same, other }

    private static func outcome(
        _ target: ParserTarget, _ bytes: [UInt8], whole: Int
    ) throws(ParserTarget.Violation) -> Outcome {
        do {
            return try target.parse(bytes) == whole ? .same : .other
        } catch let violation as ParserTarget.Violation {
            throw violation
        } catch {
            return .refused
        }
    }

    /// Formats that end where they say: nothing shorter is whole. Avro files end after any block, and text that is cut
    /// within white space at its end is the same text.
    private static let selfEnding: Set<String> = [
        "bitmap", "deletion-vector", "puffin", "parquet", "json", "avro-schema", "table-metadata", "view-metadata",
        "expression",
    ]

    @Test(arguments: ParserTarget.all.map(\.name))
    func `every truncation gives an error or values`(name: String) throws {
        let (target, seeds) = try Self.seeds(name)
        for seed in seeds {
            let whole = try target.parse(seed.bytes)
            for length in seed.bytes.indices {
                let outcome = try Self.outcome(target, Array(seed.bytes[..<length]), whole: whole)
                guard Self.selfEnding.contains(name) else { continue }
                #expect(outcome == .refused, "\(seed.name), cut to \(length) of \(seed.bytes.count) bytes")
            }
        }
    }

    @Test(arguments: ParserTarget.all.map(\.name))
    func `every flipped bit gives an error or values`(name: String) throws {
        let (target, seeds) = try Self.seeds(name)
        for seed in seeds {
            let whole = try target.parse(seed.bytes)
            var damaged = seed.bytes
            // Of a larger seed some bits, no two of one byte.
            let step = seed.bytes.count > 512 && !seed.isChecksummed ? 31 : 1
            for bit in stride(from: 0, to: damaged.count * 8, by: step) {
                damaged[bit / 8] ^= 1 << UInt8(bit % 8)
                let outcome = try Self.outcome(target, damaged, whole: whole)
                if seed.isChecksummed {
                    #expect(outcome != .other, "\(seed.name), bit \(bit % 8) of byte \(bit / 8)")
                }
                damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            }
            #expect(try target.parse(damaged) == whole)
        }
    }

    @Test(arguments: ParserTarget.all.map(\.name))
    func `bytes of another format are refused`(name: String) throws {
        let (target, _) = try Self.seeds(name)
        var inputs: [[UInt8]] = [[], [0], Array("PAR1".utf8), [UInt8](repeating: 0xFF, count: 100)]
        inputs += [[UInt8](repeating: 0, count: 64), Array("[[[[".utf8)]
        for input in inputs where name != "bitmap" || input.count != 64 {
            let outcome = try Self.outcome(target, input, whole: 0)
            // An empty list of pages or an empty structure of Thrift is one of its kind.
            if !name.hasPrefix("parquet-") { #expect(outcome == .refused, "\(input.prefix(4))") }
        }
    }
}
