import IcebergTable

extension DataError {
    init(_ error: TableError) {
        let code: Code =
            switch error.code {
            case .malformed: .malformed
            case .unsupported: .unsupported
            case .missing: .missing
            case .store: .store
            default: .invalid
            }
        self.init(code, at: "", error.message, isRetryable: error.isRetryable)
    }
}
