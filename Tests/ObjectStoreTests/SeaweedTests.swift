import Bytes
import Clocks
import Configuration
import ObjectStore
import Testing

/// What only a server can show: what it makes of signatures, buckets and uploads in parts.
@Suite(.enabled(if: SeaweedServer.binary != nil, SeaweedServer.missing))
struct SeaweedTests {
    @Test func `wrong credentials are refused with the server's own reason`() async throws {
        let server = try await SeaweedServer.shared.value
        let bucket = try await server.newBucket()
        let location = ObjectLocation(bucket: bucket, key: try ObjectKey("a"))
        for (credentials, code) in [
            (S3Credentials(accessKeyID: "AK", secretAccessKey: "wrong"), "SignatureDoesNotMatch"),
            (S3Credentials(accessKeyID: "nobody", secretAccessKey: "SK"), "InvalidAccessKeyId"),
        ] {
            let store = try server.store { $0.credentials = credentials }
            let error = await #expect(throws: ObjectStoreError.self) {
                try await store.put(location, [1], condition: .always, contentType: nil)
            }
            #expect(error?.code == .accessDenied)
            #expect(error?.effect == ObjectStoreError.Effect.none)
            #expect(error?.message.contains(code) == true, "\(error?.message ?? "")")
        }
    }

    @Test func `a clock that is wrong by hours is corrected by the server's`() async throws {
        let server = try await SeaweedServer.shared.value
        let bucket = try await server.newBucket()
        let late = FixedClock(time: Timestamp(microseconds: SystemClock().now().microseconds - 7_200_000_000))
        let store = try server.store(clock: late)
        let location = ObjectLocation(bucket: bucket, key: try ObjectKey("a"))
        _ = try await store.put(location, [1], condition: .always, contentType: nil)
        #expect(try await store.get(location, range: nil).bytes == [1])
    }

    @Test func `a large object goes up in parts and comes down whole`() async throws {
        let server = try await SeaweedServer.shared.value
        let bucket = try await server.newBucket()
        let store = try server.store {
            $0.multipartThresholdBytes = 6 << 20
            $0.partBytes = 5 << 20
        }
        let location = ObjectLocation(bucket: bucket, key: try ObjectKey("large/é +=%.bin"))
        let bytes = (0..<(17 << 20)).map { UInt8(truncatingIfNeeded: $0 >> 12 ^ $0) }
        guard case .stored = try await store.put(location, bytes, condition: .ifAbsent, contentType: nil) else {
            Issue.record("not stored")
            return
        }
        #expect(try await store.get(location, range: nil).bytes == bytes)
        #expect(
            try await store.get(location, range: (5 << 20) - 3..<(5 << 20) + 3).bytes
                == Array(bytes[(5 << 20) - 3..<(5 << 20) + 3]))
        #expect(try await store.put(location, bytes, condition: .ifAbsent, contentType: nil) == .conditionFailed)
    }

    @Test func `a missing bucket is not found`() async throws {
        let server = try await SeaweedServer.shared.value
        let store = try server.store()
        let bucket = try BucketName("no-such-bucket")
        #expect(try await !store.bucketExists(bucket))
        let error = await #expect(throws: ObjectStoreError.self) {
            try await store.get(ObjectLocation(bucket: bucket, key: ObjectKey("a")), range: nil)
        }
        #expect(error?.code == .notFound)
    }

    @Test func `setting up buckets again changes nothing`() async throws {
        let server = try await SeaweedServer.shared.value
        let environment = [
            "OBJECT_STORE": "s3", "R2_ENDPOINT": server.endpoint, "R2_ACCESS_KEY_ID": "AK",
            "R2_SECRET_ACCESS_KEY": "SK",
            "SOURCE_BUCKET": "setup-source", "PROCESSED_BUCKET": "setup-processed", "CATALOG_BUCKET": "setup-catalog",
        ]
        let configuration = try ObjectStoreConfiguration(environment: .init(environment))
        let first = try await BucketSetup.run(configuration)
        #expect(first.refused.isEmpty)
        #expect(
            first.done == [
                "the bucket setup-source: created", "the bucket setup-processed: created",
                "the bucket setup-catalog: created", "the lifecycle rules of setup-processed: set",
            ])
        let second = try await BucketSetup.run(configuration)
        #expect(second.refused.isEmpty)
        #expect(
            second.done == [
                "the bucket setup-source: exists", "the bucket setup-processed: exists",
                "the bucket setup-catalog: exists", "the lifecycle rules of setup-processed: are as they should be",
            ])
        let rules = try await server.store().lifecycle(of: configuration.processedBucket)
        #expect(Set(rules) == Set(BucketSetup.processedRules))
    }
}
