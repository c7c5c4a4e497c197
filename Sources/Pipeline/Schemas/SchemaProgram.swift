import JSONFormat

/// A JSON Schema compiled to flat tables, which `SchemaValidator` runs over a `JSONTape`.
///
/// The useful part of JSON Schema draft 2020-12: see `SchemaCompiler` for the keywords. What is not supported is refused
/// when the schema is compiled, so that no rule is silently ignored.
package final class SchemaProgram: Sendable {
    /// One schema or subschema.
    struct Rule: Sendable {
        var types = Types.all
        /// Indices into the tables; -1 for none.
        var object: Int32 = -1
        var array: Int32 = -1
        var string: Int32 = -1
        var number: Int32 = -1
        var values: Range<Int32> = 0..<0
        var combinations: Range<Int32> = 0..<0
        /// Beyond `types` there is something to check.
        var isPlain = true
    }

    /// JSON types as bits; an integer is a number, but not the other way.
    struct Types: OptionSet, Sendable {
        let rawValue: UInt8

        static let null = Types(rawValue: 1)
        static let boolean = Types(rawValue: 2)
        static let integer = Types(rawValue: 4)
        static let fraction = Types(rawValue: 8)
        static let string = Types(rawValue: 16)
        static let array = Types(rawValue: 32)
        static let object = Types(rawValue: 64)
        static let number: Types = [.integer, .fraction]
        static let all: Types = [.null, .boolean, .number, .string, .array, .object]
    }

    struct ObjectRule: Sendable {
        var properties: Range<Int32> = 0..<0
        /// A power of two of slots, each the index of a property or -1.
        var slots: Range<Int32> = 0..<0
        var required: Int32 = 0
        /// What members that are not in `properties` must fit; -1: anything.
        var additional: Int32 = -1
        var isClosed = false
        var countMin: Int32 = 0
        var countMax = Int32.max
    }

    struct Property: Sendable {
        var key: KeyWords
        /// Of the name's bytes in `bytes`.
        var start: Int32
        var rule: Int32
        /// Its place among the required ones; -1 when it is optional.
        var requiredIndex: Int32
        /// False for a name that is only required.
        var isDeclared: Bool
    }

    struct ArrayRule: Sendable {
        var items: Int32 = -1
        var countMin: Int32 = 0
        var countMax = Int32.max
    }

    struct StringRule: Sendable {
        var lengthMin: Int32 = 0
        var lengthMax = Int32.max
        var format: StringFormat?
        var pattern: Int32 = -1
    }

    struct NumberRule: Sendable {
        var least: JSONNumber?
        var most: JSONNumber?
        var isLeastExcluded = false
        var isMostExcluded = false
        var multipleOf: JSONNumber?
    }

    enum Value: Sendable {
        case null
        case bool(Bool)
        case number(JSONNumber)
        /// Of the text in `bytes`.
        case string(start: Int32, count: Int32)
        /// An array or object in `structures`.
        case structure(Int32)
    }

    enum Combination: Sendable {
        case all(Range<Int32>)
        case any(Range<Int32>)
        case one(Range<Int32>)
        case not(Int32)
    }

    /// The schema it was made of.
    package let schema: JSONValue
    let rules: [Rule]
    let objects: [ObjectRule]
    let properties: [Property]
    let slots: [Int32]
    let arrays: [ArrayRule]
    let strings: [StringRule]
    let numbers: [NumberRule]
    let values: [Value]
    let combinations: [Combination]
    /// Rules that combinations are made of.
    let branches: [Int32]
    let bytes: [UInt8]
    let structures: [JSONValue]
    let patterns: [PatternMatcher]
    /// Pointers into the schema, by rule, for messages.
    let pointers: [String]

    /// - Throws: `.malformed` or `.limitExceeded`, with the place in the schema and what is allowed.
    package convenience init(_ schema: JSONValue) throws(SchemaError) {
        var compiler = SchemaCompiler(schema)
        try compiler.compile()
        self.init(compiler)
    }

    private init(_ compiler: SchemaCompiler) {
        schema = compiler.root
        rules = compiler.rules
        objects = compiler.objects
        properties = compiler.properties
        slots = compiler.slots
        arrays = compiler.arrays
        strings = compiler.strings
        numbers = compiler.numbers
        values = compiler.values
        combinations = compiler.combinations
        branches = compiler.branches
        bytes = compiler.bytes
        structures = compiler.structures
        patterns = compiler.patterns
        pointers = compiler.pointers
    }

    /// Whether `name` is one of the root's `properties`.
    package func declares(_ name: [UInt8]) -> Bool {
        guard rules[0].object >= 0 else { return false }
        return name.withUnsafeBytes { raw in
            let found = property(raw, of: objects[Int(rules[0].object)])
            return found >= 0 && properties[found].isDeclared
        }
    }

    /// The place of a name in `properties`, or -1.
    @inline(__always)
    func property(_ name: UnsafeRawBufferPointer, of object: ObjectRule) -> Int {
        guard !object.slots.isEmpty else { return -1 }
        let key = KeyWords(name)
        let mask = UInt64(object.slots.count - 1)
        var slot = key.hash & mask
        while true {
            let index = Int(slots[Int(object.slots.lowerBound) + Int(truncatingIfNeeded: slot)])
            if index < 0 || isProperty(index, key, name) { return index }
            slot = (slot + 1) & mask
        }
    }

    @inline(__always)
    func isProperty(_ index: Int, _ key: KeyWords, _ name: UnsafeRawBufferPointer) -> Bool {
        let property = properties[index]
        guard property.key == key else { return false }
        guard name.count > 16 else { return true }
        let start = Int(property.start)
        for offset in 8..<name.count - 8 where bytes[start + offset] != name[offset] { return false }
        return true
    }
}

/// What tells most names apart: the first and the last eight bytes, and the length.
struct KeyWords: Hashable, Sendable {
    let first: UInt64
    let last: UInt64
    let count: Int

    @inline(__always)
    init(_ name: UnsafeRawBufferPointer) {
        count = name.count
        if name.count >= 8 {
            first = name.loadUnaligned(as: UInt64.self)
            last = name.loadUnaligned(fromByteOffset: name.count - 8, as: UInt64.self)
        } else {
            var word: UInt64 = 0
            for byte in name { word = word << 8 | UInt64(byte) }
            first = word
            last = 0
        }
    }

    @inline(__always)
    var hash: UInt64 {
        let mixed =
            (first &* 0x9E37_79B9_7F4A_7C15) ^ (last &* 0xC2B2_AE3D_27D4_EB4F) ^ (UInt64(count) &* 0x1656_67B1)
        return mixed ^ (mixed >> 29) ^ (mixed >> 47)
    }
}
