/// What a request with events may hold. The lengths of attributes are fixed by the encoding: `id` and `source` 4,096
/// bytes, `type` 1,024, every other attribute 65,535, 128 extensions.
package struct EventLimits: Hashable, Sendable {
    /// The JSON text of one event, or the body of one in binary mode.
    package var eventBytesMax = 1 << 20
    /// Events of one request.
    package var eventsMax = 100_000
    /// Nesting of one request's JSON.
    package var depthMax = 128

    package static let idBytesMax = 4096
    package static let sourceBytesMax = 4096
    package static let typeBytesMax = 1024
    package static let attributeBytesMax = 65_535
    package static let extensionsMax = 128

    package init() {}
}
