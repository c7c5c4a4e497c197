import CSimdJSON

/// A JSON text taken apart in place by simdjson: where every value of it lies. Memory is reused from text to text.
///
/// A member is two nodes, its key and its value; the values of an array and the members of an object follow their node.
/// Strict (RFC 8259); numbers may be of any size and surrogates may stand alone.
// Sendable: only this value, which cannot be copied, has the reader, and only `read`, which is exclusive, uses it.
package struct JSONTape: ~Copyable, @unchecked Sendable {
    /// As simdjson's shim numbers them.
    package enum Kind: UInt8, Sendable {
        case null, `true`, `false`
        /// A number without fraction and exponent.
        case integer
        case number, string, array, object
    }

    /// Laid out as the shim's `cnodes_node`.
    package struct Node: Sendable {
        /// Of the value in the text; strings with their quotes.
        package let start: UInt32
        package let end: UInt32
        /// Index of the first node behind the value and all within it.
        package let next: UInt32
        /// Kind in the lowest 4 bits; bit 4: the string has escapes; above bit 8 the number of values or members.
        @usableFromInline let bits: UInt32

        @inlinable package var kind: Kind { Kind(rawValue: UInt8(truncatingIfNeeded: bits & 15)) ?? .null }
        @inlinable package var hasEscapes: Bool { bits & 16 != 0 }
        @inlinable package var count: Int { Int(bits >> 8) }
    }

    package private(set) var nodes: [Node] = []
    private let reader: OpaquePointer?

    package static let depthMax = 128
    package static let bytesMax = 64 << 20

    package init() { reader = cnodes_create(Self.depthMax) }

    deinit { cnodes_free(reader) }

    /// Takes `text` apart. Cost: two passes, one of them simdjson's search for tokens; no allocation once warm.
    ///
    /// - Returns: false for what is not one JSON value in UTF-8, with white space around it, nested at most `depthMax` deep.
    package mutating func read(_ text: UnsafeRawBufferPointer) -> Bool {
        nodes.removeAll(keepingCapacity: true)
        guard let reader, text.count <= Self.bytesMax, let base = text.baseAddress else { return false }
        var found: UnsafePointer<cnodes_node>?
        var count = 0
        let isRead = cnodes_read(reader, base.assumingMemoryBound(to: UInt8.self), text.count, &found, &count) != 0
        guard isRead, let found else { return false }
        found.withMemoryRebound(to: Node.self, capacity: count) { first in
            nodes.append(contentsOf: UnsafeBufferPointer(start: first, count: count))
        }
        return true
    }

    /// What `readMembers` finds of an object, in order; indices are of its own nodes.
    package enum Part {
        /// Key and value.
        case member(UnsafeBufferPointer<Node>)
        /// A list begins: the number of its name.
        case list(Int)
        case element(of: Int, UnsafeBufferPointer<Node>)
    }

    /// As `read`, of an object, whose lists named in `lists` come element by element: nodes are kept of one part at a time, so
    /// that their memory stays in the processor's cache. `nodes` is empty then.
    ///
    /// - Parameter visit: false ends the reading. Of a text that is refused it may have seen the beginning.
    /// - Returns: false for what is not one JSON object, and when `visit` said so.
    package mutating func readMembers(
        _ text: UnsafeRawBufferPointer, lists: [StaticString], _ visit: (Part) -> Bool
    ) -> Bool {
        nodes.removeAll(keepingCapacity: true)
        guard let reader, text.count <= Self.bytesMax, let base = text.baseAddress else { return false }
        let names = lists.map { name in
            name.utf8Start.withMemoryRebound(to: CChar.self, capacity: name.utf8CodeUnitCount) {
                cnodes_list(name: $0, name_length: name.utf8CodeUnitCount)
            }
        }
        return withoutActuallyEscaping(visit) { visit in
            var visitor = Visitor(visit: visit)
            return withUnsafeMutablePointer(to: &visitor) { visitor in
                cnodes_read_members(
                    reader, base.assumingMemoryBound(to: UInt8.self), text.count, names, names.count,
                    { context, list, nodes, count in
                        context?.assumingMemoryBound(to: Visitor.self).pointee.take(Int(list), nodes, count) ?? 0
                    }, visitor) != 0
            }
        }
    }

    private struct Visitor {
        let visit: (Part) -> Bool

        func take(_ list: Int, _ nodes: UnsafePointer<cnodes_node>?, _ count: Int) -> Int32 {
            guard let nodes else { return visit(.list(list)) ? 1 : 0 }
            return nodes.withMemoryRebound(to: Node.self, capacity: count) { first in
                let nodes = UnsafeBufferPointer(start: first, count: count)
                return visit(list < 0 ? .member(nodes) : .element(of: list, nodes)) ? 1 : 0
            }
        }
    }
}
