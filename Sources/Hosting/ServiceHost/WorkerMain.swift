import Configuration
import Failpoints
import Glibc
import JSONFormat
import Lifecycle
import Synchronization
import Telemetry

extension Worker {
    /// What a worker's build closure does: opens what the service needs, registers its parts, returns its routes.
    package typealias Build<Section> = @Sendable (Section, Worker) async throws -> Router

    /// The whole of a `main.swift`: see `Worker`. Never returns.
    package static func main<Section: ConfigurationSection & Sendable>(
        _ identity: WorkerIdentity, _ section: Section.Type, build: Build<Section>
    ) async -> Never {
        let command = CommandLineOptions(Array(CommandLine.arguments.dropFirst()))
        var reader = ConfigurationReader(.process)
        let common = WorkerConfiguration(identity, from: &reader)
        let own = Section(from: &reader)
        switch command {
        case .help:
            print(helpText(identity, reader))
            exit(0)
        case .version:
            print("\(identity.program) \(Release.version)")
            exit(0)
        case .makeKey(let name) where identity.keyFileVariable != nil:
            guard KeyFile.isName(name) else { fail("\(identity.program): \(KeyFile.allowedNames)", 2) }
            print(KeyFile.newKey(name: name, hasRoles: identity.keysHaveRoles).serializedString())
            exit(0)
        case .makeKey: fail("\(identity.program): --make-key is an option of analytics-collector only", 2)
        case .unknown("--make-key") where identity.keyFileVariable != nil:
            fail("\(identity.program): --make-key takes the key's NAME, and nothing else", 2)
        case .unknown(let argument):
            fail("\(identity.program): \"\(argument)\" is not an option; --help, --version and --check-config are", 2)
        case .run, .checkConfiguration: break
        }
        do {
            try reader.finish()
        } catch {
            fail(error.problems.map { "\(identity.program): \($0)" }.joined(separator: "\n"), 1)
        }
        if command == .checkConfiguration {
            print(reader.effectiveText())
            exit(0)
        }
        await run(common, own, build: build)
    }

    private static func run<Section: Sendable>(
        _ common: WorkerConfiguration, _ own: Section, build: Build<Section>
    ) async -> Never {
        Failpoints.arm(common.failpoints)
        DescriptorLimit.raise()
        let logger = Logger(service: common.deployedName, level: common.logLevel)
        let worker = Worker(configuration: common, logger: logger)
        let shutdown = worker.shutdown
        TerminationSignals.handle { number in
            if number == SIGHUP, worker.reload() { return }
            // A second signal means now.
            if !shutdown.request() {
                logger.flush()
                _exit(128 + number)
            }
        }
        do {
            let router = try await build(own, worker)
            let isDone = try await worker.run(router)
            logger.flush()
            // Not exit(3): other threads still run, and what exit handlers tear down they may be using.
            _exit(isDone ? 0 : 1)
        } catch {
            logger.error("cannot start", ["error": "\(error)"])
            logger.flush()
            fail("\(common.identity.program): cannot start: \(error)", 1)
        }
    }

    private static func helpText(_ identity: WorkerIdentity, _ reader: ConfigurationReader) -> String {
        let makeKey = identity.keyFileVariable.map { _ in " | --make-key NAME" } ?? ""
        return """
            \(identity.program) \(Release.version): \(identity.summary)

            usage: \(identity.program) [--help | --version | --check-config\(makeKey)]

            Configuration is read from the environment:

            \(reader.helpText())
            """
    }

    /// Ends the process with one line a problem on standard error.
    private static func fail(_ message: String, _ status: Int32) -> Never {
        let bytes = Array((message + "\n").utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
        _exit(status)
    }
}

/// What the program was asked to do.
enum CommandLineOptions: Hashable {
    case run, help, version, checkConfiguration
    /// Print a new key and its entry for the file of keys.
    case makeKey(String)
    case unknown(String)

    init(_ arguments: [String]) {
        switch arguments.first {
        case nil: self = .run
        case "--help", "-h": self = .help
        case "--version": self = .version
        case "--check-config": self = .checkConfiguration
        case "--make-key" where arguments.count == 2:
            self = .makeKey(arguments[1])
            return
        case let other?: self = .unknown(other)
        }
        if arguments.count > 1 { self = .unknown(arguments[1]) }
    }
}
