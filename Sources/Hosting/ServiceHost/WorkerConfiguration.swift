import Configuration
import Failpoints
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
    package let keys: [AccessKey]
    /// The file of further keys, with what it held at the start.
    package let keyFile: (path: String, keys: [AccessKey])?
    package let allowedOrigins: OriginPatterns
    package let rateLimitWindowMilliseconds: Int
    package let rateLimitRequestsMax: Int
    package let trustedProxies: TrustedProxies
    package let failpoints: FailpointPlan

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
        keyFile = Self.readKeyFile(&reader, identity)
        keys = Self.readKeys(&reader, identity, environment, fromFile: keyFile?.keys.count ?? 0)
        allowedOrigins = Self.readOrigins(&reader)
        rateLimitWindowMilliseconds = reader.duration(
            "RATE_LIMIT_WINDOW_MS", in: 100...86_400_000, default: 60_000, "window of the rate limit")
        rateLimitRequestsMax = reader.int(
            "RATE_LIMIT_MAX_REQUESTS", in: 0...1_000_000_000, default: 0,
            "requests per caller and window, 0 for no limit")
        trustedProxies = Self.readProxies(&reader, environment)
        failpoints = Self.readFailpoints(&reader, environment)
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
            "request bodies received and not answered yet, together; once more what they are decompressed; not below "
                + "MAX_BODY_BYTES")
        if limits.bodiesBytesMax < bodyBytesMax {
            reader.refuse("MAX_BODIES_BYTES", "must not be below MAX_BODY_BYTES")
        }
        limits.connectionsMax = reader.int(
            "MAX_CONNECTIONS", in: 1...1_000_000, default: limits.connectionsMax,
            "open connections; beyond it resting ones are closed for new ones")
        limits.connectionsPerAddressMax = reader.int(
            "MAX_CONNECTIONS_PER_ADDRESS", in: 0...1_000_000, default: limits.connectionsPerAddressMax,
            "open connections of one address, but those of TRUSTED_PROXIES; 0 for no limit")
        limits.idleTimeoutSeconds =
            reader.duration(
                "IDLE_TIMEOUT_SECONDS", in: 1000...3_600_000, default: limits.idleTimeoutSeconds * 1000,
                "connections without traffic are closed") / 1000
        limits.headerTimeoutSeconds =
            reader.duration(
                "HEADER_TIMEOUT_SECONDS", in: 1000...3_600_000, default: limits.headerTimeoutSeconds * 1000,
                "time for a request's headers to arrive") / 1000
        limits.bodyTimeoutSeconds =
            reader.duration(
                "BODY_TIMEOUT_SECONDS", in: 1000...3_600_000, default: limits.bodyTimeoutSeconds * 1000,
                "time for a request body to arrive") / 1000
        limits.bodyBytesPerSecondMin = reader.int(
            "MIN_BODY_BYTES_PER_SECOND", in: 0...1_000_000_000, default: 256,
            "slower bodies are refused after 10 s; 0 for any speed")
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
        _ reader: inout ConfigurationReader, _ identity: WorkerIdentity, _ environment: DeploymentEnvironment,
        fromFile: Int
    ) -> [AccessKey] {
        var keys: [AccessKey] = []
        if let key = reader.secret("ANALYTICS_API_KEY", "key callers send as X-API-Key or bearer token") {
            keys.append(AccessKey(plain: key.revealed, scopes: .all))
        }
        for variable in identity.keyListVariables {
            let entries = reader.secretList(
                variable, "further keys, which may only write, separated by commas; sha256:<hex> for a key's hash")
            for entry in entries {
                guard let key = AccessKey(entry: entry.revealed, scopes: .write) else {
                    reader.refuse(variable, "behind sha256: there must be 64 hexadecimal digits")
                    continue
                }
                if !keys.contains(where: { $0.digest == key.digest }) { keys.append(key) }
            }
        }
        let hasAlternative = identity.keyAlternatives.contains { reader.environment[$0] != nil }
        if environment.isEnforcing && keys.isEmpty && fromFile == 0 && !hasAlternative {
            let others = (identity.keyAlternatives + identity.keyListVariables).map { " (or \($0))" }.joined()
            let file = identity.keyFileVariable.map { variable in
                reader.environment[variable] == nil ? " (or \(variable))" : ", for \(variable) has no key in it,"
            }
            reader.refuse(
                "ANALYTICS_API_KEY",
                "is not set, but it\(others)\(file ?? "") must be when ICEBERG_ENV is \(environment.rawValue)")
        }
        return keys
    }

    private static func readKeyFile(
        _ reader: inout ConfigurationReader, _ identity: WorkerIdentity
    ) -> (path: String, keys: [AccessKey])? {
        guard let variable = identity.keyFileVariable,
            let path = reader.optionalString(
                variable, "JSON file with hashes of keys and what each may do; read again when it changes")
        else { return nil }
        do {
            return (path, try KeyFile.parse(try KeyRing.read(path), hasRoles: identity.keysHaveRoles))
        } catch {
            reader.refuse(variable, "\(path): \(error)")
            return (path, [])
        }
    }

    private static func readOrigins(_ reader: inout ConfigurationReader) -> OriginPatterns {
        let texts = reader.list(
            "ALLOWED_ORIGINS", "browser origins that may call, * for all, https://*.host for all subdomains of one")
        if let origins = OriginPatterns(texts) { return origins }
        reader.refuse(
            "ALLOWED_ORIGINS", "\(OriginPatterns.allowed), not all of \"\(texts.joined(separator: ","))\" are")
        return OriginPatterns()
    }

    private static func readProxies(
        _ reader: inout ConfigurationReader, _ environment: DeploymentEnvironment
    ) -> TrustedProxies {
        let texts = reader.list(
            "TRUSTED_PROXIES", default: environment == .development ? TrustedProxies.loopback : [],
            "addresses and blocks (10.0.0.0/8) whose X-Forwarded-For and CF- fields are believed, * for all")
        if let proxies = TrustedProxies(texts) { return proxies }
        reader.refuse("TRUSTED_PROXIES", "each must be \(TrustedProxies.allowed)")
        return .none
    }

    /// The keys at the start, in a form that can read the file again.
    package func keyRing() -> KeyRing {
        KeyRing(
            fixed: keys, path: keyFile?.path, fromFile: keyFile?.keys ?? [], hasRoles: identity.keysHaveRoles)
    }

    private static func readFailpoints(
        _ reader: inout ConfigurationReader, _ environment: DeploymentEnvironment
    ) -> FailpointPlan {
        guard
            let text = reader.optionalString(
                "ANALYTICS_FAILPOINTS",
                "tests only, in development: \(FailpointPlan.form); analytics-inspect failpoints lists the names")
        else { return FailpointPlan() }
        if environment.isEnforcing {
            reader.refuse("ANALYTICS_FAILPOINTS", "is set, but ICEBERG_ENV is \(environment.rawValue)")
        }
        do throws(FailpointPlan.Problem) {
            return try FailpointPlan.parse(text)
        } catch {
            reader.refuse("ANALYTICS_FAILPOINTS", error.description)
            return FailpointPlan()
        }
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
