/// Whether, once all purges are through, what is there has its files and what was purged has left none.
struct CatalogPurges {
    let world: CatalogWorld
    let history: CatalogHistory

    func judge() async {
        do {
            var needed: Set<String> = []
            for (chain, states) in history.chains {
                guard let last = states.last, let location = last.location else { continue }
                let files = try await world.journal.files(of: location, isView: last.isView)
                for key in files where try await !world.journal.hasFile(key) {
                    world.findings.add("\(chain) needs \(key), which is gone")
                }
                needed.formUnion(files)
            }
            guard world.plan.purges > 0 else { return }
            for drop in world.journal.drops.values where drop.isPurge && isLast(drop) {
                for key in try await world.journal.files(of: drop.location, isView: false).subtracting(needed)
                where try await world.journal.hasFile(key) {
                    world.findings.add("\(drop.chain) version \(drop.version) was purged, and left \(key)")
                }
            }
        } catch {
            world.findings.add("files cannot be judged: \(error)")
        }
    }

    /// Whether nothing became of the table after that drop.
    private func isLast(_ drop: CatalogJournal.Drop) -> Bool {
        let states = history.chains[drop.chain] ?? []
        guard let end = states.first(where: { $0.version == drop.version }) else { return false }
        return !history.chains.values.joined().contains { $0.uuid == drop.uuid && $0.tick > end.tick }
    }
}
