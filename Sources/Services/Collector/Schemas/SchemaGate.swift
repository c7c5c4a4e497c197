import Clocks
import Events
import Schemas
import Synchronization

/// Judges events by the schemas of their types. Types that are not registered pass, at the cost of one look-up.
package final class SchemaGate: Sendable {
    private final class Types: Sendable {
        let index: NameIndex
        let gates: [TypeGate]

        init(_ gates: [TypeGate]) {
            self.gates = gates
            index = NameIndex(gates.map(\.type))
        }
    }

    private let evolves: Bool
    private let clock: any MonotonicClock
    private let types = Mutex(Types([]))

    init(evolves: Bool, clock: any MonotonicClock = SystemClock()) {
        self.evolves = evolves
        self.clock = clock
    }

    var gates: [TypeGate] { types.withLock { $0 }.gates }

    /// The batch without the events that do not fit. Never waits.
    ///
    /// - Parameter isDryRun: events change no schema, and are judged as if they could.
    func judge(_ batch: EventBatch, isDryRun: Bool = false) -> EventBatch {
        let types = types.withLock { $0 }
        guard !types.index.isEmpty, !batch.accepted.isEmpty else { return batch }
        var validator = SchemaValidator(steps: SchemaLimits.requestStepsMax)
        return batch.refusing { event, raw in
            guard let place = types.index.place(of: UnsafeRawBufferPointer(rebasing: raw[event.type])) else {
                return nil
            }
            return types.gates[place].judge(event, raw, &validator, isDryRun: isDryRun)
        }
    }

    /// Judges by these schemas from now on.
    ///
    /// - Returns: what could not be used, and why.
    func install(_ schemas: [RegisteredSchema]) -> [(type: String, error: SchemaError)] {
        let known = Dictionary(uniqueKeysWithValues: gates.map { ($0.type, $0) })
        var next: [String: TypeGate] = [:]
        var problems: [(type: String, error: SchemaError)] = []
        for registered in schemas {
            let type = registered.schema.type
            do throws(SchemaError) {
                if let gate = known[type] {
                    next[type] = gate
                    try gate.update(registered)
                } else {
                    next[type] = try TypeGate(registered, evolves: evolves, clock: clock)
                }
            } catch {
                problems.append((type, error))
            }
        }
        let all = next.values.sorted { $0.type < $1.type }
        types.withLock { $0 = Types(all) }
        return problems
    }
}
