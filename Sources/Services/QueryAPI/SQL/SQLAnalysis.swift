import JSONFormat

/// A table as SQL names it.
struct TableReference: Hashable, Sendable {
    let schema: String?
    let name: String

    var text: String { schema.map { "\($0).\(name)" } ?? name }
}

/// What a caller's SQL was found to be: one SELECT over these tables.
struct SQLAnalysis: Sendable {
    /// In order of appearance, each once.
    let tables: [TableReference]
    /// Conditions that every row of a table must meet to matter, by table: what files can be pruned by.
    let conditions: [TableReference: [ColumnCondition]]

    /// Longest SQL text taken.
    static let bytesMax = 64 << 10
    /// Nesting of the serialised syntax tree: about four levels for each of the SQL's.
    static let depthMax = 400

    /// Checks the syntax tree that `json_serialize_sql` gave.
    ///
    /// - Throws: `.notAllowed` for what the policy does not name, `.badQuery` for what is no SELECT.
    init(serialized text: String, evaluator: ConstantEvaluator) throws(QueryError) {
        let tree: JSONValue
        do throws(JSONError) {
            tree = try JSONValue.parse(text, depthLimit: Self.depthMax)
        } catch {
            throw QueryError(.badQuery, "The query is nested too deeply.")
        }
        if tree["error"]?.bool == true {
            let isOther = tree["error_type"]?.string == "not implemented"
            throw QueryError(
                isOther ? .notAllowed : .badQuery,
                isOther ? "Only a SELECT statement is allowed." : tree["error_message"]?.string ?? "Not valid SQL.")
        }
        guard let statements = tree["statements"]?.array, statements.count == 1, let node = statements[0]["node"] else {
            throw QueryError(.notAllowed, "Exactly one SELECT statement is allowed.")
        }
        var walker = SQLWalker()
        try walker.walk(node, scope: [])
        tables = walker.tables
        var conditions: [TableReference: [ColumnCondition]] = [:]
        // A table read twice is read whole, unless both readings are the same: pruning one must not starve the other.
        for (table, selects) in walker.selects where selects.count == 1 && walker.occurrences[table] == 1 {
            conditions[table] = ColumnCondition.derive(from: selects[0], table: table, evaluator: evaluator)
        }
        self.conditions = conditions
    }
}

/// Walks every part of the tree; what it does not know it refuses.
private struct SQLWalker {
    var tables: [TableReference] = []
    var occurrences: [TableReference: Int] = [:]
    /// SELECT nodes whose FROM is just this table.
    var selects: [TableReference: [JSONValue]] = [:]

    private func refuse(_ message: String) -> QueryError { QueryError(.notAllowed, message) }

    /// - Parameter scope: lower-cased names of the common table expressions in sight.
    mutating func walk(_ value: JSONValue, scope: Set<String>) throws(QueryError) {
        switch value {
        case .array(let elements): for element in elements { try walk(element, scope: scope) }
        case .object(let object): try walk(object, scope: scope)
        default: return
        }
    }

    private mutating func walk(_ object: JSONObject, scope: Set<String>) throws(QueryError) {
        var scope = scope
        if let name = object["class"]?.string {
            guard SQLPolicy.expressionClasses.contains(name) else {
                throw refuse("The query uses an expression that is not allowed: \(name).")
            }
            // The value of a constant is data, not syntax.
            if name == "CONSTANT" { return }
        }
        if let function = object["function_name"]?.string { try check(function: function, object) }
        if let type = object["type"]?.string, object["class"] == nil {
            if type.hasSuffix("_NODE") {
                guard SQLPolicy.queryNodes.contains(type) else {
                    throw refuse("The query contains a \(type), which is not allowed.")
                }
                try walkCommonTables(object, &scope)
                noteSelect(object, scope)
            } else if isTableReference(object, type) {
                try check(tableReference: type, object, scope)
            }
        }
        for member in object.members where member.key != "cte_map" { try walk(member.value, scope: scope) }
    }

    private func isTableReference(_ object: JSONObject, _ type: String) -> Bool {
        SQLPolicy.tableReferences.contains(type) || object["table_name"] != nil || object["query_location"] != nil
    }

    private func check(function name: String, _ object: JSONObject) throws(QueryError) {
        guard SQLPolicy.isAllowed(function: name) else { throw refuse("The function \(name) is not allowed.") }
        for key in ["schema", "catalog"] {
            let place = object[key]?.string ?? ""
            guard ["", "main", "system", "pg_catalog"].contains(place) else {
                throw refuse("The function \(place).\(name) is not allowed.")
            }
        }
    }

    private mutating func check(
        tableReference type: String, _ object: JSONObject, _ scope: Set<String>
    ) throws(QueryError) {
        switch type {
        case "BASE_TABLE":
            if object["at_clause"] != nil {
                throw refuse("AT is not allowed in a query: use the arguments of timeTravel.")
            }
            try note(object, scope)
        case "TABLE_FUNCTION":
            let name = object["function"]?["function_name"]?.string ?? ""
            guard SQLPolicy.tableFunctions.contains(name.lowercased()) else {
                throw refuse("The table function \(name) is not allowed.")
            }
        case "SHOW_REF":
            guard object["query"] != nil else { throw refuse("SHOW is not allowed: ask the catalog of this API.") }
        case _ where SQLPolicy.tableReferences.contains(type): return
        default: throw refuse("The query reads from a \(type), which is not allowed.")
        }
    }

    private mutating func note(_ object: JSONObject, _ scope: Set<String>) throws(QueryError) {
        guard let reference = Self.reference(object) else {
            throw refuse("A table is named as name or namespace.name.")
        }
        if reference.schema == nil && scope.contains(reference.name.lowercased()) { return }
        if occurrences[reference] == nil { tables.append(reference) }
        occurrences[reference, default: 0] += 1
    }

    private static func reference(_ object: JSONObject) -> TableReference? {
        guard let name = object["table_name"]?.string, !name.isEmpty, (object["catalog_name"]?.string ?? "").isEmpty
        else { return nil }
        let schema = object["schema_name"]?.string ?? ""
        return TableReference(schema: schema.isEmpty ? nil : schema, name: name)
    }

    /// Each common table expression sees those before it, and itself when it is recursive.
    private mutating func walkCommonTables(_ node: JSONObject, _ scope: inout Set<String>) throws(QueryError) {
        for entry in node["cte_map"]?["map"]?.array ?? [] {
            guard let name = entry["key"]?.string, let body = entry["value"] else { continue }
            var inner = scope
            if body["query"]?["node"]?["type"]?.string == "RECURSIVE_CTE_NODE" { inner.insert(name.lowercased()) }
            try walk(body, scope: inner)
            scope.insert(name.lowercased())
        }
        if node["type"]?.string == "CTE_NODE" || node["type"]?.string == "RECURSIVE_CTE_NODE",
            let name = node["cte_name"]?.string ?? node["ctename"]?.string
        {
            scope.insert(name.lowercased())
        }
    }

    private mutating func noteSelect(_ node: JSONObject, _ scope: Set<String>) {
        guard let from = node["from_table"]?.object, from["type"]?.string == "BASE_TABLE",
            let table = Self.reference(from), from["column_name_alias"] == nil,
            table.schema != nil || !scope.contains(table.name.lowercased())
        else { return }
        selects[table, default: []].append(.object(node))
    }
}
