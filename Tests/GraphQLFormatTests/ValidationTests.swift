import GraphQLFormat
import Testing

let petSchema = """
    interface Pet { name: String }
    interface Canine { name(surname: Boolean): String }
    enum Command { SIT HEEL }
    type Dog implements Pet & Canine {
      name(surname: Boolean): String
      barkVolume: Int
      knows(command: Command!): Boolean!
      at(x: Int, y: Int! = 1): Boolean
      owner: Human
    }
    type Cat implements Pet { name: String meowVolume: String }
    type Human { name: String! pets: [Pet!]! }
    union CatOrDog = Cat | Dog
    input Point { x: Int! y: Int = 0 label: [String!] }
    type Query {
      dog: Dog
      pet: Pet
      human(id: ID): Human
      catOrDog: CatOrDog
      find(at: Point, ids: [ID!], long: Long): Boolean
      need(a: Int!): Boolean
    }
    scalar Long
    directive @onField on FIELD
    directive @onQuery on QUERY
    """

@Suite struct ValidationTests {
    static let valid = [
        "{ dog { name __typename } }",
        "{ pet { name ... on Dog { barkVolume } ...C } } fragment C on Cat { meowVolume }",
        "query Q($a: Int!) { need(a: $a) }", "query Q($a: Int = 1) { need(a: $a) }",
        "query ($c: Command!) { dog { knows(command: $c) } }", "query ($y: Int) { dog { at(y: $y) } }",
        "{ find(at: {x: 1, label: \"one\"}, ids: [1, \"b\"], long: 9007199254740993) }", "{ find(ids: 7) }",
        "{ catOrDog { __typename ... on Dog { v: barkVolume } ... on Cat { w: meowVolume } } }",
        "{ dog { name name x: name } dog { barkVolume } }",
        "{ __schema { types { name } } __type(name: \"Dog\") { name } }",
        "query @onQuery { dog @onField @skip(if: true) { name } }", "query A { dog { name } } query B { pet { name } }",
        "query ($p: Point) { find(at: $p) }", "query ($x: Int!) { find(at: {x: $x}) }",
        "{ pet { ... on Dog { v: barkVolume } ... on Cat { w: name } } }",
    ]

    @Test(arguments: valid) func `a valid document has no errors`(text: String) throws {
        let errors = try Document(parsing: text).validate(try GraphQLSchema(sdl: petSchema))
        #expect(errors.map(\.message) == [])
    }

    static let invalid: [(String, String)] = [
        ("{ cow }", "Cannot query field \"cow\" on type \"Query\"."),
        ("{ dog { moo } }", "Cannot query field \"moo\" on type \"Dog\"."),
        ("{ pet { barkVolume } }", "Cannot query field \"barkVolume\" on type \"Pet\"."),
        ("{ catOrDog { name } }", "Cannot query field \"name\" on type \"CatOrDog\"."),
        ("{ dog }", "must have a selection of subfields"), ("{ dog { name { x } } }", "has no subfields"),
        ("{ dog { at(z: 1) } }", "Unknown argument \"z\""), ("{ need }", "Argument \"a\" of type \"Int!\" is required"),
        ("{ need(a: 1, a: 2) }", "only one argument named \"a\""), ("{ need(a: \"1\") }", "Int cannot represent"),
        ("{ need(a: 2147483648) }", "Int cannot represent"), ("{ need(a: null) }", "found null"),
        ("{ dog { knows(command: JUMP) } }", "does not exist in \"Command\" enum"),
        ("{ dog { knows(command: \"SIT\") } }", "cannot represent non-enum value"),
        ("{ find(at: {}) }", "\"Point.x\" of required type"),
        ("{ find(at: {x: 1, z: 2}) }", "Field \"z\" is not defined"),
        ("{ find(at: {x: 1, x: 2}) }", "only one input field named \"x\""),
        ("{ find(at: 3) }", "Expected value of type"),
        ("{ find(ids: {a: 1}) }", "ID cannot represent"), ("{ dog @nope { name } }", "Unknown directive"),
        ("{ dog @onQuery { name } }", "may not be used on FIELD"),
        ("{ dog @onField @onField { name } }", "can only be used once"), ("{ dog @skip { name } }", "is required"),
        ("{ ...F }", "Unknown fragment"), ("{ dog { name } } fragment F on Dog { name }", "is never used"),
        ("{ dog { ...F } } fragment F on Dog { ...F }", "within itself"),
        ("{ dog { ...F } } fragment F on Dog { owner { pets { ...G } } } fragment G on Dog { ...F }", "within itself"),
        ("{ dog { ...F } } fragment F on Cat { name }", "can never be of type"),
        ("{ dog { ... on Int { x } } }", "non composite type"), ("{ dog { ... on Nope { x } } }", "Unknown type"),
        ("{ dog { ...F } } fragment F on Dog { name } fragment F on Dog { name }", "only one fragment named"),
        ("query ($a: Int) { dog { name } }", "never used"), ("{ need(a: $a) }", "is not defined"),
        ("query ($a: Int) { need(a: $a) }", "used in position expecting type"),
        ("query ($a: String!) { need(a: $a) }", "used in position expecting type"),
        ("query ($a: Dog) { need(a: $a) }", "non-input type"), ("query ($a: Nope) { need(a: $a) }", "Unknown type"),
        ("query ($a: Int, $a: Int) { dog { at(x: $a) } }", "only one variable"),
        ("query ($a: Int! = null) { need(a: $a) }", "found null"), ("{ dog { name } } { dog { name } }", "anonymous"),
        ("query A { dog { name } } query A { dog { name } }", "only one operation"),
        ("mutation { x }", "no mutation type"),
        ("{ dog { x: name x: barkVolume } }", "conflict"), ("{ dog { at(x: 1) at(x: 2) } }", "differing arguments"),
        ("{ pet { ... on Dog { v: barkVolume } ... on Cat { v: meowVolume } } }", "conflicting types"),
        ("{ dog { owner { x: name } } dog { owner { x: __typename } } }", "conflict"),
        ("{ ...A dog { name: barkVolume } } fragment A on Query { dog { name } }", "conflict"),
        ("{ dog { ...F } } fragment F on Dog { at(x: $q) }", "is not defined"),
    ]

    @Test(arguments: invalid) func `an invalid document is refused with the reason`(text: String, reason: String) throws
    {
        let errors = try Document(parsing: text).validate(try GraphQLSchema(sdl: petSchema))
        #expect(errors.contains { $0.message.contains(reason) }, "\(errors.map(\.message))")
        #expect(errors.allSatisfy { !$0.locations.isEmpty })
    }

    @Test func `fragments that double at each level are refused before they are spread`() throws {
        var text = "{ dog { ...F0 } }"
        for level in 0..<100 {
            text +=
                " fragment F\(level) on Dog { a: owner { pets { ...F\(level + 1) } } b: owner { pets { ...F\(level + 1) } } }"
        }
        text += " fragment F100 on Dog { name }"
        let errors = try Document(parsing: text).validate(try GraphQLSchema(sdl: petSchema))
        #expect(errors.contains { $0.message.contains("fields; at most") })
    }

    @Test func `aliases, depth and fields are limited`() throws {
        var limits = GraphQLLimits()
        limits.aliasesMax = 2
        limits.depthMax = 3
        limits.fieldsMax = 4
        let schema = try GraphQLSchema(sdl: petSchema)
        let cases: [(String, Bool)] = [
            ("{ a: dog { b: name } }", true), ("{ a: dog { b: name c: name } }", false),
            ("{ dog { owner { name } } }", true), ("{ dog { owner { pets { name } } } }", false),
            ("{ dog { name } pet { name } }", true), ("{ dog { name barkVolume } pet { name } }", false),
        ]
        for (text, isValid) in cases {
            #expect(try Document(parsing: text).validate(schema, limits: limits).isEmpty == isValid, "\(text)")
        }
    }
}
