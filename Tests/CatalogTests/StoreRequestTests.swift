import IcebergCatalog
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// Which requests to the store are signed for clients, and for whom.
@Suite struct StoreRequestTests {
    struct Row: Sendable, CustomStringConvertible {
        let method: String
        let uri: String
        var headers: [String: String] = [:]
        var body: String?
        /// Nil: nobody gets it signed.
        var need: Privilege?
        var description: String { "\(method) \(uri) \(headers) \(body ?? "")" }

        init(
            _ method: String, _ uri: String, _ need: Privilege?, headers: [String: String] = [:], body: String? = nil
        ) {
            self.method = method
            self.uri = uri
            self.headers = headers
            self.body = body
            self.need = need
        }
    }

    static let base = "https://s3.example.com/lake"
    static let objects = "\(base)/db/t/data"

    static let signed = [
        Row("GET", "\(objects)/a", .read), Row("HEAD", "\(objects)/a?x-id=HeadObject", .read),
        Row("GET", "\(objects)/a?partNumber=1", .read), Row("GET", "HTTPS://S3.example.com:443/lake/db/t/a", .read),
        Row("GET", "https://lake.s3.example.com/db/t/data/a", .read),
        Row("GET", "\(objects)/a%20b%2Bc=%C3%A9", .read),
        Row("GET", "\(objects)/day=..%252e/100%25/p=a%255Cb%2525/v1..2/...", .read),
        Row("GET", "\(base)?prefix=db/t/a..b/..c", .read), Row("PUT", "\(objects)/a", .write),
        Row("PUT", "\(objects)/a?partNumber=1&uploadId=u", .write), Row("POST", "\(objects)/a?uploads", .write),
        Row("POST", "\(objects)/a?uploadId=u&x-id=CompleteMultipartUpload", .write),
        Row("DELETE", "\(objects)/a", .write), Row("DELETE", "\(objects)/a?uploadId=u", .write),
        Row("GET", "\(objects)/a?uploadId=u&max-parts=10", .write),
        Row("GET", "\(base)?list-type=2&prefix=db%2Ft%2F&delimiter=%2F", .read),
        Row("GET", "\(base)/?list-type=2&prefix=db/t/data/x&max-keys=1", .read),
        Row("PUT", "\(objects)/a", .write, headers: ["x-amz-checksum-crc32": "AAAAAA==", "X-Amz-Meta-A": "b"]),
        Row("PUT", "\(objects)/a", .write, headers: ["x-amz-copy-source": "/lake/db/t/data/b?versionId=1"]),
        Row(
            "POST", "\(base)?delete", .write,
            body: "<Delete><Quiet>true</Quiet><Object><Key>db/t/a</Key></Object></Delete>"),
    ]

    static let refused = [
        Row("GET", "https://evil.example.com/lake/db/t/a", nil), Row("GET", "http://s3.example.com/lake/db/t/a", nil),
        Row("GET", "https://s3.example.com@evil.com/lake/db/t/a", nil),
        Row("GET", "https://s3.example.com.evil.com/lake/db/t/a", nil),
        Row("GET", "https://s3.example.com:8443/lake/db/t/a", nil),
        Row("GET", "https://other.s3.example.com/db/t/a", nil), Row("GET", "https://s3.example.com/other/db/t/a", nil),
        Row("GET", "\(base)/db/t2/a", nil), Row("GET", "\(base)/db/t", nil), Row("GET", "\(base)/db/t/../u/a", nil),
        Row("GET", "\(base)/db/t/%2e%2e/u/a", nil), Row("GET", "\(base)/db/t/..%2Fu", nil),
        Row("GET", "\(base)/db/t//a", nil), Row("GET", "\(base)//db/t/a", nil), Row("GET", "\(objects)/a#b", nil),
        Row("GET", "\(objects)/a%00", nil), Row("GET", "\(objects)/a%5Cb", nil), Row("GET", "\(objects)/%FF", nil),
        Row("GET", "\(objects)/a b", nil), Row("GET", "\(objects)/a%2", nil),
        Row("GET", "\(objects)/a?versionId=1", nil), Row("GET", "\(objects)/a?acl", nil),
        Row("GET", "\(objects)/a?partNumber=1&partNumber=2", nil), Row("PUT", "\(objects)/a?acl", nil),
        Row("PUT", "\(objects)/a?tagging", nil), Row("PUT", "\(objects)/a?uploadId=u", nil),
        Row("DELETE", "\(objects)/a?versionId=1", nil), Row("POST", "\(objects)/a?restore", nil),
        Row("POST", "\(objects)/a", nil), Row("PATCH", "\(objects)/a", nil), Row("OPTIONS", "\(objects)/a", nil),
        Row("get", "\(objects)/a", nil), Row("GET", "https://s3.example.com/", nil), Row("GET", base, nil),
        Row("GET", "\(base)?list-type=2&prefix=db%2Ft", nil), Row("GET", "\(base)?list-type=2&prefix=", nil),
        Row("GET", "\(base)?prefix=db/t/&prefix=", nil), Row("GET", "\(base)?prefix=db/t/&versions", nil),
        Row("GET", "\(base)?prefix=db/t/../u/", nil), Row("GET", "\(base)?prefix=db%2Ft%2F..%2Fu", nil),
        Row("GET", "\(base)?prefix=db/t/%252e%252E/u", nil),
        Row("GET", "\(base)?prefix=db/t/%25252e%25252e%25252fu", nil),
        Row("GET", "\(base)?prefix=db/t/./u", nil), Row("GET", "\(base)?prefix=db/t/..%5Cu", nil),
        Row("GET", "\(base)?prefix=db/t/&start-after=db/t/../u", nil), Row("GET", "\(base)?prefix=db/t/%0Au", nil),
        Row("GET", "\(base)/db/t/%252e%252e/u/a", nil), Row("GET", "\(base)/db/t/x%252f%252E.%252fu", nil),
        Row("GET", "\(base)?policy", nil), Row("PUT", base, nil), Row("DELETE", base, nil),
        Row("POST", "\(base)?delete", nil),
        Row("POST", "\(base)?delete", nil, body: "<Delete><Object><Key>db/u/a</Key></Object></Delete>"),
        Row(
            "POST", "\(base)?delete", nil,
            body: "<Delete><Object><Key>db/t/a</Key><VersionId>1</VersionId></Object></Delete>"),
        Row("POST", "\(base)?delete", nil, body: "<Other/>"), Row("POST", "\(base)?delete", nil, body: "<Delete"),
        Row("PUT", "\(objects)/a", nil, headers: ["x-amz-acl": "public-read"]),
        Row("PUT", "\(objects)/a", nil, headers: ["X-Amz-Grant-Read": "id=x"]),
        Row("PUT", "\(objects)/a", nil, headers: ["x-amz-object-lock-mode": "COMPLIANCE"]),
        Row("PUT", "\(objects)/a", nil, headers: ["x-amz-tagging": "a=b"]),
        Row("PUT", "\(objects)/a", nil, headers: ["x-amz-copy-source": "/lake/db/u/b"]),
        Row("PUT", "\(objects)/a", nil, headers: ["x-amz-copy-source": "other/db/t/b"]),
        Row("PUT", "\(objects)/a", nil, headers: ["x-amz-copy-source": "/lake/db/t/..%2F..%2Fu"]),
        Row("PUT", "\(objects)/a", nil, headers: ["x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"]),
        Row("PUT", "\(objects)/a", nil, headers: ["x-amz-meta-a": "b\nx-amz-acl: public-read"]),
    ]

    private static func sign(
        _ row: Row, region: String = "auto"
    ) throws(CatalogError) -> (need: Privilege, uri: String, names: [String]) {
        var configuration = S3Configuration(
            endpoint: "https://s3.example.com",
            credentials: S3Credentials(accessKeyID: "AK", secretAccessKey: "SK", sessionToken: "ST"))
        configuration.addressing = .path
        guard let signer = StoreRequestSigner(configuration, clock: FixedClock()) else {
            throw CatalogError(.internalError, "no signer")
        }
        var body: JSONValue = [
            "region": .string(region), "uri": .string(row.uri), "method": .string(row.method),
            "headers": .object(JSONObject(row.headers.map { JSONObject.Member(key: $0, value: [.string($1)]) })),
        ]
        if let text = row.body, var object = body.object {
            object["body"] = .string(text)
            body = .object(object)
        }
        let request = try StoreRequest(JSONCursor(body), endpoint: signer.endpoint)
        let need = try StoreRequestRules(place: try table()).need(of: request)
        let signed = try signer.sign(request)
        return (need, signed.uri, signed.headers.map(\.name))
    }

    private static func table() throws(CatalogError) -> ObjectLocation {
        do throws(ObjectStoreError) {
            return ObjectLocation(bucket: try BucketName("lake"), key: try ObjectKey("db/t"))
        } catch {
            throw CatalogError(.internalError, error.message)
        }
    }

    @Test(arguments: signed)
    func `an operation on the table's objects is signed for who may do it`(row: Row) throws {
        let (need, uri, names) = try Self.sign(row)
        #expect(need == row.need)
        #expect(uri.hasPrefix("https://s3.example.com/lake/"))
        #expect(names.contains("Authorization"))
        #expect(names.contains("x-amz-security-token"))
    }

    @Test(arguments: refused)
    func `nothing else is signed`(row: Row) {
        var code: CatalogError.Code?
        do throws(CatalogError) {
            _ = try Self.sign(row)
        } catch {
            code = error.code
        }
        #expect(code == .forbidden || code == .badRequest)
    }

    @Test(arguments: ["", "us\r\nX-Evil: 1", "us east", "us/east", "é", "a\u{0}", String(repeating: "a", count: 65)])
    func `a region is a word`(region: String) throws {
        let row = Row("GET", "\(Self.objects)/a", .read)
        #expect { _ = try Self.sign(row, region: region) } throws: { ($0 as? CatalogError)?.code == .badRequest }
        _ = try Self.sign(row, region: "us-gov-east-1")
    }

    @Test func `what is signed is written anew, so that it means what was checked`() throws {
        let uri = try Self.sign(Row("GET", "https://s3.example.com/lake/db/t/a+b%7e?x-id=b&partNumber=1", .read)).uri
        #expect(uri == "https://s3.example.com/lake/db/t/a%2Bb~?partNumber=1&x-id=b")
    }
}
