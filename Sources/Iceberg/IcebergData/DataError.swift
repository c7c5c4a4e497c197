/// Why the rows of a table cannot be read or written.
public struct DataError: Error, Hashable, Sendable {}
