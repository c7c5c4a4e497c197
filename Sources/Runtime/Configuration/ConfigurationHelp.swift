extension ConfigurationReader {
    /// Every variable read, for `--help`: name, default, what is allowed, meaning.
    public func helpText() -> String {
        variables.map { variable in
            let names = ([variable.name] + variable.aliases).joined(separator: " | ")
            let fallback = variable.defaultText.map { " (default \($0))" } ?? ""
            return "  \(names)\(fallback)\n      \(variable.documentation); \(variable.allowed)"
        }
        .joined(separator: "\n")
    }

    /// Every variable with the value in effect, secrets redacted, for `--check-config`.
    public func effectiveText() -> String {
        variables.map { "\($0.effectiveName)=\($0.effectiveText ?? "")" }.joined(separator: "\n")
    }
}
