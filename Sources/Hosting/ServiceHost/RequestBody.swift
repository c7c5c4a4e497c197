import Compression
import HTTP
import Synchronization

/// Undoes `Content-Encoding` (gzip, zstd, deflate), within a limit on what comes out.
package enum RequestBody {
    package static func decode(_ request: inout HTTPRequest, bytesMax: Int) throws(ServiceError) {
        guard let header = request.headers["Content-Encoding"] else { return }
        let codings = header.split(separator: ",").map { $0.filter { $0 != " " }.lowercased() }
        guard codings.count <= 3 else { throw .unsupportedMediaType("more than three content encodings") }
        let known: Set<String> = ["identity", "", "gzip", "x-gzip", "deflate", "zstd"]
        if let unknown = codings.first(where: { !known.contains($0) }) {
            throw .unsupportedMediaType(
                "the content encoding \"\(unknown.prefix(50))\" is not known; gzip, zstd and deflate are")
        }
        for coding in codings.reversed() {
            do throws(CompressionError) {
                switch coding {
                case "gzip", "x-gzip":
                    request.body = try Deflate.decompress(request.body, container: .gzip, limit: bytesMax)
                case "deflate":
                    request.body = try Deflate.decompress(request.body, container: .zlib, limit: bytesMax)
                case "zstd":
                    request.body = try Zstandard.decompress(request.body, limit: bytesMax)
                default: continue
                }
            } catch {
                throw Self.refusal(error, coding: coding, bytesMax: bytesMax)
            }
        }
        request.headers["Content-Encoding"] = nil
        request.headers["Content-Length"] = String(request.body.count)
    }

    private static func refusal(_ error: CompressionError, coding: String, bytesMax: Int) -> ServiceError {
        switch error.code {
        case .tooLarge: .tooLarge("the \(coding) body is longer than \(bytesMax) bytes once decompressed")
        case .corrupt: .badRequest("the \(coding) body is damaged or cut short")
        case .failed: .unavailable("the \(coding) body could not be decompressed")
        }
    }
}

/// Memory that many requests share.
final class MemoryBudget: Sendable {
    private let used = Atomic<Int>(0)
    private let bytesMax: Int

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// False when there is not so much left.
    func reserve(_ count: Int) -> Bool {
        guard count > 0 else { return true }
        guard used.wrappingAdd(count, ordering: .relaxed).newValue > bytesMax else { return true }
        release(count)
        return false
    }

    func release(_ count: Int) {
        if count > 0 { used.wrappingSubtract(count, ordering: .relaxed) }
    }
}
