/// Reads typed values from the environment, and remembers what was declared and what was wrong.
///
/// Blank counts as unset. The first of name and aliases that is set wins.
public struct ConfigurationReader: Sendable {
    public let environment: Environment
    /// Every variable read so far, in order, each once.
    public private(set) var variables: [ConfigurationVariable] = []
    public private(set) var problems: [ConfigurationError.Problem] = []

    public init(_ environment: Environment) { self.environment = environment }

    /// Throws everything that was wrong with the values read.
    public func finish() throws(ConfigurationError) {
        if !problems.isEmpty { throw ConfigurationError(problems) }
    }

    /// Reads another section with this reader.
    public mutating func section<Section: ConfigurationSection>(_ type: Section.Type = Section.self) -> Section {
        Section(from: &self)
    }

    /// Records a problem that is known only once several values are together.
    public mutating func refuse(_ variable: String, _ message: String) {
        let problem = ConfigurationError.Problem(variable: variable, message: message)
        if !problems.contains(problem) { problems.append(problem) }
    }

    /// The environment the worker runs in: `ICEBERG_ENV`.
    public mutating func deploymentEnvironment() -> DeploymentEnvironment {
        choice("ICEBERG_ENV", default: .development, "which deployment this is, and so what is enforced")
    }

    public mutating func string(
        _ name: String, aliases: [String] = [], default fallback: String, _ documentation: String
    ) -> String {
        parsed(name, aliases: aliases, default: fallback, allowed: "any text", documentation) { $0 }
    }

    public mutating func optionalString(
        _ name: String, aliases: [String] = [], _ documentation: String
    ) -> String? {
        optional(name, aliases: aliases, allowed: "any text", documentation) { text, _ in text }
    }

    /// A value that is never printed.
    public mutating func secret(_ name: String, aliases: [String] = [], _ documentation: String) -> Secret? {
        optional(name, aliases: aliases, allowed: "any text", isSecret: true, documentation) { text, _ in Secret(text) }
    }

    /// A secret that must be there when `isRequired` (as a rule, outside development).
    public mutating func secret(
        _ name: String, aliases: [String] = [], isRequired: Bool, _ documentation: String
    ) -> Secret? {
        let value = secret(name, aliases: aliases, documentation)
        if isRequired && value == nil { refuse(name, "is not set; it must be: \(documentation)") }
        return value
    }

    /// Secrets separated by commas.
    public mutating func secretList(_ name: String, aliases: [String] = [], _ documentation: String) -> [Secret] {
        optional(name, aliases: aliases, allowed: "texts separated by commas", isSecret: true, documentation) {
            text, _ in Self.split(text).map { Secret($0) }
        } ?? []
    }

    public mutating func int(
        _ name: String, aliases: [String] = [], in range: ClosedRange<Int>, default fallback: Int,
        _ documentation: String
    ) -> Int {
        let allowed = "an integer from \(range.lowerBound) to \(range.upperBound)"
        return parsed(name, aliases: aliases, default: fallback, allowed: allowed, documentation) { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    public mutating func optionalInt(
        _ name: String, aliases: [String] = [], in range: ClosedRange<Int>, _ documentation: String
    ) -> Int? {
        let allowed = "an integer from \(range.lowerBound) to \(range.upperBound)"
        return optional(name, aliases: aliases, allowed: allowed, documentation) { text, _ in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    public mutating func double(
        _ name: String, aliases: [String] = [], in range: ClosedRange<Double>, default fallback: Double,
        _ documentation: String
    ) -> Double {
        let allowed = "a number from \(range.lowerBound) to \(range.upperBound)"
        return parsed(name, aliases: aliases, default: fallback, allowed: allowed, documentation) { text in
            Double(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    public mutating func bool(
        _ name: String, aliases: [String] = [], default fallback: Bool, _ documentation: String
    ) -> Bool {
        parsed(name, aliases: aliases, default: fallback, allowed: "true or false", documentation) { text in
            switch text.lowercased() {
            case "true", "1", "yes", "on": true
            case "false", "0", "no", "off": false
            default: nil
            }
        }
    }

    /// One of the cases of `Choice`, by its raw value in any case.
    public mutating func choice<Choice>(
        _ name: String, aliases: [String] = [], default fallback: Choice, _ documentation: String
    ) -> Choice where Choice: CaseIterable & RawRepresentable, Choice.RawValue == String {
        let allowed = Choice.allCases.map(\.rawValue).joined(separator: " | ")
        let text = parsed(name, aliases: aliases, default: fallback.rawValue, allowed: allowed, documentation) { text in
            Choice.allCases.first { $0.rawValue.lowercased() == text.lowercased() }?.rawValue
        }
        return Choice(rawValue: text) ?? fallback
    }

    /// Texts separated by commas; white space around them and empty ones are dropped.
    public mutating func list(
        _ name: String, aliases: [String] = [], default fallback: [String] = [], _ documentation: String
    ) -> [String] {
        let fallbackText = fallback.isEmpty ? nil : fallback.joined(separator: ",")
        return optional(
            name, aliases: aliases, default: fallbackText, allowed: "texts separated by commas", documentation
        ) { text, _ in Self.split(text) } ?? fallback
    }

    /// A duration in milliseconds. Each name says its unit by its ending: `_MS`, `_SECONDS`, `_MINUTES`, `_HOURS`,
    /// `_DAYS`; so `BUFFER_TIME_SECONDS` can be an alias of `BUFFER_TIMEOUT_MS`.
    ///
    /// - Parameters:
    ///   - range: in milliseconds.
    ///   - fallback: in milliseconds.
    public mutating func duration(
        _ name: String, aliases: [String] = [], in range: ClosedRange<Int>, default fallback: Int,
        _ documentation: String
    ) -> Int {
        let unit = Self.millisecondsPerUnit(of: name)
        let allowed =
            "\(Self.unitName(of: name)) from \(Self.quotient(range.lowerBound, unit))"
            + " to \(Self.quotient(range.upperBound, unit))"
        return optional(
            name, aliases: aliases, default: Self.quotient(fallback, unit), allowed: allowed, documentation
        ) { text, used in
            let factor = Self.millisecondsPerUnit(of: used)
            guard let number = Double(text), number.isFinite, abs(number) < 1e15 else { return nil }
            let milliseconds = Int((number * Double(factor)).rounded())
            return range.contains(milliseconds) ? milliseconds : nil
        } ?? fallback
    }

    /// A count of bytes: `1048576`, `512KB`, `64MiB`, `1GB` (powers of 1024 in either spelling). A name that ends in `_MB` counts
    /// plain numbers in MiB.
    public mutating func bytes(
        _ name: String, aliases: [String] = [], in range: ClosedRange<Int>, default fallback: Int,
        _ documentation: String
    ) -> Int {
        let unit = name.hasSuffix("_MB") ? 1 << 20 : 1
        let allowed =
            "\(unit == 1 ? "bytes" : "MiB") from \(range.lowerBound / unit) to \(range.upperBound / unit),"
            + " or with a unit (KB, MB, GB)"
        return optional(
            name, aliases: aliases, default: String(fallback / unit), allowed: allowed, documentation
        ) { text, used in
            ByteCountText.parse(text, plainUnit: used.hasSuffix("_MB") ? 1 << 20 : 1)
                .flatMap { range.contains($0) ? $0 : nil }
        } ?? fallback
    }

    /// A URL of one of `schemes`, or nil when unset.
    public mutating func url(
        _ name: String, aliases: [String] = [], schemes: [String] = ["http", "https"], _ documentation: String
    ) -> EndpointURL? {
        let allowed = "a URL beginning with " + schemes.map { $0 + ":" }.joined(separator: " or ")
        return optional(name, aliases: aliases, allowed: allowed, documentation) { text, _ in
            EndpointURL(text).flatMap { schemes.contains($0.scheme) ? $0 : nil }
        }
    }

    /// Any other type: `parse` returns nil for what is not allowed, and `allowed` says in words what is.
    public mutating func parsed<Value: CustomStringConvertible>(
        _ name: String, aliases: [String] = [], default fallback: Value, allowed: String, _ documentation: String,
        parse: (String) -> Value?
    ) -> Value {
        optional(
            name, aliases: aliases, default: String(describing: fallback), allowed: allowed, documentation
        ) { text, _ in parse(text) } ?? fallback
    }

    /// As `parsed`, without a default.
    public mutating func optionalParsed<Value>(
        _ name: String, aliases: [String] = [], allowed: String, _ documentation: String, parse: (String) -> Value?
    ) -> Value? {
        optional(name, aliases: aliases, allowed: allowed, documentation) { text, _ in parse(text) }
    }

    // MARK: -

    /// `parse` also gets the name under which the value was found.
    private mutating func optional<Value>(
        _ name: String, aliases: [String], default fallback: String? = nil, allowed: String, isSecret: Bool = false,
        _ documentation: String, parse: (String, String) -> Value?
    ) -> Value? {
        let used = ([name] + aliases).first { environment[$0] != nil } ?? name
        let given = environment[used]
        if !variables.contains(where: { $0.name == name }) {
            variables.append(
                ConfigurationVariable(
                    name: name, aliases: aliases, defaultText: fallback, allowed: allowed,
                    documentation: documentation, effectiveName: used,
                    effectiveText: isSecret ? given.map { _ in "[redacted]" } : given ?? fallback, isSecret: isSecret))
        }
        guard let given else { return nil }
        if let value = parse(given, used) { return value }
        let shown = isSecret ? "[redacted]" : "\"\(Self.printable(given))\""
        refuse(used, "\(shown) was given, allowed is \(allowed)")
        return nil
    }

    private static func printable(_ text: String) -> String {
        String(text.prefix(200).map { $0.isNewline || $0.asciiValue.map { $0 < 0x20 } == true ? " " : $0 })
    }

    private static func split(_ text: String) -> [String] {
        text.split(separator: ",").compactMap { part in
            let words = part.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, let last = words.last else { return nil }
            return String(part[first.startIndex..<last.endIndex])
        }
    }

    private static let units: [(suffix: String, name: String, milliseconds: Int)] = [
        ("_MS", "milliseconds", 1), ("_SECONDS", "seconds", 1000), ("_MINUTES", "minutes", 60_000),
        ("_HOURS", "hours", 3_600_000), ("_HOUR", "hours", 3_600_000), ("_DAYS", "days", 86_400_000),
    ]

    private static func millisecondsPerUnit(of name: String) -> Int {
        units.first { name.hasSuffix($0.suffix) }?.milliseconds ?? 1000
    }

    private static func unitName(of name: String) -> String {
        units.first { name.hasSuffix($0.suffix) }?.name ?? "seconds"
    }

    private static func quotient(_ value: Int, _ unit: Int) -> String {
        value % unit == 0 ? String(value / unit) : String(Double(value) / Double(unit))
    }
}
