import Synchronization

/// What the buffers of all tables take, and may take, together.
///
/// The event table may have what the others leave. The others together have a quarter, so that one whose commits fail
/// cannot stop it; each may always have one record, so that none starves.
final class MemoryBudget: Sendable {
    let bytesMax: Int
    private let events = Atomic(0)
    private let others = Atomic(0)

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    var othersBytesMax: Int { bytesMax / 4 }

    /// What counts against a table besides the `own` bytes it has reported.
    func bytes(besides own: Int, isEvents: Bool) -> Int {
        others.load(ordering: .relaxed) - (isEvents ? 0 : own)
    }

    func add(_ bytes: Int, isEvents: Bool) {
        if isEvents {
            events.add(bytes, ordering: .relaxed)
        } else {
            others.add(bytes, ordering: .relaxed)
        }
    }
}
