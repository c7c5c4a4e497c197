import Clocks
import Foundation
import Glibc
import HTTP
import ObjectStore
import Synchronization
import Testing

/// A real S3 server on loopback: SeaweedFS, one for all tests of the process. Its binary is `SEAWEEDFS_BINARY`, or `weed` in
/// the path; without either the tests that need it are skipped.
final class SeaweedServer: Sendable {
    static let missing: Comment = "no SeaweedFS: set SEAWEEDFS_BINARY, or have weed in the path"

    static let binary: String? = {
        let environment = ProcessInfo.processInfo.environment
        let candidates =
            (environment["SEAWEEDFS_BINARY"].map { [$0] } ?? [])
            + (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/weed" }
        return candidates.first { access($0, X_OK) == 0 }
    }()

    private static let client = Result { try CurlClient() }
    static let shared = Task { try await SeaweedServer() }

    let endpoint: String
    private let buckets = Mutex(0)

    private init() async throws {
        let binary = try #require(Self.binary)
        let directory = NSTemporaryDirectory() + "weed-\(Foundation.UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory + "/data", withIntermediateDirectories: true)
        let users = """
            {"identities":[{"name":"admin","credentials":[{"accessKey":"AK","secretKey":"SK"}],\
            "actions":["Admin","Read","Write","List","Tagging"]}]}
            """
        try users.write(toFile: directory + "/s3.json", atomically: true, encoding: .utf8)
        let ports = try Self.freePorts(4)
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        // Ends with this process, however that ends: its standard input is a pipe that only we hold open.
        process.arguments = [
            "-c", "\"$@\" </dev/null >\(directory)/log 2>&1 & child=$!; cat; kill -9 $child; rm -rf \(directory)", "sh",
            binary,
            "-logdir=\(directory)", "mini", "-dir=\(directory)/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            "-master.telemetry=false", "-s3.config=\(directory)/s3.json", "-webdav=false", "-admin.ui=false",
            "-s3.port.lance=0", "-s3.port.iceberg=0", "-s3.port=\(ports[0])", "-master.port=\(ports[1])",
            "-volume.port=\(ports[2])", "-filer.port=\(ports[3])",
        ]
        let input = Pipe()
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        Self.pipes.withLock { $0.append(input) }
        endpoint = "http://127.0.0.1:\(ports[0])"
        try await waitUntilReady()
    }

    private static let pipes = Mutex<[Pipe]>([])

    /// Ports that are free now, and whose gRPC twins (10000 above) are free as well.
    private static func freePorts(_ count: Int) throws -> [Int] {
        var found: [Int] = []
        for _ in 0..<1000 where found.count < count {
            let port = Int.random(in: 20_000..<30_000)
            if !found.contains(port), isFree(port), isFree(port + 10_000) { found.append(port) }
        }
        try #require(found.count == count)
        return found
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeBytes(of: &address) {
            bind(descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), length)
        } == 0
    }

    func store(
        clock: any WallClock = SystemClock(), _ change: (inout S3Configuration) -> Void = { _ in }
    ) throws -> S3ObjectStore {
        var configuration = S3Configuration(
            endpoint: endpoint, region: "us-east-1",
            credentials: S3Credentials(accessKeyID: "AK", secretAccessKey: "SK"))
        change(&configuration)
        return try S3ObjectStore(configuration, http: Self.client.get(), wallClock: clock)
    }

    /// A bucket that no other test uses.
    func newBucket() async throws -> BucketName {
        let number = buckets.withLock { count in
            count += 1
            return count
        }
        let bucket = try BucketName("test-bucket-\(number)")
        #expect(try await store().createBucket(bucket))
        return bucket
    }

    private func waitUntilReady() async throws {
        let store = try store()
        let bucket = try BucketName("ready")
        var last: (any Error)?
        for _ in 0..<300 {
            do {
                _ = try await store.createBucket(bucket)
                _ = try await ObjectStoreProbe.reachability(of: store, bucket: bucket)
                return
            } catch {
                last = error
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        throw try #require(last)
    }
}
