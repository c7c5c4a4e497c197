import Foundation
import Testing

/// The program itself, as a process.
@Suite struct `The program` {
    private static var executable: URL {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "analytics-health")
    }

    private static func start(
        _ arguments: [String] = [], _ environment: [String: String] = [:]
    ) throws -> (process: Process, output: Pipe, errors: Pipe) {
        let (process, output, errors) = (Process(), Pipe(), Pipe())
        process.executableURL = executable
        process.arguments = arguments
        process.environment = environment
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        return (process, output, errors)
    }

    private static func text(_ pipe: Pipe) -> String {
        String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }

    @Test func `help lists the variables, check-config shows them without secrets`() throws {
        let help = try Self.start(["--help"])
        let text = Self.text(help.output)
        help.process.waitUntilExit()
        #expect(help.process.terminationStatus == 0)
        for name in ["PORT (default 8383)", "HEALTH_INTERVAL_SECONDS (default 10)", "R2_ENDPOINT", "ANALYTICS_API_KEY"]
        {
            #expect(text.contains(name), "\(name)")
        }
        let check = try Self.start(
            ["--check-config"], ["ANALYTICS_API_KEY": "hunter2", "HEALTH_INTERVAL_SECONDS": "5"])
        let values = Self.text(check.output)
        check.process.waitUntilExit()
        #expect(check.process.terminationStatus == 0)
        #expect(values.contains("ANALYTICS_API_KEY=[redacted]") && values.contains("HEALTH_INTERVAL_SECONDS=5"))
        #expect(!values.contains("hunter2"))
    }

    @Test(arguments: [
        (["HEALTH_INTERVAL_SECONDS": "never"], 1, "HEALTH_INTERVAL_SECONDS: \"never\" was given"),
        (["ICEBERG_ENV": "production"], 1, "ANALYTICS_API_KEY: is not set"),
        (["HEALTH_WEBHOOK_URLS": "ftp://x"], 1, "HEALTH_WEBHOOK_URLS"),
    ])
    func `a wrong configuration ends the start with one line`(
        environment: [String: String], status: Int32, message: String
    ) throws {
        for arguments in [[], ["--check-config"]] {
            let run = try Self.start(arguments, environment)
            let text = Self.text(run.errors)
            run.process.waitUntilExit()
            #expect(run.process.terminationStatus == status)
            #expect(text.contains(message) && text.split(separator: "\n").count == 1, "\(text)")
        }
    }

    @Test func `it starts, logs JSON lines, and SIGTERM ends it with 0`() throws {
        let directory = "/tmp/health-program-\(UUID().uuidString.prefix(8))"
        let run = try Self.start([], ["PORT": "0", "OBJECT_STORE": "file://\(directory)/store", "LOG_LEVEL": "info"])
        var log = ""
        while !log.contains("\"message\":\"started\"") {
            let data = run.errors.fileHandleForReading.availableData
            try #require(!data.isEmpty, "ended early: \(log)")
            log += String(decoding: data, as: UTF8.self)
        }
        run.process.terminate()
        log += Self.text(run.errors)
        run.process.waitUntilExit()
        #expect(run.process.terminationReason == .exit && run.process.terminationStatus == 0)
        for line in log.split(separator: "\n") {
            let record = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            #expect(record?["service"] as? String == "analytics-health-development", "\(line)")
        }
        #expect(log.contains("\"message\":\"stopped\""))
    }
}
