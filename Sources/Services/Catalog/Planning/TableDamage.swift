import IcebergCatalog
import IcebergTable

extension CatalogError {
    /// What reading the files that a table consists of has met.
    ///
    /// A table that is damaged is `.unprocessable`: nothing is wrong with the request or with this service, and asking again
    /// changes nothing.
    init(reading error: TableError) {
        switch error.code {
        case .invalid: self.init(.badRequest, error.message)
        case .missing, .malformed:
            self.init(
                .unprocessable,
                "the table is damaged: \(error.message). POST …/validate on the table says what else is lost or wrong; "
                    + "…/rebuild-manifests and …/recover mend it")
        case .unsupported: self.init(.unsupportedOperation, error.message)
        case .store where error.isRetryable: self.init(.serviceUnavailable, error.message)
        case .store, .stale, .partial: self.init(.internalError, "the table's files cannot be read: \(error.message)")
        }
    }
}
