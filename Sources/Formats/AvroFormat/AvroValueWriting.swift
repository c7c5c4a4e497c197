extension AvroEncoder {
    /// Writes a value of `schema`: of a union, by the first branch that it fits.
    ///
    /// - Throws: `.invalidSchema` when it is no value of the schema. What was written of it then stays.
    public mutating func write(_ value: AvroValue, as schema: AvroSchema) throws(AvroError) {
        switch (value, schema) {
        case (.null, .null): break
        case (.boolean(let value), .boolean): write(value)
        case (.int(let value), .int): write(value)
        case (.long(let value), .long): write(value)
        case (.float(let value), .float): write(value)
        case (.double(let value), .double): write(value)
        case (.bytes(let value), .bytes): write(value)
        case (.string(let value), .string): write(value)
        case (.fixed(let value), .fixed(_, let size, _)) where value.count == size: write(fixed: value)
        case (.enumeration(let symbol), .enumeration(let enumeration)):
            guard let index = enumeration.symbols.firstIndex(of: symbol) else { throw misfit(value, schema) }
            write(Int64(index))
        case (.array(let values), .array(let array)):
            if !values.isEmpty { write(Int64(values.count)) }
            for value in values { try write(value, as: array.element) }
            write(Int64(0))
        case (.map(let entries), .map(let type, _, _)):
            if !entries.isEmpty { write(Int64(entries.count)) }
            for entry in entries {
                write(entry.key)
                try write(entry.value, as: type)
            }
            write(Int64(0))
        case (.record(let values), .record(let record)) where values.count == record.fields.count:
            for (value, field) in zip(values, record.fields) { try write(value, as: field.type) }
        case (_, .union(let branches)):
            guard let index = branches.firstIndex(where: value.fits) else { throw misfit(value, schema) }
            write(Int64(index))
            try write(value, as: branches[index])
        default: throw misfit(value, schema)
        }
    }

    private func misfit(_ value: AvroValue, _ schema: AvroSchema) -> AvroError {
        AvroError(.invalidSchema, "a value cannot be written as \(schema.kind)")
    }
}

extension AvroValue {
    /// Whether this can be written as `schema`.
    func fits(_ schema: AvroSchema) -> Bool {
        switch (self, schema) {
        case (.null, .null), (.boolean, .boolean), (.int, .int), (.long, .long), (.float, .float): true
        case (.double, .double), (.bytes, .bytes), (.string, .string): true
        case (.fixed(let bytes), .fixed(_, let size, _)): bytes.count == size
        case (.enumeration(let symbol), .enumeration(let enumeration)): enumeration.symbols.contains(symbol)
        case (.array(let values), .array(let array)): values.allSatisfy { $0.fits(array.element) }
        case (.map(let entries), .map(let type, _, _)): entries.allSatisfy { $0.value.fits(type) }
        case (.record(let values), .record(let record)):
            values.count == record.fields.count && zip(values, record.fields).allSatisfy { $0.fits($1.type) }
        case (_, .union(let branches)): branches.contains { fits($0) }
        default: false
        }
    }
}
