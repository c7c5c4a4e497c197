/// Why bytes are not a Puffin file, or cannot become one.
public struct PuffinError: Error, Hashable, Sendable {}
