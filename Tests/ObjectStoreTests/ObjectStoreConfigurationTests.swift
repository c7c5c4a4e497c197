import Configuration
import Foundation
import ObjectStore
import Testing

struct ObjectStoreConfigurationTests {
    @Test func `without any variable it is a directory of the working directory`() throws {
        let configuration = try ObjectStoreConfiguration(environment: [:])
        #expect(configuration.place == .local(root: FileManager.default.currentDirectoryPath + "/var/object-store"))
        #expect(configuration.sourceBucket.rawValue == "analytics-source")
        #expect(configuration.processedBucket.rawValue == "analytics-processed")
        #expect(configuration.catalogBucket.rawValue == "analytics-catalog")
        #expect(configuration.retryPolicy == RetryPolicy())
    }

    @Test func `a directory may have any name`() throws {
        let directory = try TemporaryDirectory()
        let configuration = try ObjectStoreConfiguration(
            environment: ["OBJECT_STORE": "file://\(directory.path)/with space/", "ICEBERG_BUCKET": "old-name"])
        #expect(configuration.place == .local(root: directory.path + "/with space"))
        #expect(configuration.sourceBucket.rawValue == "old-name")
        let store = try configuration.open()
        let location = ObjectLocation(bucket: configuration.sourceBucket, key: try ObjectKey("a"))
        #expect(store.uri(of: location) == "file://\(directory.path)/with space/old-name/a")
    }

    @Test func `an S3 takes its variables, and its secret is not printed`() throws {
        var reader = ConfigurationReader([
            "OBJECT_STORE": "s3", "R2_ENDPOINT": "https://x.example.com/", "R2_ACCESS_KEY_ID": "AK",
            "R2_SECRET_ACCESS_KEY": "hidden", "R2_SESSION_TOKEN": "hidden too", "R2_REGION": "eu-1",
            "R2_ADDRESSING": "virtual", "MAX_RETRIES": "2", "RETRY_BASE_DELAY_MS": "5", "RETRY_MAX_DELAY_MS": "50",
        ])
        let configuration = ObjectStoreConfiguration(from: &reader)
        try reader.finish()
        var expected = S3Configuration(
            endpoint: "https://x.example.com", region: "eu-1",
            credentials: S3Credentials(accessKeyID: "AK", secretAccessKey: "hidden", sessionToken: "hidden too"))
        expected.addressing = .virtual
        #expect(configuration.place == .s3(expected))
        #expect(
            configuration.retryPolicy == RetryPolicy(retriesMax: 2, baseDelayMilliseconds: 5, delayMillisecondsMax: 50))
        #expect(!"\(configuration)".contains("hidden"))
        #expect(!"\(reader.variables)".contains("hidden"))
        #expect(reader.variables.count == 13)
    }

    @Test(arguments: [
        (["OBJECT_STORE": "s3"], ["R2_ENDPOINT", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"]),
        (["OBJECT_STORE": "file://relative"], ["OBJECT_STORE"]), (["OBJECT_STORE": "file:///"], ["OBJECT_STORE"]),
        (["OBJECT_STORE": "file:///a/../b"], ["OBJECT_STORE"]), (["OBJECT_STORE": "/a"], ["OBJECT_STORE"]),
        (["SOURCE_BUCKET": "UPPER"], ["SOURCE_BUCKET"]), (["CATALOG_BUCKET": "a/b"], ["CATALOG_BUCKET"]),
        (["MAX_RETRIES": "-1"], ["MAX_RETRIES"]), (["R2_ADDRESSING": "dns"], ["R2_ADDRESSING"]),
        (
            ["OBJECT_STORE": "s3", "R2_ENDPOINT": "x", "R2_ACCESS_KEY_ID": "a", "R2_SECRET_ACCESS_KEY": "b"],
            ["R2_ENDPOINT"]
        ),
    ]) func `what is not allowed is refused by name`(values: [String: String], variables: [String]) {
        let error = #expect(throws: ConfigurationError.self) {
            try ObjectStoreConfiguration(environment: Environment(values))
        }
        #expect(error?.problems.map(\.variable) == variables)
    }

    @Test func `setting up a local store has nothing to do`() async throws {
        let directory = try TemporaryDirectory()
        let configuration = try ObjectStoreConfiguration(environment: ["OBJECT_STORE": "file://\(directory.path)"])
        let report = try await BucketSetup.run(configuration)
        #expect(report.refused.isEmpty && report.done.count == 1)
    }
}
