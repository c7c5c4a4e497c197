import CRE2

/// A regular expression of RE2, as JSON Schema's `pattern` means it: found anywhere in a text. Matching is linear in the
/// text, whatever the pattern: mostly one step a byte, at worst one for each instruction and byte.
// Sendable: the pointer never changes, and RE2 lets several threads match with one pattern at a time.
final class PatternMatcher: @unchecked Sendable {
    private let pattern: OpaquePointer
    private let instructions: Int

    struct Failure: Error {
        let message: String
    }

    /// - Throws: why the pattern cannot be used, mostly in RE2's words.
    init(_ pattern: String) throws(Failure) {
        guard pattern.unicodeScalars.count <= SchemaLimits.patternLengthMax else {
            throw Failure(message: "it is longer than \(SchemaLimits.patternLengthMax) characters")
        }
        let (compiled, reason) = Self.compile(Array(pattern.utf8))
        guard let compiled else { throw Failure(message: reason) }
        self.pattern = compiled
        instructions = Int(cre2_instructions(compiled))
    }

    deinit { cre2_free(pattern) }

    private static func compile(_ pattern: [UInt8]) -> (OpaquePointer?, reason: String) {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { reason in
            reason.initialize(repeating: 0)
            let compiled = cre2_compile(
                pattern, pattern.count, SchemaLimits.patternMemoryMax, SchemaLimits.patternInstructionsMax,
                reason.baseAddress, reason.count)
            let message = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            return (compiled, String(decoding: message, as: UTF8.self))
        }
    }

    /// What matching a text counts as, in steps of a validation: next to nothing for any but large patterns and long texts.
    func steps(bytes: Int) -> Int { instructions * bytes / SchemaLimits.patternWorkOfStep }

    /// - Parameter text: UTF-8.
    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        cre2_is_found(pattern, text.baseAddress?.assumingMemoryBound(to: UInt8.self), text.count) != 0
    }
}
