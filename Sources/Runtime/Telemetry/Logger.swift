import Bytes
import Clocks
import Glibc
import JSONFormat

/// Writes structured records, a line each: JSON for machines, plain words on a terminal.
///
///     logger.info("committed", ["snapshot_id": id, "files": count])
///     let log = logger.with(["request_id": requestID])
///
/// Message and fields are not computed when the level is off; a copy is cheap. A record costs about a microsecond.
public struct Logger: Sendable {
    public enum Format: Sendable { case json, terminal }

    public let level: LogLevel
    public let service: String
    /// Fields every record carries, already encoded: `,"name":value…`, or ` name=value…` for a terminal.
    private var encodedFields: [UInt8] = []
    private let format: Format
    private let destination: any LogDestination
    private let clock: any WallClock

    /// - Parameter format: nil chooses: plain words when standard error is a terminal, else JSON.
    public init(
        service: String, level: LogLevel = .info, format: Format? = nil,
        destination: any LogDestination = DescriptorLogDestination.standardError, clock: any WallClock = SystemClock()
    ) {
        self.service = service
        self.level = level
        self.format = format ?? (isatty(STDERR_FILENO) == 1 ? .terminal : .json)
        self.destination = destination
        self.clock = clock
    }

    /// Writes nothing.
    public static let disabled = Logger(
        service: "", level: .error, format: .json, destination: NullLogDestination())

    /// A logger whose records carry `fields` too.
    public func with(_ fields: KeyValuePairs<String, any LogValue>) -> Logger {
        var copy = self
        for (name, value) in fields { append(name, value.logValue, to: &copy.encodedFields) }
        return copy
    }

    @inlinable
    public func isEnabled(_ level: LogLevel) -> Bool { level >= self.level }

    public func log(
        _ level: LogLevel, _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> KeyValuePairs<String, any LogValue> = [:]
    ) {
        guard isEnabled(level) else { return }
        write(level, message(), fields())
    }

    public func trace(
        _ message: @autoclosure () -> String, _ fields: @autoclosure () -> KeyValuePairs<String, any LogValue> = [:]
    ) { log(.trace, message(), fields()) }

    public func debug(
        _ message: @autoclosure () -> String, _ fields: @autoclosure () -> KeyValuePairs<String, any LogValue> = [:]
    ) { log(.debug, message(), fields()) }

    public func info(
        _ message: @autoclosure () -> String, _ fields: @autoclosure () -> KeyValuePairs<String, any LogValue> = [:]
    ) { log(.info, message(), fields()) }

    public func warn(
        _ message: @autoclosure () -> String, _ fields: @autoclosure () -> KeyValuePairs<String, any LogValue> = [:]
    ) { log(.warn, message(), fields()) }

    public func error(
        _ message: @autoclosure () -> String, _ fields: @autoclosure () -> KeyValuePairs<String, any LogValue> = [:]
    ) { log(.error, message(), fields()) }

    /// A record of who changed what, written whatever the level is; marked `"audit":true`.
    public func audit(_ message: String, _ fields: KeyValuePairs<String, any LogValue>) {
        with(["audit": true]).write(.info, message, fields)
    }

    /// Waits up to a second until records have left the process: before it exits.
    public func flush() { destination.flush() }

    private func write(_ level: LogLevel, _ message: String, _ fields: KeyValuePairs<String, any LogValue>) {
        var line: [UInt8] = []
        line.reserveCapacity(200 + encodedFields.count)
        let time = clock.now()
        switch format {
        case .json:
            line.append(utf8: "{\"time\":\"")
            line.append(utf8: time.rfc3339())
            line.append(utf8: "\",\"level\":\"")
            line.append(utf8: level.rawValue)
            line.append(utf8: "\",\"service\":")
            JSONValue.appendQuoted(service, to: &line)
            line.append(utf8: ",\"message\":")
            JSONValue.appendQuoted(message, to: &line)
        case .terminal:
            line.append(utf8: time.rfc3339())
            line.append(utf8: " " + level.rawValue.uppercased() + " ")
            line.append(contentsOf: Self.printable(message.utf8))
        }
        line.append(contentsOf: encodedFields)
        for (name, value) in fields { append(name, value.logValue, to: &line) }
        line.append(utf8: format == .json ? "}\n" : "\n")
        destination.write(line)
    }

    private func append(_ name: String, _ value: JSONValue, to line: inout [UInt8]) {
        switch format {
        case .json:
            line.append(UInt8(ascii: ","))
            JSONValue.appendQuoted(name, to: &line)
            line.append(UInt8(ascii: ":"))
            line.append(contentsOf: value.serialized())
        case .terminal:
            line.append(utf8: " \(name)=")
            line.append(contentsOf: Self.printable(value.string.map { Array($0.utf8) } ?? value.serialized()))
        }
    }

    /// Without control characters: text from outside must not move the cursor of a terminal.
    private static func printable(_ text: some Sequence<UInt8>) -> [UInt8] {
        text.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: " ") : $0 }
    }
}
