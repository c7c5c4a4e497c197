import CSimdJSON

/// Why one event of a request was not accepted.
package struct EventRejection: Hashable, Sendable {
    package enum Reason: String, CaseIterable, Sendable {
        case notAnObject = "not_an_object"
        case missingAttribute = "missing_attribute"
        case wrongType = "wrong_type"
        case emptyAttribute = "empty_attribute"
        case invalidValue = "invalid_value"
        case invalidName = "invalid_name"
        case duplicateAttribute = "duplicate_attribute"
        case eventTooLarge = "event_too_large"
        case attributeTooLong = "attribute_too_long"
        case specVersion = "unsupported_specversion"
        case invalidTime = "invalid_time"
        case dataConflict = "data_conflict"
        case notJSON = "not_json"
        case notAnEvent = "not_an_event"
        case invalidBase64 = "invalid_base64"
        case tooManyExtensions = "too_many_extensions"
        /// The sender's key is not for events of this type.
        case typeNotAllowed = "type_not_allowed"
        /// The event says that it is of a time too far ahead.
        case timeOutOfRange = "time_out_of_range"
        /// The data does not fit the schema of its type, which is strict.
        case schemaViolation = "schema_violation"
        /// The data would change the schema of its type in a way that is not allowed.
        case schemaIncompatible = "schema_incompatible"
        /// Judging it by the schema of its type takes more steps than an event, or its request, may take.
        case validationTooCostly = "validation_too_costly"

        init(problem: UInt32) {
            self =
                switch Int(problem) {
                case CEVENTS_NOT_AN_OBJECT: .notAnObject
                case CEVENTS_MISSING: .missingAttribute
                case CEVENTS_WRONG_TYPE: .wrongType
                case CEVENTS_EMPTY: .emptyAttribute
                case CEVENTS_INVALID_VALUE: .invalidValue
                case CEVENTS_INVALID_NAME: .invalidName
                case CEVENTS_DUPLICATE_ATTRIBUTE: .duplicateAttribute
                case CEVENTS_EVENT_TOO_LARGE: .eventTooLarge
                case CEVENTS_ATTRIBUTE_TOO_LONG: .attributeTooLong
                case CEVENTS_SPECVERSION: .specVersion
                case CEVENTS_INVALID_TIME: .invalidTime
                case CEVENTS_DATA_CONFLICT: .dataConflict
                case CEVENTS_NOT_JSON: .notJSON
                case CEVENTS_INVALID_BASE64: .invalidBase64
                case CEVENTS_TOO_MANY_EXTENSIONS: .tooManyExtensions
                default: .notAnEvent
                }
        }
    }

    /// The event's place in the request, from 0.
    package let index: Int
    package let id: String?
    /// The event's own type, as far as it could be read.
    package let eventType: String?
    package let reason: Reason
    /// The attribute at fault; empty when it is the event as a whole.
    package let attribute: String
    /// What is wrong, where the reason does not say it all.
    package let detail: String?
    /// The event as it was sent: a range of the body.
    package let text: Range<Int>

    package init(
        index: Int, id: String?, eventType: String? = nil, reason: Reason, attribute: String = "",
        detail: String? = nil, text: Range<Int>
    ) {
        self.index = index
        self.id = id
        self.eventType = eventType
        self.reason = reason
        self.attribute = attribute
        self.detail = detail
        self.text = text
    }

    /// The stable name of the error in replies.
    package var type: String {
        switch reason {
        case .eventTooLarge: "EventTooLargeException"
        case .specVersion: "UnsupportedSpecVersionException"
        case .notJSON: "MalformedJSONException"
        case .typeNotAllowed: "ForbiddenException"
        case .schemaViolation: "SchemaViolationException"
        case .schemaIncompatible: "SchemaIncompatibleException"
        case .validationTooCostly: "ValidationTooCostlyException"
        default: "InvalidEventException"
        }
    }

    package var message: String {
        guard let detail else { return reasonMessage }
        return "\(reasonMessage): \(detail)"
    }

    private var reasonMessage: String {
        switch reason {
        case .notAnObject: "an event is a JSON object"
        case .missingAttribute: "the attribute \"\(attribute)\" is required"
        case .wrongType: "the attribute \"\(attribute)\" has a type it may not have: \(allowedType)"
        case .emptyAttribute: "the attribute \"\(attribute)\" must not be empty"
        case .invalidValue: "the value of \"\(attribute)\" is not allowed: \(allowedValue)"
        case .invalidName: "\"\(attribute)\" cannot name an attribute: 1 to 20 of the characters a-z and 0-9 can"
        case .duplicateAttribute: "the attribute \"\(attribute)\" is given twice"
        case .eventTooLarge: "the event is larger than MAX_EVENT_BYTES"
        case .attributeTooLong: "the value of \"\(attribute)\" is too long: \(bytesMax) bytes are allowed"
        case .specVersion: "only the specversion \"1.0\" is supported"
        case .invalidTime:
            "\"\(attribute)\" is not a date-time of RFC 3339, in the years 1 to 9999 of UTC, such as 2024-01-15T14:30:00Z"
        case .dataConflict: "an event has either \"data\" or \"data_base64\""
        case .notJSON: "this is not one JSON object"
        case .notAnEvent: "neither a CloudEvent (no \"specversion\") nor a bare event (no \"event_type\")"
        case .invalidBase64: "the value of \"\(attribute)\" is not base64"
        case .tooManyExtensions: "an event has at most \(EventLimits.extensionsMax) extension attributes"
        case .schemaViolation: "the event violates the schema of its type"
        case .schemaIncompatible: "the event does not fit the schema of its type, nor a wider one"
        case .validationTooCostly:
            "judging the event by the schema of its type takes more work than an event, or all of a request, may take; it was "
                + "not judged, and may pass in a request with fewer events"
        case .typeNotAllowed: "the key that was shown is not for events of this type"
        case .timeOutOfRange: "\"\(attribute)\" lies further ahead of the collector's clock than MAX_FUTURE_SECONDS"
        }
    }

    private var bytesMax: Int {
        switch attribute {
        case "id", "event_id": EventLimits.idBytesMax
        case "source": EventLimits.sourceBytesMax
        case "type", "event_type": EventLimits.typeBytesMax
        default: EventLimits.attributeBytesMax
        }
    }

    private var allowedType: String {
        switch attribute {
        case "id", "source", "type", "specversion", "time", "subject", "datacontenttype", "dataschema", "data_base64",
            "event_type", "timestamp", "data":
            "a string is expected"
        case "event_id", "user_id": "a string or an integer is expected"
        default: "a string, a boolean or an integer is expected"
        }
    }

    private var allowedValue: String {
        attribute == "datacontenttype"
            ? "a media type such as application/json is expected" : "text without control characters is expected"
    }
}

/// A whole request with events cannot be read.
package struct EventBodyError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        case malformed
        case unsupportedMediaType
        case tooLarge
        case failed
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
