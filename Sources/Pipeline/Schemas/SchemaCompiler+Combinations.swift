import JSONFormat

/// What a subschema says by other subschemas.
extension SchemaCompiler {
    mutating func combinationRules(
        _ schema: JSONObject, _ pointer: String
    ) throws(SchemaError) -> Range<Int32> {
        var found: [SchemaProgram.Combination] = []
        if let reference = schema["$ref"] {
            found.append(.all(addBranches([try target(reference, pointer + "/$ref")])))
        }
        if let list = schema["allOf"] { found.append(.all(try addBranches(list, pointer + "/allOf"))) }
        if let list = schema["anyOf"] { found.append(.any(try addBranches(list, pointer + "/anyOf"))) }
        if let list = schema["oneOf"] { found.append(.one(try addBranches(list, pointer + "/oneOf"))) }
        if let inner = schema["not"] { found.append(.not(try add(inner, pointer + "/not"))) }
        let start = Int32(combinations.count)
        combinations += found
        return start..<Int32(combinations.count)
    }

    func target(_ reference: JSONValue, _ pointer: String) throws(SchemaError) -> Int32 {
        if reference == "#" { return 0 }
        guard let text = reference.string, let name = ColumnRules.definitionName(text), let rule = definitions[name]
        else {
            throw malformed(pointer, "a reference is \"#\" or names one of the schema's \"$defs\": \"#/$defs/name\"")
        }
        return rule
    }

    mutating func addBranches(_ list: JSONValue, _ pointer: String) throws(SchemaError) -> Range<Int32> {
        guard let schemas = list.array, (1...SchemaLimits.branchesMax).contains(schemas.count) else {
            throw malformed(pointer, "a list of 1 to \(SchemaLimits.branchesMax) schemas is expected")
        }
        var added: [Int32] = []
        for (index, schema) in schemas.enumerated() { added.append(try add(schema, "\(pointer)/\(index)")) }
        return addBranches(added)
    }

    mutating func addBranches(_ rules: [Int32]) -> Range<Int32> {
        let start = Int32(branches.count)
        branches += rules
        return start..<Int32(branches.count)
    }

    // MARK: - References

    /// Refuses subschemas that lead back to themselves for the same value, which no event could be judged by, and chains of
    /// them that are too long.
    func checkReferences() throws(SchemaError) {
        var depths = [Int](repeating: -1, count: rules.count)
        for start in rules.indices where depths[start] < 0 { try measure(start, &depths) }
    }

    /// How many rules a value meets in turn, by an explicit stack. -1: unknown, -2: being measured.
    func measure(_ start: Int, _ depths: inout [Int]) throws(SchemaError) {
        var stack = [start]
        while let index = stack.last {
            let inner = branchRules(rules[index])
            if depths[index] == -2 || depths[index] >= 0 {
                if depths[index] == -2 { depths[index] = 1 + (inner.map { depths[$0] }.max() ?? 0) }
                stack.removeLast()
                guard depths[index] <= SchemaLimits.depthMax else {
                    throw SchemaError(
                        .limitExceeded, pointers[index],
                        "references and branches are chained at most \(SchemaLimits.depthMax) long")
                }
                continue
            }
            depths[index] = -2
            for next in inner {
                guard depths[next] != -2 else {
                    throw malformed(pointers[index], "the reference leads back to itself")
                }
                if depths[next] < 0 { stack.append(next) }
            }
        }
    }

    func branchRules(_ rule: SchemaProgram.Rule) -> [Int] {
        rule.combinations.flatMap { index -> [Int] in
            switch combinations[Int(index)] {
            case .all(let range), .any(let range), .one(let range): range.map { Int(branches[Int($0)]) }
            case .not(let inner): [Int(inner)]
            }
        }
    }
}
