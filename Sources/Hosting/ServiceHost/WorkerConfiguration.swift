import Configuration
import Files
import HTTPServer
import Telemetry

/// The variables every worker has.
package struct WorkerConfiguration: Sendable {
    package let identity: WorkerIdentity
    package let environment: DeploymentEnvironment
    package let port: Int
    package let bindAddress: String
    package let logLevel: LogLevel
    package let shutdownGraceMilliseconds: Int
    package let bodyBytesMax: Int
    package let limits: HTTPServerLimits
    package let tls: HTTPServerConfiguration.TLS?
    package let bindings: BindingsFile
    package let bindingSecret: Secret?
    package let socketMode: UInt32
    package let keys: [Secret]
    package let allowedOrigins: [String]
    package let rateLimitWindowMilliseconds: Int
    package let rateLimitRequestsMax: Int
    package let trustedProxies: [String]

    /// The name in logs and in the bindings file: `analytics-catalog-development`.
    package var deployedName: String { "\(identity.service)-\(environment.rawValue)" }

    package init(_ identity: WorkerIdentity, from reader: inout ConfigurationReader) {
        self.identity = identity
        environment = reader.deploymentEnvironment()
        port = reader.int("PORT", in: 0...65_535, default: identity.defaultPort, "TCP port; 0 lets the system choose")
        bindAddress = reader.string(
            "BIND_ADDRESS", default: environment.isEnforcing ? "0.0.0.0" : "127.0.0.1", "IP address to listen on")
        logLevel = reader.choice("LOG_LEVEL", default: .info, "least level of log records")
        shutdownGraceMilliseconds = reader.duration(
            "SHUTDOWN_GRACE_SECONDS", in: 0...3_600_000, default: 25_000, "time to finish after SIGTERM")
        bodyBytesMax = reader.bytes(
            "MAX_BODY_BYTES", in: 1024...(1 << 30), default: 10 << 20, "longest request body, also once decompressed")
        limits = Self.readLimits(&reader, bodyBytesMax: bodyBytesMax)
        tls = Self.readTLS(&reader)
        bindings = Self.readBindings(&reader)
        bindingSecret = reader.secret("BINDING_SECRET", "signs calls between workers over http(s)")
        let isGroupShared = reader.bool(
            "SOCKET_GROUP_ACCESS", default: false, "let the group use the Unix socket too (0660 instead of 0600)")
        socketMode = isGroupShared ? 0o660 : 0o600
        keys = Self.readKeys(&reader, identity, environment)
        allowedOrigins = reader.list("ALLOWED_ORIGINS", "browser origins that may call, * for all")
        rateLimitWindowMilliseconds = reader.duration(
            "RATE_LIMIT_WINDOW_MS", in: 100...86_400_000, default: 60_000, "window of the rate limit")
        rateLimitRequestsMax = reader.int(
            "RATE_LIMIT_MAX_REQUESTS", in: 0...1_000_000_000, default: 0,
            "requests per caller and window, 0 for no limit")
        trustedProxies = reader.list("TRUSTED_PROXIES", "addresses whose X-Forwarded-For is believed, * for all")
        if environment.isEnforcing && bindingSecret == nil
            && bindings.entries.contains(where: { $0.url.scheme != "unix" })
        {
            reader.refuse(
                "BINDING_SECRET", "is not set, but BINDINGS_FILE has http(s) bindings, whose calls it signs")
        }
        if let secret = bindingSecret, secret.revealed.utf8.count < 16 {
            reader.refuse("BINDING_SECRET", "is shorter than the 16 bytes it must have")
        }
    }

    private static func readLimits(_ reader: inout ConfigurationReader, bodyBytesMax: Int) -> HTTPServerLimits {
        var limits = HTTPServerLimits()
        limits.bodyBytesMax = bodyBytesMax
        limits.headerBytesMax = reader.bytes(
            "MAX_HEADER_BYTES", in: 1024...(1 << 20), default: limits.headerBytesMax, "longest request head")
        limits.bodiesBytesMax = reader.bytes(
            "MAX_BODIES_BYTES", in: 1024...(1 << 40), default: max(limits.bodiesBytesMax, 4 * bodyBytesMax),
            "request bodies being received at one time, together")
        limits.connectionsMax = reader.int(
            "MAX_CONNECTIONS", in: 1...1_000_000, default: limits.connectionsMax, "open connections")
        limits.idleTimeoutSeconds =
            reader.duration(
                "IDLE_TIMEOUT_SECONDS", in: 1000...3_600_000, default: limits.idleTimeoutSeconds * 1000,
                "connections without traffic are closed") / 1000
        limits.headerTimeoutSeconds = limits.idleTimeoutSeconds + 15
        limits.bodyTimeoutSeconds =
            reader.duration(
                "BODY_TIMEOUT_SECONDS", in: 1000...3_600_000, default: limits.bodyTimeoutSeconds * 1000,
                "time for a request body to arrive") / 1000
        limits.threadCount = reader.int("HTTP_THREADS", in: 1...64, default: 1, "threads that move bytes")
        return limits
    }

    private static func readTLS(_ reader: inout ConfigurationReader) -> HTTPServerConfiguration.TLS? {
        let certificateFile = reader.optionalString("TLS_CERT_FILE", "PEM certificate chain: serve HTTPS")
        let keyFile = reader.optionalString("TLS_KEY_FILE", "PEM key of the certificate")
        guard let certificateFile, let keyFile else {
            if certificateFile != nil { reader.refuse("TLS_KEY_FILE", "is not set, but TLS_CERT_FILE is") }
            if keyFile != nil { reader.refuse("TLS_CERT_FILE", "is not set, but TLS_KEY_FILE is") }
            return nil
        }
        guard let certificate = readFile(certificateFile, "TLS_CERT_FILE", &reader),
            let key = readFile(keyFile, "TLS_KEY_FILE", &reader)
        else { return nil }
        return HTTPServerConfiguration.TLS(
            certificate: String(decoding: certificate, as: UTF8.self), key: String(decoding: key, as: UTF8.self))
    }

    private static func readBindings(_ reader: inout ConfigurationReader) -> BindingsFile {
        guard let path = reader.optionalString("BINDINGS_FILE", "JSON file with the service bindings"),
            let bytes = readFile(path, "BINDINGS_FILE", &reader)
        else { return BindingsFile(entries: []) }
        do {
            return try BindingsFile(json: bytes)
        } catch {
            reader.refuse("BINDINGS_FILE", "\(path): \(error)")
            return BindingsFile(entries: [])
        }
    }

    private static func readKeys(
        _ reader: inout ConfigurationReader, _ identity: WorkerIdentity, _ environment: DeploymentEnvironment
    ) -> [Secret] {
        var keys: [Secret] = []
        if let key = reader.secret("ANALYTICS_API_KEY", "key callers send as X-API-Key or bearer token") {
            keys.append(key)
        }
        for variable in identity.keyListVariables {
            keys += reader.secretList(variable, "further keys, separated by commas")
        }
        let hasAlternative = identity.keyAlternatives.contains { reader.environment[$0] != nil }
        if environment.isEnforcing && keys.isEmpty && !hasAlternative {
            let others = identity.keyAlternatives.map { " (or \($0))" }.joined()
            reader.refuse(
                "ANALYTICS_API_KEY", "is not set, but it\(others) must be when ICEBERG_ENV is \(environment.rawValue)")
        }
        return keys
    }

    private static func readFile(
        _ path: String, _ variable: String, _ reader: inout ConfigurationReader
    ) -> [UInt8]? {
        do {
            return try FileSystem.read(path, bytesMax: 1 << 20)
        } catch {
            reader.refuse(variable, "\(error)")
            return nil
        }
    }
}
