import Glibc

extension UnsafeRawBufferPointer {
    /// Negative, zero or positive as these bytes are below, equal to or above others, unsigned.
    func order(to other: UnsafeRawBufferPointer) -> Int {
        let shared = Swift.min(count, other.count)
        if shared > 0, let own = baseAddress, let theirs = other.baseAddress {
            let order = memcmp(own, theirs, shared)
            if order != 0 { return Int(order) }
        }
        return count - other.count
    }
}
