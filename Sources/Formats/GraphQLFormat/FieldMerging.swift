/// Field Selection Merging (October 2021 §5.3.2): fields of one response name must be one and the same field.
///
/// Groups all fields of a response name and descends into their joined selections, so that each field is visited once
/// however often fragments repeat it; `fieldsMax` bounds the whole.
extension Validator {
    struct Occurrence {
        let field: FieldNode
        let parent: TypeDefinition
        let definition: FieldDefinition?
    }

    mutating func checkMerging() {
        for operation in document.operations {
            guard let root = schema.rootType(operation.kind).flatMap({ schema.types[$0] }) else { continue }
            merge([(operation.selections, root)])
        }
        for fragment in document.fragments {
            guard let type = schema.types[fragment.typeCondition] else { continue }
            merge([(fragment.selections, type)])
        }
    }

    private mutating func merge(_ sets: [([Selection], TypeDefinition)]) {
        var keys: [String] = []
        var groups: [String: [Occurrence]] = [:]
        var visited: Set<String> = []
        for (selections, type) in sets {
            collect(selections, type, &keys, &groups, &visited)
        }
        for key in keys {
            guard let group = groups[key] else { continue }
            check(group, key)
            let children = group.compactMap { occurrence -> ([Selection], TypeDefinition)? in
                guard let type = occurrence.definition.flatMap({ schema.types[$0.type.name] }),
                    !occurrence.field.selections.isEmpty
                else { return nil }
                return (occurrence.field.selections, type)
            }
            if !children.isEmpty { merge(children) }
        }
    }

    private func collect(
        _ selections: [Selection], _ type: TypeDefinition, _ keys: inout [String],
        _ groups: inout [String: [Occurrence]], _ visited: inout Set<String>
    ) {
        for selection in selections {
            switch selection {
            case .field(let field):
                let key = field.responseKey
                if groups[key] == nil { keys.append(key) }
                groups[key, default: []].append(
                    Occurrence(field: field, parent: type, definition: schema.field(field.name, of: type)))
            case .inline(let inline):
                let target = inline.typeCondition.flatMap { schema.types[$0] } ?? type
                collect(inline.selections, target, &keys, &groups, &visited)
            case .spread(let spread):
                guard visited.insert(spread.name).inserted, let fragment = fragments[spread.name],
                    let target = schema.types[fragment.typeCondition]
                else { continue }
                collect(fragment.selections, target, &keys, &groups, &visited)
            }
        }
    }

    private mutating func check(_ group: [Occurrence], _ key: String) {
        for (index, right) in group.enumerated().dropFirst() {
            // Comparing with the first of each parent type is enough: equality is transitive.
            var compared: Set<String> = []
            for left in group[..<index] where compared.insert(left.parent.name).inserted {
                guard let reason = conflict(left, right) else { continue }
                report(
                    "Fields \"\(key)\" conflict because \(reason). Use different aliases on the fields to fetch both "
                        + "if this was intentional.", left.field.location, right.field.location)
                return
            }
        }
    }

    private func conflict(_ left: Occurrence, _ right: Occurrence) -> String? {
        let areExclusive =
            left.parent.name != right.parent.name && left.parent.kind == .object && right.parent.kind == .object
        if !areExclusive {
            if left.field.name != right.field.name {
                return "\"\(left.field.name)\" and \"\(right.field.name)\" are different fields"
            }
            if Self.signature(left.field) != Self.signature(right.field) { return "they have differing arguments" }
        }
        guard let leftType = left.definition?.type, let rightType = right.definition?.type,
            !haveSameShape(leftType, rightType)
        else { return nil }
        return "they return conflicting types \"\(leftType)\" and \"\(rightType)\""
    }

    private static func signature(_ field: FieldNode) -> [String] {
        field.arguments.map { "\($0.name): \($0.value.text)" }.sorted()
    }

    private func haveSameShape(_ left: TypeReference, _ right: TypeReference) -> Bool {
        switch (left, right) {
        case (.nonNull(let left), .nonNull(let right)), (.list(let left), .list(let right)):
            return haveSameShape(left, right)
        case (.named(let left), .named(let right)):
            let isLeaf = schema.types[left]?.isLeaf == true || schema.types[right]?.isLeaf == true
            return !isLeaf || left == right
        default: return false
        }
    }
}
