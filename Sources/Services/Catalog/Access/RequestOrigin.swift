/// Who made a change, from where, in which request: kept with the change.
package struct RequestOrigin: Hashable, Sendable {
    package let principal: String
    package let address: String
    package let requestID: String

    package init(principal: String, address: String, requestID: String) {
        self.principal = principal
        self.address = address
        self.requestID = requestID
    }
}
