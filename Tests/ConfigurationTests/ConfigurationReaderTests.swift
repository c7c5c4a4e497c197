import Configuration
import Testing

private enum Sync: String, CaseIterable { case always, interval }

private func message(_ environment: Environment, _ read: (inout ConfigurationReader) -> Void) -> String? {
    var reader = ConfigurationReader(environment)
    read(&reader)
    return reader.problems.first?.description
}

@Suite struct `Reading configuration` {
    @Test func `defaults hold when a variable is unset or blank`() throws {
        var reader = ConfigurationReader(["B": "  ", "L": " , "])
        #expect(reader.int("A", in: 1...9, default: 3, "a") == 3)
        #expect(reader.bool("B", default: true, "b") == true)
        #expect(reader.list("L", "l") == [])
        #expect(reader.secret("S", "s") == nil)
        try reader.finish()
    }

    @Test func `the first name that is set wins`() {
        let both: Environment = ["NEW": "1", "OLD": "2"]
        var reader = ConfigurationReader(both)
        #expect(reader.int("NEW", aliases: ["OLD"], in: 0...9, default: 0, "") == 1)
        reader = ConfigurationReader(["OLD": "2"])
        #expect(reader.int("NEW", aliases: ["OLD"], in: 0...9, default: 0, "") == 2)
    }

    @Test func `an alias of another unit is converted`() {
        var reader = ConfigurationReader(["BUFFER_TIME_SECONDS": "1.5"])
        let range = 1...60_000
        #expect(reader.duration("T_MS", aliases: ["BUFFER_TIME_SECONDS"], in: range, default: 30, "") == 1500)
        reader = ConfigurationReader(["FILE_MB": "64", "OTHER_BYTES": "2 KiB"])
        #expect(reader.bytes("FILE_MB", in: 0...(1 << 40), default: 0, "") == 64 << 20)
        #expect(reader.bytes("OTHER_BYTES", in: 0...(1 << 40), default: 0, "") == 2048)
    }

    @Test func `a refusal names the variable, what was given and what is allowed`() {
        #expect(
            message(["N": "x"]) { _ = $0.int("N", in: 1...9, default: 1, "") }
                == "N: \"x\" was given, allowed is an integer from 1 to 9")
        #expect(
            message(["S": "never"]) { _ = $0.choice("S", default: Sync.always, "") }
                == "S: \"never\" was given, allowed is always | interval")
        #expect(
            message(["OLD_SECONDS": "-1"]) {
                _ = $0.duration("N_MS", aliases: ["OLD_SECONDS"], in: 0...10, default: 1, "")
            } == "OLD_SECONDS: \"-1\" was given, allowed is milliseconds from 0 to 10")
        #expect(
            message(["ICEBERG_ENV": "prod"]) { _ = $0.deploymentEnvironment() }
                == "ICEBERG_ENV: \"prod\" was given, allowed is development | staging | production")
    }

    @Test(arguments: [
        ("0", 0), ("9", nil), ("10", 10), ("11", nil), ("1e1", nil), ("9223372036854775808", nil), ("+10", 10),
    ])
    func `numbers are taken within their range only`(text: String, expected: Int?) {
        var reader = ConfigurationReader(["N": text])
        let range = text == "0" ? 0...0 : 10...10
        let value = reader.int("N", in: range, default: -1, "")
        #expect(value == (expected ?? -1))
        #expect(reader.problems.isEmpty == (expected != nil))
    }

    @Test func `every problem is reported at once`() {
        var reader = ConfigurationReader(["A": "x", "B": "y"])
        _ = reader.int("A", in: 0...1, default: 0, "")
        _ = reader.bool("B", default: false, "")
        _ = reader.secret("C", isRequired: true, "the key")
        let error = #expect(throws: ConfigurationError.self) { try reader.finish() }
        #expect(error?.problems.map(\.variable) == ["A", "B", "C"])
    }

    @Test func `secrets are not printed`() {
        var reader = ConfigurationReader(["KEY": "hunter2", "KEYS": "a1,b2"])
        let secret = reader.secret("KEY", "the key")
        #expect(reader.secretList("KEYS", "keys").map(\.revealed) == ["a1", "b2"])
        #expect(secret?.revealed == "hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret as Any)", String(reflecting: secret), dumped, reader.effectiveText(), reader.helpText()]
        {
            #expect(!text.contains("hunter2") && !text.contains("a1"))
        }
    }

    @Test func `the value in effect stands under the name it was set by`() {
        var reader = ConfigurationReader(["TIME_SECONDS": "5"])
        #expect(reader.duration("TIMEOUT_MS", aliases: ["TIME_SECONDS"], in: 10...9000, default: 10, "") == 5000)
        _ = reader.int("A", aliases: ["OLD"], in: 0...5, default: 2, "")
        #expect(reader.effectiveText() == "TIME_SECONDS=5\nA=2")
    }

    @Test func `help lists each variable once with aliases and default`() {
        var reader = ConfigurationReader([:])
        _ = reader.int("A", aliases: ["OLD"], in: 0...5, default: 2, "how many")
        _ = reader.int("A", aliases: ["OLD"], in: 0...5, default: 2, "how many")
        #expect(reader.helpText() == "  A | OLD (default 2)\n      how many; an integer from 0 to 5")
    }

    @Test(arguments: [
        ("http://h:80/p/", "http", "h", 80, "/p"), ("https://[::1]:8443", "https", "[::1]", 8443, ""),
        ("unix:/run/a.sock", "unix", "", nil, "/run/a.sock"), ("file:///var/x/", "file", "", nil, "/var/x"),
        ("HTTP://h", "http", "h", nil, ""),
    ])
    func `URLs are taken apart`(text: String, scheme: String, host: String, port: Int?, path: String) throws {
        let url = try #require(EndpointURL(text))
        #expect(url.scheme == scheme && url.host == host && url.port == port && url.path == path)
    }

    @Test(arguments: [
        "", "x", "http:", "http://", "http://:80", "http://h:0", "http://h:x", "http://u:p@h", "unix:x", "http://a b",
    ])
    func `what is no URL is refused`(text: String) {
        #expect(EndpointURL(text) == nil)
    }
}
