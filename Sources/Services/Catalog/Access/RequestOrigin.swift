import JSONFormat

/// Who made a change, from where, in which request: kept with the change in its register.
package struct RequestOrigin: Hashable, Sendable {
    /// Of the request being answered.
    @TaskLocal package static var current: RequestOrigin?

    package let principal: String
    package let address: String
    package let requestID: String

    package init(principal: String, address: String, requestID: String) {
        self.principal = principal
        self.address = address
        self.requestID = requestID
    }

    var json: JSONValue {
        ["principal": .string(principal), "address": .string(address), "request-id": .string(requestID)]
    }

    init(_ cursor: JSONCursor) throws(JSONError) {
        principal = try cursor.member("principal").string()
        address = try cursor.member("address").string()
        requestID = try cursor.member("request-id").string()
    }
}
