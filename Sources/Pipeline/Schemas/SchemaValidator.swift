import JSONFormat

/// Runs a `SchemaProgram` over JSON texts. Keeps its memory from text to text: one for each thread of work.
package struct SchemaValidator: ~Copyable {
    package private(set) var tape = JSONTape()
    private var decoded: [UInt8] = []
    /// Steps left for all texts together.
    private var stepsLeft: Int

    /// - Parameter steps: for all texts together, besides those that come with each text and value.
    package init(steps: Int = .max / 2) { stepsLeft = steps }

    /// Whether `text` is JSON that fits; nil when it does. Every occurrence of a member given twice is judged.
    ///
    /// Cost: one pass over the text and one step for each rule a value meets, at most `SchemaLimits.stepsMax` and ten for
    /// each value, and no more than is left for all texts; below a microsecond for an event of ten members.
    package mutating func violation(
        of program: SchemaProgram, in text: UnsafeRawBufferPointer
    ) -> SchemaViolation? {
        guard tape.read(text) else { return SchemaViolation(pointer: "", message: "is not JSON") }
        return violationOfRead(program, in: text)
    }

    /// The same for the text that was read last.
    package mutating func violationOfRead(
        _ program: SchemaProgram, in text: UnsafeRawBufferPointer
    ) -> SchemaViolation? {
        stepsLeft += SchemaLimits.stepsOfEvent
        let allowed = min(SchemaLimits.stepsMax, stepsLeft)
        let (violation, left) = tape.nodes.withUnsafeBufferPointer { nodes in
            var run = ValidationRun(program: program, nodes: nodes, text: text, steps: allowed)
            let violation = run.evaluate(0, 0) && !run.isExhausted ? nil : run.violation()
            return (violation, run.steps)
        }
        stepsLeft -= max(0, allowed - max(0, left))
        return violation
    }

    /// Where and how the text that was read last fails, by the rule at fault.
    struct Failure {
        let kind: SchemaFailure
        /// Of the rule, in the schema.
        let rulePointer: String
        /// Of the value, in the text.
        let value: Range<Int>
        /// The member that is missing or not declared.
        let memberName: String?
    }

    func failureOfRead(_ program: SchemaProgram, in text: UnsafeRawBufferPointer) -> Failure? {
        tape.nodes.withUnsafeBufferPointer { nodes in
            guard !nodes.isEmpty else { return nil }
            var run = ValidationRun(program: program, nodes: nodes, text: text)
            return run.evaluate(0, 0) || run.isExhausted ? nil : run.detail()
        }
    }

    /// The same for bytes.
    package mutating func violation(of program: SchemaProgram, in text: [UInt8]) -> SchemaViolation? {
        text.withUnsafeBytes { raw in violation(of: program, in: raw) }
    }

    /// Calls `body` with each member of the object that was read last: its name, undone of escapes, and its value.
    package mutating func forEachMember(
        _ text: UnsafeRawBufferPointer, _ body: (_ name: [UInt8], _ value: JSONTape.Node) -> Void
    ) {
        guard let root = tape.nodes.first, root.kind == .object else { return }
        var index = 1
        for _ in 0..<root.count {
            decoded.removeAll(keepingCapacity: true)
            JSONText.appendDecoded(tape.nodes[index], text, to: &decoded)
            body(decoded, tape.nodes[index + 1])
            index = Int(tape.nodes[index + 1].next)
        }
    }

    /// Whether the object that was read last has a member that the root of `program` does not declare, and that could
    /// become one: not null, and with no longer name than a column may have.
    package func hasUndeclaredMember(_ program: SchemaProgram, in text: UnsafeRawBufferPointer) -> Bool {
        tape.nodes.withUnsafeBufferPointer { nodes in
            guard nodes[0].kind == .object else { return false }
            let run = ValidationRun(program: program, nodes: nodes, text: text)
            let index = Int(program.rules[0].object)
            return run.hasUndeclaredMember(index < 0 ? SchemaProgram.ObjectRule() : program.objects[index])
        }
    }
}
