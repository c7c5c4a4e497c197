import Committing
import Events
import HTTP
import ServiceHost
import WriteAheadLog

extension CollectorRoutes {
    /// How callers are told of the errors of the modules below; nil for those nobody should meet.
    static func serviceError(_ error: any Error) -> ServiceError? {
        switch error {
        case let error as Closed: return error.serviceError
        case let error as EventBodyError:
            switch error.code {
            case .malformed: return ServiceError(status: 400, type: "MalformedBodyException", error.message)
            case .unsupportedMediaType: return ServiceError(status: 415, error.message)
            case .tooLarge: return ServiceError(status: 413, error.message)
            case .failed: return nil
            }
        case let error as LogError:
            switch error.code {
            case .full:
                return ServiceError(
                    status: 507, type: "LogFullException", error.message, headers: ["Retry-After": "5"])
            case .invalidRecord: return ServiceError(status: 413, error.message)
            case .poisoned, .closed, .failed:
                return ServiceError(
                    status: 503, type: "LogUnavailableException", error.message, headers: ["Retry-After": "10"])
            case .corrupt, .locked: return nil
            }
        case let error as CommitError:
            return ServiceError(
                status: 503, type: "CommitUnavailableException", error.message, headers: ["Retry-After": "10"])
        default: return nil
        }
    }
}
