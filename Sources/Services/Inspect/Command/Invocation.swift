import Configuration

/// One command line, taken apart: words and options, in any order.
struct Invocation: Sendable {
    /// What is inspected: the words behind the command's name.
    private(set) var operands: [String] = []
    private(set) var options: [String: String] = [:]
    private(set) var asJSON = false
    private(set) var wantsHelp = false
    let environment: Environment

    /// - Throws: `.usage` for an option no command has, one without its value, or one given twice.
    init(_ arguments: [String], environment: Environment) throws(InspectError) {
        self.environment = environment
        var rest = arguments[...]
        while let word = rest.popFirst() {
            switch word {
            case "--json": asJSON = true
            case "--help", "-h": wantsHelp = true
            case "--": while let operand = rest.popFirst() { operands.append(operand) }
            case _ where word.hasPrefix("--"): try takeOption(word, &rest)
            default: operands.append(word)
            }
        }
    }

    private mutating func takeOption(_ word: String, _ rest: inout ArraySlice<String>) throws(InspectError) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard Command.optionNames.contains(name) else {
            throw InspectError(.usage, at: name, "no such option; --help lists all")
        }
        let isFlag = Command.flagNames.contains(name)
        guard !isFlag || parts.count == 1 else { throw InspectError(.usage, at: name, "takes no value") }
        guard let value = isFlag ? "" : parts.count == 2 ? String(parts[1]) : rest.popFirst() else {
            throw InspectError(.usage, at: name, "needs a value")
        }
        guard options.updateValue(value, forKey: name) == nil else {
            throw InspectError(.usage, at: name, "is given twice")
        }
    }

    /// Takes the words of a command's name from the front of the operands.
    mutating func dropName(_ count: Int) { operands.removeFirst(count) }

    /// - Throws: `.usage` when the option is no number from 0 on.
    func count(_ name: String) throws(InspectError) -> Int? {
        guard let text = options[name] else { return nil }
        guard let number = Int(text), number >= 0 else {
            throw InspectError(.usage, at: name, "\"\(text)\" is no whole number from 0 on")
        }
        return number
    }

    /// - Throws: `.usage` when the option is none of the names of the choice.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String
    ) throws(InspectError) -> Choice? where Choice.RawValue == String {
        guard let text = options[name] else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let allowed = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw InspectError(.usage, at: name, "allowed are \(allowed), not \"\(text)\"")
        }
        return choice
    }

    /// The values of an option that takes several, separated by commas; nil where it is not given.
    ///
    /// - Throws: `.usage` when one is empty.
    func list(_ name: String) throws(InspectError) -> [String]? {
        guard let text = options[name] else { return nil }
        let values = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard !values.contains("") else { throw InspectError(.usage, at: name, "\"\(text)\" has an empty name") }
        return values
    }
}
