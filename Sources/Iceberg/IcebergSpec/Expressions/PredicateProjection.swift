extension BoundPredicate {
    /// A filter over partition values that lets every partition pass that may hold a row passing this one
    /// (specification: "Scan Planning", inclusive projection).
    ///
    /// Tests in the result name partition fields by their ids.
    public func projected(onto spec: PartitionSpec) -> BoundPredicate {
        switch self {
        case .alwaysTrue, .alwaysFalse: self
        case .and(let terms): .all(of: terms.map { $0.projected(onto: spec) })
        case .or(let terms): .any(of: terms.map { $0.projected(onto: spec) })
        case .test(let test):
            .all(of: spec.fields.filter { $0.sourceIDs == [test.fieldID] }.map { test.projected(onto: $0) })
        }
    }

    /// A filter over partition values that lets only partitions pass of which every row passes this one
    /// (specification: "Scan Planning", strict projection).
    public func strictlyProjected(onto spec: PartitionSpec) -> BoundPredicate {
        switch self {
        case .alwaysTrue, .alwaysFalse: self
        case .and(let terms): .all(of: terms.map { $0.strictlyProjected(onto: spec) })
        case .or(let terms): .any(of: terms.map { $0.strictlyProjected(onto: spec) })
        case .test(let test):
            .any(of: spec.fields.filter { $0.sourceIDs == [test.fieldID] }.map { test.strictlyProjected(onto: $0) })
        }
    }
}

extension BoundTest {
    func projected(onto field: PartitionField) -> BoundPredicate {
        let projected = projectedPlainly(onto: field)
        guard let (above, last) = wrappedBeforePromotion(field) else { return projected }
        return .any(of: [
            projected, .all(of: [on(field, .compare(.greater, above)), on(field, .compare(.lessOrEqual, last))]),
        ])
    }

    func strictlyProjected(onto field: PartitionField) -> BoundPredicate {
        let projected = strictlyProjectedPlainly(onto: field)
        guard let (above, last) = wrappedBeforePromotion(field) else { return projected }
        return .all(of: [
            projected, .any(of: [on(field, .compare(.lessOrEqual, above)), on(field, .compare(.greater, last))]),
        ])
    }

    /// The partitions, above the first value up to the second, in which files from before a promotion from int to long may
    /// have the smallest integers: of them nothing is known.
    private func wrappedBeforePromotion(_ field: PartitionField) -> (above: Datum, last: Datum)? {
        guard case .truncate(let width) = field.transform, sourceType == .long else { return nil }
        switch operation {
        case .isNull, .notNull: return nil
        default: return (.long(Int64(Int32.max) - Int64(width)), .long(Int64(Int32.max)))
        }
    }

    private func projectedPlainly(onto field: PartitionField) -> BoundPredicate {
        func test(_ operation: Operation) -> BoundPredicate { on(field, operation) }
        let exact =
            transform == .identity ? field.transform.project(self) : transform == field.transform ? operation : nil
        guard let exact, let operation = field.transform.allowingOldTimes(exact) else { return .alwaysTrue }
        // Truncating the smallest integers wraps around: their partitions lie at the upper end.
        guard transform == .identity, let end = field.transform.wrappedEnd(of: sourceType),
            case .compare(let comparison, _) = operation,
            comparison == .less || comparison == .lessOrEqual
        else { return test(operation) }
        return .any(of: [test(operation), test(.compare(.greater, end))])
    }

    private func strictlyProjectedPlainly(onto field: PartitionField) -> BoundPredicate {
        func test(_ operation: Operation) -> BoundPredicate { on(field, operation) }
        let exact =
            transform == .identity
            ? field.transform.projectStrictly(self) : transform == field.transform ? operation : nil
        guard let exact, let operation = field.transform.excludingOldTimes(exact) else { return .alwaysFalse }
        guard transform == .identity, let end = field.transform.wrappedEnd(of: sourceType),
            case .compare(let comparison, _) = operation,
            comparison == .greater || comparison == .greaterOrEqual
        else { return test(operation) }
        return .all(of: [test(operation), test(.compare(.lessOrEqual, end))])
    }

    private func on(_ field: PartitionField, _ operation: Operation) -> BoundPredicate {
        .test(
            BoundTest(
                fieldID: field.fieldID, type: field.transform.resultType(of: sourceType), operation: operation))
    }
}

extension Transform {
    /// What a test of a column says about this transform's value; nil when nothing.
    func project(_ test: BoundTest) -> BoundTest.Operation? {
        switch self {
        case .void, .unknown: return nil
        case .identity: return test.operation
        case .bucket, .truncate, .year, .month, .day, .hour: break
        }
        switch test.operation {
        case .isNull, .notNull: return test.operation
        case .isNaN, .notNaN, .notIn: return nil
        case .isIn(let literals): return project(in: literals)
        case .startsWith(let prefix): return project(prefix: prefix, starts: true)
        case .notStartsWith(let prefix): return project(prefix: prefix, starts: false)
        case .compare(.equal, let literal): return project(in: [literal])
        case .compare(.notEqual, _): return nil
        case .compare(let comparison, let literal): return project(comparison, literal)
        }
    }

    func project(in literals: [Datum]) -> BoundTest.Operation? {
        var values: Set<Datum> = []
        for literal in literals {
            guard let value = apply(literal) else { return nil }
            values.insert(value)
        }
        let sorted = values.sorted { $0.order(to: $1) == .less }
        return sorted.count == 1 ? .compare(.equal, sorted[0]) : .isIn(sorted)
    }

    private func project(_ comparison: Comparison, _ literal: Datum) -> BoundTest.Operation? {
        guard preservesOrder else { return nil }
        switch comparison {
        case .less, .lessOrEqual:
            let edge = comparison == .less ? literal.stepped(by: -1) ?? literal : literal
            return apply(edge).map { .compare(.lessOrEqual, $0) }
        case .greater, .greaterOrEqual:
            let edge = comparison == .greater ? literal.stepped(by: 1) ?? literal : literal
            return applyInOrder(edge).map { .compare(.greaterOrEqual, $0) }
        case .equal, .notEqual: return nil
        }
    }

    private func project(prefix: String, starts: Bool) -> BoundTest.Operation? {
        guard case .truncate(let width) = self else { return nil }
        let length = prefix.unicodeScalars.count
        if length < width { return starts ? .startsWith(prefix) : .notStartsWith(prefix) }
        if !starts { return length == width ? .compare(.notEqual, .string(prefix)) : nil }
        return apply(.string(prefix)).map { .compare(.equal, $0) }
    }

    /// The result, or nil where truncating one of the smallest integers wraps around.
    func applyInOrder(_ value: Datum) -> Datum? {
        guard let result = apply(value) else { return nil }
        if case .truncate = self, let from = value.integer, let to = result.integer, to > from { return nil }
        return result
    }

    /// Values above this one may come from the smallest integers, from which truncating wraps around.
    fileprivate func wrappedEnd(of type: IcebergType) -> Datum? {
        guard case .truncate(let width) = self else { return nil }
        switch type {
        case .int: return .int(Int32.max &- Int32(clamping: width))
        case .long: return .long(Int64.max - Int64(width))
        default: return nil
        }
    }
}

extension Datum {
    /// The next or previous value of a discrete type; nil at its end and for other types.
    func stepped(by step: Int64) -> Datum? {
        func add(_ value: Int64) -> Int64? {
            let (sum, overflow) = value.addingReportingOverflow(step)
            return overflow ? nil : sum
        }
        switch self {
        case .int(let value): return Int32(exactly: Int64(value) + step).map { .int($0) }
        case .date(let value): return Int32(exactly: Int64(value) + step).map { .date($0) }
        case .long(let value): return add(value).map { .long($0) }
        case .time(let value): return add(value).map { .time($0) }
        case .timestamp(let value): return add(value).map { .timestamp($0) }
        case .timestamptz(let value): return add(value).map { .timestamptz($0) }
        case .timestampNanos(let value): return add(value).map { .timestampNanos($0) }
        case .timestamptzNanos(let value): return add(value).map { .timestamptzNanos($0) }
        case .decimal(let unscaled, let scale):
            let (sum, overflow) = unscaled.addingReportingOverflow(Int128(step))
            return overflow ? nil : .decimal(unscaled: sum, scale: scale)
        default: return nil
        }
    }
}
