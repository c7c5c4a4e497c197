import Bytes
import Checksums
import Clocks
import Compression
import IcebergCatalog
import IcebergTable
import JSONFormat

/// What plan ids and plan tasks hold: the table, the scan, and for a task the stretch of it. Signed, so that whatever a
/// token says was found by a replica of this catalog, with its limits.
///
/// Layout, in base64url: format (1 byte) · kind (1) · UUID of the table (16) · the scan as JSON, compressed with
/// zstd · signature (16) over all of that.
struct PlanToken: Sendable {
    enum Kind: UInt8 {
        case plan = 1
        case task = 2

        fileprivate var bytesMax: Int {
            self == .plan ? CatalogLimits.planIDBytesMax : CatalogLimits.planTaskBytesMax
        }
    }

    let table: UUID
    let scan: ScanRequest
    /// Nil in a plan id, and where the scan did not fit one.
    let stretch: StagedScan.Stretch?

    private static let format: UInt8 = 1
    private static let headCount = 18
    private static let purpose = "scan-planning"

    /// The token, or nil when it would be longer than its kind may be.
    func sealed(_ kind: Kind, with key: SigningKey) async throws(CatalogError) -> String? {
        var body = scan.tokenJSON
        if let stretch {
            body["m"] = [
                JSONValue(stretch.start.manifest), JSONValue(stretch.start.entry), JSONValue(stretch.end),
            ]
        }
        var bytes = [Self.format, kind.rawValue] + table.bytes
        do {
            bytes += try Zstandard.compress(JSONValue.object(body).serialized(), level: 9)
        } catch {
            throw CatalogError(.internalError, "a plan cannot be compressed: \(error)")
        }
        bytes += try await key.signature(of: bytes, for: Self.purpose)
        let text = Base64.encode(bytes, alphabet: .urlSafe)
        return text.utf8.count <= kind.bytesMax ? text : nil
    }

    /// Reads a token of this kind.
    ///
    /// - Returns: nil for what no replica of this catalog has made.
    static func open(_ text: String, as kind: Kind, with key: SigningKey) async throws(CatalogError) -> PlanToken? {
        guard text.utf8.count <= kind.bytesMax, let bytes = Base64.decode(text),
            bytes.count > headCount + SigningKey.signatureByteCount, bytes[0] == format, bytes[1] == kind.rawValue
        else { return nil }
        let signed = Array(bytes.dropLast(SigningKey.signatureByteCount))
        let expected = try await key.signature(of: signed, for: purpose)
        guard Digest.constantTimeEquals(expected, Array(bytes.suffix(expected.count))) else { return nil }
        do {
            let json = try Zstandard.decompress(
                Array(signed.dropFirst(headCount)), limit: CatalogLimits.planRequestBytesMax)
            guard let table = UUID(bytes: signed[2..<headCount]) else { return nil }
            let body = JSONCursor(try JSONValue.parse(json))
            return PlanToken(table: table, scan: try ScanRequest(token: body), stretch: try stretch(body))
        } catch {
            throw CatalogError(.internalError, "a signed token cannot be read: \(error)")
        }
    }

    private static func stretch(_ body: JSONCursor) throws(JSONError) -> StagedScan.Stretch? {
        guard let numbers = try body.optional("m")?.elements() else { return nil }
        guard numbers.count == 3 else { throw body.fail("\"m\" has three numbers") }
        let start = StagedScan.Position(
            manifest: try numbers[0].integer(as: Int.self), entry: try numbers[1].integer(as: Int.self))
        return StagedScan.Stretch(start: start, end: try numbers[2].integer(as: Int.self))
    }
}
