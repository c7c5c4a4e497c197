import HTTP
import IcebergSpec
import JSONFormat

/// What a catalog's answer says, and above all what it does not say.
enum CatalogResponse {
    /// With an error body of the catalog, an answer in the 400s says that a change certainly did not take place. Not these:
    /// a time that ran out, a sender that went away, and what was turned away once may follow on a try that was not. Every
    /// 5xx, 503 included, may come from a proxy that lost the answer of a change that took place.
    static let inconclusiveStatuses: Set<Int> = [408, 425, 429, 499]

    private static func isRefusal(_ status: Int) -> Bool {
        (400..<500).contains(status) && !inconclusiveStatuses.contains(status)
    }

    /// What became of a mutation.
    enum Verdict {
        case done
        case rejected(CatalogError)
        case unknown(String)
    }

    static func verdict(_ response: HTTPResponse, on subject: CatalogSubject) -> Verdict {
        switch response.status {
        case 200..<300: return .done
        case let status where isRefusal(status):
            guard let error = error(in: response, on: subject), error.code != .commitStateUnknown else { fallthrough }
            return .rejected(error)
        default: return .unknown("the catalog answered \(response.status): \(excerpt(response.body))")
        }
    }

    /// The error of a read that did not succeed.
    static func readError(_ response: HTTPResponse, on subject: CatalogSubject) -> CatalogError {
        if let error = error(in: response, on: subject) { return error }
        let message = "the catalog answered \(response.status): \(excerpt(response.body))"
        return CatalogError(subject.code(ofStatus: response.status), message, status: response.status)
    }

    /// The error model in the body; nil when the body holds none.
    static func error(in response: HTTPResponse, on subject: CatalogSubject) -> CatalogError? {
        let parsed: JSONValue
        do { parsed = try JSONValue.parse(response.body) } catch { return nil }
        guard let model = parsed["error"]?.object else { return nil }
        let type = model["type"]?.string
        guard type != nil || model["message"]?.string != nil else { return nil }
        let message = model["message"]?.string ?? "no message"
        let known = type.flatMap(CatalogError.Code.init(rawValue:))
        return CatalogError(known ?? subject.code(ofStatus: response.status), message, status: response.status)
    }

    /// The `LoadTableResult` or `CommitTableResponse` in the body.
    static func table(in response: HTTPResponse) throws(CatalogError) -> LoadedTable {
        do {
            let cursor = JSONCursor(try JSONValue.parse(response.body, depthLimit: Limits.jsonDepthMax))
            let metadata = try TableMetadata(json: cursor.member("metadata").value)
            let location = try cursor.optional("metadata-location")?.string()
            let config = try cursor.optional("config")?.stringMap() ?? [:]
            return LoadedTable(
                metadata: metadata, metadataLocation: location, config: config,
                credentials: try StorageCredential.list(in: cursor))
        } catch {
            throw CatalogError(.internalError, "the catalog's answer is no table: \(error)")
        }
    }

    static func excerpt(_ body: [UInt8]) -> String { String(decoding: body.prefix(300), as: UTF8.self) }
}

/// What a request is about: gives meaning to a bare 404 or 409.
enum CatalogSubject {
    case namespace, newTable, table, commit, drop

    func code(ofStatus status: Int) -> CatalogError.Code {
        switch status {
        case 401: .notAuthorized
        case 403: .forbidden
        case 404: self == .namespace || self == .newTable ? .noSuchNamespace : .noSuchTable
        case 406, 501: .unsupportedOperation
        case 409: self == .commit ? .commitFailed : self == .drop ? .namespaceNotEmpty : .alreadyExists
        case 419: .authenticationTimeout
        case 422: .unprocessable
        case 429: .tooManyRequests
        case 400..<500: .badRequest
        case 502, 503, 504: .serviceUnavailable
        default: .internalError
        }
    }
}
