import JSONFormat

/// Schemas that need no registry: page views and video events of the browser SDK, with what every event of it has.
package enum PredefinedSchemas {
    package static let names = ["page_view", "video_event"]

    /// nil for a name that is none of `names`.
    package static func schema(named name: String) -> EventSchema? {
        let fields: [Field]
        switch name {
        case "page_view": fields = pageView
        case "video_event": fields = videoEvent
        default: return nil
        }
        return EventSchema(type: name, schema: schema(of: base + fields), table: name)
    }

    private struct Field {
        let name: String
        let type: String
        let isRequired: Bool
        let doc: String
        var format: String? = nil
        var values: [String] = []
    }

    private static let base = [
        Field(name: "event_id", type: "string", isRequired: true, doc: "Identifies the event; the id of the event"),
        Field(
            name: "timestamp", type: "string", isRequired: true, doc: "When it happened; the time of the event",
            format: "date-time"),
        Field(name: "session_id", type: "string", isRequired: true, doc: "Session identifier"),
        Field(name: "user_id", type: "string", isRequired: false, doc: "Authenticated user; the subject of the event"),
        Field(name: "project_id", type: "string", isRequired: true, doc: "Source project"),
        Field(name: "environment", type: "string", isRequired: true, doc: "production, development, …"),
        Field(name: "version", type: "string", isRequired: true, doc: "Schema version of the sender"),
    ]

    private static let pageView = [
        Field(name: "page_url", type: "string", isRequired: true, doc: "Address of the page"),
        Field(name: "page_title", type: "string", isRequired: true, doc: "Title of the page"),
        Field(name: "referrer", type: "string", isRequired: false, doc: "Where the visitor came from"),
        Field(name: "utm_source", type: "string", isRequired: false, doc: "Campaign source"),
        Field(name: "utm_medium", type: "string", isRequired: false, doc: "Campaign medium"),
        Field(name: "utm_campaign", type: "string", isRequired: false, doc: "Campaign name"),
        Field(name: "country", type: "string", isRequired: false, doc: "Country of the visitor"),
        Field(name: "browser", type: "string", isRequired: false, doc: "Browser"),
        Field(name: "os", type: "string", isRequired: false, doc: "Operating system"),
        Field(name: "device_type", type: "string", isRequired: false, doc: "desktop, mobile, tablet, …"),
        Field(name: "time_on_page", type: "number", isRequired: false, doc: "Seconds"),
    ]

    private static let videoEvent = [
        Field(name: "video_id", type: "string", isRequired: true, doc: "Identifies the video"),
        Field(
            name: "action", type: "string", isRequired: true, doc: "What the viewer did",
            values: ["play", "pause", "seek", "complete", "error"]),
        Field(name: "position", type: "number", isRequired: true, doc: "Seconds"),
        Field(name: "duration", type: "number", isRequired: true, doc: "Whole length in seconds"),
        Field(name: "playback_rate", type: "number", isRequired: true, doc: "1 is normal speed"),
        Field(name: "quality", type: "string", isRequired: false, doc: "Quality that is shown"),
        Field(name: "buffered", type: "number", isRequired: false, doc: "Seconds buffered"),
    ]

    private static func schema(of fields: [Field]) -> JSONValue {
        var properties = JSONObject()
        for field in fields {
            var property = JSONObject()
            property["type"] = .string(field.type)
            if let format = field.format { property["format"] = .string(format) }
            if !field.values.isEmpty { property["enum"] = .array(field.values.map { .string($0) }) }
            property["description"] = .string(field.doc)
            properties[field.name] = .object(property)
        }
        var schema = JSONObject()
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        schema["type"] = "object"
        schema["properties"] = .object(properties)
        schema["required"] = .array(fields.filter(\.isRequired).map { .string($0.name) })
        return .object(schema)
    }
}
