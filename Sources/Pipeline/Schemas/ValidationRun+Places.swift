import JSONFormat

/// Where a value fails, and how it is told.
extension ValidationRun {
    func violation() -> SchemaViolation {
        let (failure, rule, node) = isExhausted ? (.tooMuch, 0, 0) : self.failure
        return SchemaViolation(
            pointer: pointer(to: node), message: program.message(failure, rule: rule), isTooCostly: isExhausted)
    }

    func detail() -> SchemaValidator.Failure {
        let node = nodes[failure.node]
        // A member's value follows its key; what else is in front of a value ends before it.
        var name: String?
        if case .missing(let property) = failure.failure {
            name = program.name(of: property)
        } else if failure.node > 0, nodes[failure.node - 1].kind == .string, case .notDeclared = failure.failure {
            var bytes: [UInt8] = []
            JSONText.appendDecoded(nodes[failure.node - 1], text, to: &bytes)
            name = String(decoding: bytes, as: UTF8.self)
        }
        return SchemaValidator.Failure(
            kind: failure.failure, rulePointer: program.pointers[failure.rule], value: Int(node.start)..<Int(node.end),
            memberName: name)
    }

    /// The JSON pointer to a node: walks down to it.
    func pointer(to target: Int) -> String {
        var pointer = ""
        var at = 0
        while at != target {
            var child = at + 1
            guard nodes[at].kind == .object || nodes[at].kind == .array else { return pointer }
            for position in 0..<nodes[at].count {
                let isMember = nodes[at].kind == .object
                let value = isMember ? child + 1 : child
                if target < Int(nodes[value].next) {
                    pointer += isMember ? step(nodes[child]) : "/\(position)"
                    at = value
                    break
                }
                child = Int(nodes[value].next)
            }
        }
        return pointer
    }

    func step(_ key: JSONTape.Node) -> String {
        var name: [UInt8] = []
        JSONText.appendDecoded(key, text, to: &name)
        return JSONPointer.step(String(decoding: name, as: UTF8.self).prefix(200))
    }
}
