/// Writers before 2020 rounded times before 1970 towards 1970: such a row may lie in the unit after its own. A stored
/// unit of 0 or less thus stands for itself or for the one before.
extension Transform {
    private var isTime: Bool { [.year, .month, .day, .hour].contains(self) }

    /// A test of units as it must be made of stored ones, so that no row that passes is lost; nil when nothing can be
    /// told.
    func allowingOldTimes(_ operation: BoundTest.Operation) -> BoundTest.Operation? {
        guard isTime else { return operation }
        switch operation {
        case .compare(.equal, let value): return Self.isIn([value] + Self.raised([value]))
        case .isIn(let values): return Self.isIn(values + Self.raised(values))
        case .compare(.lessOrEqual, let value): return .compare(.lessOrEqual, Self.raised([value]).first ?? value)
        case .compare(.less, let value):
            guard value.integer ?? 1 <= 0 else { return operation }
            return value.stepped(by: 1).map { .compare(.less, $0) }
        case .compare(.notEqual, let value): return value.integer ?? 0 > 0 ? operation : nil
        case .notIn(let values): return values.allSatisfy { $0.integer ?? 0 > 0 } ? operation : nil
        default: return operation
        }
    }

    /// A test of units as it must be made of stored ones, so that every row passes; nil when nothing is enough.
    func excludingOldTimes(_ operation: BoundTest.Operation) -> BoundTest.Operation? {
        guard isTime else { return operation }
        switch operation {
        case .compare(.equal, let value): return value.integer ?? 0 > 0 ? operation : nil
        case .isIn(let values): return values.allSatisfy { $0.integer ?? 0 > 0 } ? operation : nil
        case .compare(.greater, let value): return .compare(.greater, Self.raised([value]).first ?? value)
        case .compare(.greaterOrEqual, let value):
            guard value.integer ?? 1 <= 0 else { return operation }
            return value.stepped(by: 1).map { .compare(.greaterOrEqual, $0) }
        case .compare(.notEqual, let value): return .notIn([value] + Self.raised([value]))
        case .notIn(let values): return .notIn(values + Self.raised(values))
        default: return operation
        }
    }

    /// The units after those before 1970.
    private static func raised(_ values: [Datum]) -> [Datum] {
        values.compactMap { $0.integer ?? 0 < 0 ? $0.stepped(by: 1) : nil }
    }

    private static func isIn(_ values: [Datum]) -> BoundTest.Operation {
        let sorted = Set(values).sorted { $0.order(to: $1) == .less }
        return sorted.count == 1 ? .compare(.equal, sorted[0]) : .isIn(sorted)
    }
}
