import Bytes
import Clocks
import Glibc
import JSONFormat
import Telemetry
import Testing

private struct FixedClock: WallClock {
    func now() -> Timestamp { Timestamp(microseconds: 1_705_329_000_123_000) }
}

private func logger(_ level: LogLevel = .info, _ format: Logger.Format = .json) -> (Logger, MemoryLogDestination) {
    let memory = MemoryLogDestination()
    return (Logger(service: "s", level: level, format: format, destination: memory, clock: FixedClock()), memory)
}

@Suite struct `Logging` {
    @Test func `a record is one line of JSON`() throws {
        let (log, memory) = logger()
        let path = "a\nb"
        log.with(["request_id": "r1"]).warn("odd \"thing\"", ["n": 3, "path": path, "none": nil as Int?, "ok": true])
        #expect(
            memory.lines == [
                #"{"time":"2024-01-15T14:30:00.123Z","level":"warn","service":"s","message":"odd \"thing\"","#
                    + #""request_id":"r1","n":3,"path":"a\nb","none":null,"ok":true}"#
            ])
        _ = try JSONValue.parse(memory.lines[0])
    }

    @Test(arguments: LogLevel.allCases, LogLevel.allCases)
    func `records below the level are not even computed`(level: LogLevel, minimum: LogLevel) {
        let (log, memory) = logger(minimum)
        var isComputed = false
        func message() -> String {
            isComputed = true
            return "m"
        }
        log.log(level, message())
        #expect(isComputed == (level >= minimum))
        #expect(memory.lines.count == (level >= minimum ? 1 : 0))
    }

    @Test func `an audit record is written at every level`() {
        let (log, memory) = logger(.error)
        log.audit("paused", ["who": "key"])
        #expect(memory.lines.count == 1 && memory.lines[0].contains(#""audit":true,"who":"key""#))
    }

    @Test func `a terminal gets words without control characters`() {
        let (log, memory) = logger(.info, .terminal)
        log.info("hello\u{1B}[2J", ["k": "v\r"])
        #expect(memory.lines == ["2024-01-15T14:30:00.123Z INFO hello [2J k=v "])
    }

    @Test func `lines reach the descriptor whole and in order`() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let destination = DescriptorLogDestination(descriptor: ends[1])
        for number in 0..<1000 { destination.write(Array("line \(number)\n".utf8)) }
        destination.flush()
        var buffer = [UInt8](repeating: 0, count: 20_000)
        let count = read(ends[0], &buffer, buffer.count)
        #expect(String(decoding: buffer[..<count], as: UTF8.self) == (0..<1000).map { "line \($0)\n" }.joined())
    }

    @Test func `a reader that stalls holds nobody up, and what was dropped is counted`() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let destination = DescriptorLogDestination(descriptor: ends[1])
        let line = [UInt8](repeating: 0x61, count: 99_999) + [0x0A]
        for _ in 0..<100 { destination.write(line) }
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while !String(decoding: all.suffix(200), as: UTF8.self).contains("log records dropped") {
            let count = read(ends[0], &buffer, buffer.count)
            all += buffer[..<max(0, count)]
        }
        let last = try #require(String(decoding: all, as: UTF8.self).split(separator: "\n").last)
        let dropped = try #require(try JSONValue.parse(String(last))["count"]?.integer)
        let written = all.count(where: { $0 == 0x0A }) - 1
        #expect(dropped > 0 && written + Int(dropped) == 100)
    }
}
