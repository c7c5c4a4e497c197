import Clocks
import Events
import Schemas
import Synchronization

/// Judges the events of one registered type, and gathers what they would change in its schema.
///
/// Without a look at the network: what events of a type that is not strict bring along widens the schema here at once, and
/// is brought to the registry later.
final class TypeGate: Sendable {
    private struct State {
        var registered: RegisteredSchema
        /// What events are judged by: the registered schema, or a wider one that is still to be registered.
        var effective: CompiledEventSchema
        var isPending = false
        /// Data of the events that widened it, to find the same changes on top of a newer version.
        var samples: [[UInt8]] = []
        /// Nothing more is changed before the registry has another revision: it refused the last change.
        var isFrozen = false
        var lookedAt: Int64 = 0
        var looks = 0
        var lastPush: Int64 = .min / 2
    }

    let type: String
    private let evolves: Bool
    private let clock: any MonotonicClock
    private let state: Mutex<State>

    /// Events looked at closely in a second: that costs a compilation or more, and senders choose their events.
    private static let looksMax = 50
    private static let sampleBytesMax = 64 << 10
    private static let samplesMax = 64
    private static let empty = Array("{}".utf8)

    /// - Parameter evolves: whether events may change the schema of a type that is not strict.
    /// - Throws: for a schema that this version cannot use.
    init(_ registered: RegisteredSchema, evolves: Bool, clock: any MonotonicClock) throws(SchemaError) {
        type = registered.schema.type
        self.evolves = evolves
        self.clock = clock
        state = Mutex(State(registered: registered, effective: try CompiledEventSchema(registered.schema)))
    }

    private var milliseconds: Int64 { Int64(clock.nanoseconds() / 1_000_000) }

    var registered: RegisteredSchema { state.withLock { $0.registered } }

    // MARK: - Judging

    /// What is wrong with an event of the type; nil when it may pass.
    func judge(
        _ event: EncodedEvent, _ raw: UnsafeRawBufferPointer, _ validator: inout SchemaValidator,
        isDryRun: Bool = false
    ) -> EventObjection? {
        let compiled = state.withLock { $0.effective }
        let isStrict = compiled.schema.isStrict
        guard isStrict || evolves else { return nil }
        let hasSubject = !event.subject.isEmpty
        guard event.hasData else {
            return Self.empty.withUnsafeBytes { judge(compiled, $0, hasSubject, isDryRun, &validator) }
        }
        guard !event.isBase64 else {
            let detail = "data is base64, and its schema describes JSON"
            return EventObjection(isStrict ? .schemaViolation : .schemaIncompatible, attribute: "data", detail: detail)
        }
        let data = UnsafeRawBufferPointer(rebasing: raw[event.data])
        return judge(compiled, data, hasSubject, isDryRun, &validator)
    }

    private func judge(
        _ compiled: CompiledEventSchema, _ data: UnsafeRawBufferPointer, _ hasSubject: Bool, _ isDryRun: Bool,
        _ validator: inout SchemaValidator
    ) -> EventObjection? {
        let violation = compiled.violation(&validator, data: data, hasSubject: hasSubject)
        if let violation, violation.isTooCostly { return EventObjection(.validationTooCostly, attribute: "data") }
        if compiled.schema.isStrict {
            return violation.map { EventObjection(.schemaViolation, attribute: "data", detail: $0.description) }
        }
        if violation == nil, !validator.hasUndeclaredMember(compiled.program, in: data) { return nil }
        let breaking = evolve(Array(data), from: compiled, violation, isDryRun: isDryRun)
        return breaking.map { EventObjection(.schemaIncompatible, attribute: "data", detail: $0) }
    }

    /// Widens the schema by what an event brings along; what is wrong with the event when that cannot be.
    ///
    /// - Parameter violation: of `judged`, by which the event was judged.
    private func evolve(
        _ data: [UInt8], from judged: CompiledEventSchema, _ violation: SchemaViolation?, isDryRun: Bool
    ) -> String? {
        let isFitting = violation == nil
        let now = milliseconds
        let started = state.withLock { state -> (CompiledEventSchema, isAllowed: Bool) in
            if now - state.lookedAt >= 1000 {
                state.lookedAt = now
                state.looks = 0
            }
            state.looks += 1
            return (state.effective, state.looks <= Self.looksMax && !state.isFrozen)
        }
        guard started.isAllowed || !isFitting else { return nil }
        guard started.isAllowed else {
            // No second judgement, unless the schema is another by now: senders choose how many events do not fit.
            return started.0 === judged ? violation?.description : Self.present(started.0, data)
        }
        switch Self.change(started.0, by: data) {
        case .none: return nil
        case .refused(let why): return isFitting ? nil : why
        case .changed where isDryRun: return nil
        case .changed(let next):
            return state.withLock { state in
                // Another event was first: its change may be the same, or the next event brings this one again.
                guard state.effective === started.0 else { return nil }
                state.effective = next
                state.isPending = true
                if data.count <= Self.sampleBytesMax, state.samples.count < Self.samplesMax {
                    state.samples.append(data)
                }
                return nil
            }
        }
    }

    private enum Outcome {
        case none
        case changed(CompiledEventSchema)
        case refused(String)
    }

    /// The judgement without any change.
    private static func present(_ compiled: CompiledEventSchema, _ data: [UInt8]) -> String? {
        var validator = SchemaValidator()
        return validator.violation(of: compiled.program, in: data)?.description
    }

    private static func change(_ compiled: CompiledEventSchema, by data: [UInt8]) -> Outcome {
        switch SchemaEvolution.of(data, compiled.program) {
        case .conforms: return .none
        case .breaking(let violation): return .refused(violation.description)
        case .evolved(let evolved, _):
            let schema = compiled.schema
            let next = compiled.registered(evolved)
            // The rule is looked after here too, so that an event is refused while its sender waits.
            let rule = schema.compatibility
            if let problem = rule.problems(of: next, after: [(schema.version, schema.schema)]).first {
                return .refused("the schema of the type may not change so (\(rule.rawValue)): \(problem.problem)")
            }
            do throws(SchemaError) {
                return .changed(try CompiledEventSchema(schema.next(next)))
            } catch {
                return .refused(error.message)
            }
        }
    }

    // MARK: - The registry

    /// A schema to be registered, and on top of what; nil when there is none, or it is too early.
    func proposal(everyMilliseconds interval: Int64) -> (schema: EventSchema, revision: Int64)? {
        let now = milliseconds
        return state.withLock { state in
            guard state.isPending, now - state.lastPush >= interval else { return nil }
            state.lastPush = now
            return (state.effective.schema, state.registered.revision)
        }
    }

    /// Takes what the registry has now. What is pending is found again on top of it.
    ///
    /// - Returns: whether anything changed.
    @discardableResult
    func update(_ registered: RegisteredSchema) throws(SchemaError) -> Bool {
        let samples: [[UInt8]]? = state.withLock { state in
            state.registered == registered ? nil : state.samples
        }
        guard let samples else { return false }
        var effective = try CompiledEventSchema(registered.schema)
        var left: [[UInt8]] = []
        if evolves, !registered.schema.isStrict {
            for sample in samples {
                guard case .changed(let next) = Self.change(effective, by: sample) else { continue }
                effective = next
                left.append(sample)
            }
        }
        let (next, kept) = (effective, left)
        state.withLock { state in
            state.registered = registered
            state.effective = next
            state.samples = kept
            state.isPending = !kept.isEmpty
            state.isFrozen = false
        }
        return true
    }

    /// The registry does not take the change: back to what is registered.
    func refuse() throws(SchemaError) {
        let registered = registered
        let effective = try CompiledEventSchema(registered.schema)
        state.withLock { state in
            guard state.registered == registered else { return }
            state.effective = effective
            state.samples = []
            state.isPending = false
            state.isFrozen = true
        }
    }
}
