extension AvroDecoder {
    /// Reads one value that the resolution's writer wrote as one of its reader's schema, in one pass.
    public mutating func read(_ resolution: AvroResolution) throws(AvroError) -> AvroValue {
        try read(resolution.step)
    }

    private mutating func read(_ step: AvroResolution.Step) throws(AvroError) -> AvroValue {
        switch step {
        case .read(let schema): return try readSimple(schema)
        case .promote(let from, let to): return try promote(from, to)
        case .enumeration(let symbols):
            let index = try readUnionIndex(of: symbols.count)
            guard let symbol = symbols[index] else {
                throw corrupt("symbol \(index) of the writer's enum is none of the reader's, which has no default")
            }
            return .enumeration(symbol)
        case .array(let step, let item):
            var values: [AvroValue] = []
            while true {
                let count = try readItemCount(of: item)
                if count == 0 { return .array(values) }
                for _ in 0..<count { values.append(try read(step)) }
            }
        case .map(let step, let value):
            var entries: [AvroMapEntry] = []
            while true {
                let count = try readItemCount(of: value, isMap: true)
                if count == 0 { return .map(entries) }
                for _ in 0..<count {
                    let key = try readString()
                    entries.append(AvroMapEntry(key, try read(step)))
                }
            }
        case .record(var values, let fields):
            if fields.isEmpty { try countEmptyValue() }
            for field in fields {
                switch field {
                case .read(let step, let index): values[index] = try read(step)
                case .skip(let schema): try skip(schema)
                }
            }
            return .record(values)
        case .union(let branches):
            let branch = branches[try readUnionIndex(of: branches.count)]
            if case .read(.null) = branch { return .null }
            return try read(branch)
        case .refuse(let message): throw corrupt(message)
        }
    }

    private mutating func readSimple(_ schema: AvroSchema) throws(AvroError) -> AvroValue {
        switch schema {
        case .null:
            try countEmptyValue()
            return .null
        case .boolean: return .boolean(try readBoolean())
        case .int: return .int(try readInt())
        case .long: return .long(try readLong())
        case .float: return .float(try readFloat())
        case .double: return .double(try readDouble())
        case .bytes: return .bytes(Array(try readBytes()))
        case .string: return .string(try readString())
        case .fixed(_, let size, _):
            if size == 0 { try countEmptyValue() }
            return .fixed(Array(try readFixed(size)))
        case .enumeration, .array, .map, .record, .union: throw corrupt("\(schema.kind) is not resolved")
        }
    }

    private mutating func promote(_ from: AvroSchema, _ to: AvroSchema) throws(AvroError) -> AvroValue {
        switch (from, to) {
        case (.int, .long): return .long(Int64(try readInt()))
        case (.int, .float): return .float(Float(try readInt()))
        case (.int, .double): return .double(Double(try readInt()))
        case (.long, .float): return .float(Float(try readLong()))
        case (.long, .double): return .double(Double(try readLong()))
        case (.float, .double): return .double(Double(try readFloat()))
        case (.string, .bytes): return .bytes(Array(try readBytes()))
        case (.bytes, .string): return .string(try readString())
        default: throw corrupt("\(from.kind) cannot be read as \(to.kind)")
        }
    }
}

extension AvroFileReader {
    /// All objects of the file, as values of `reader`; of the writer's own schema when it is nil.
    ///
    /// - Throws: `.invalidSchema` when the file's objects cannot be of that schema.
    public mutating func readAll(as reader: AvroSchema? = nil) throws(AvroError) -> [AvroValue] {
        let resolution = try AvroResolution(writer: schema, reader: reader ?? schema)
        var values: [AvroValue] = []
        while var block = try nextBlock() {
            for _ in 0..<block.count { values.append(try block.decoder.read(resolution)) }
            try block.finish()
        }
        return values
    }
}
