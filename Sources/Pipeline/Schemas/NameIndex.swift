/// Finds the place of a name in a list, by its bytes, without making a string of them.
package struct NameIndex: Sendable {
    private let keys: [KeyWords]
    private let names: [[UInt8]]
    /// A power of two of slots, each the place of a name or -1.
    private let slots: [Int32]

    /// - Parameter names: different ones.
    package init(_ names: [String]) {
        let names = names.map { Array($0.utf8) }
        let keys = names.map { name in name.withUnsafeBytes { KeyWords($0) } }
        var size = 4
        while size < names.count * 2 { size *= 2 }
        var slots = [Int32](repeating: -1, count: size)
        for (place, key) in keys.enumerated() {
            var slot = Int(truncatingIfNeeded: key.hash & UInt64(size - 1))
            while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = Int32(place)
        }
        self.names = names
        self.keys = keys
        self.slots = slots
    }

    package var isEmpty: Bool { names.isEmpty }

    package func place(of name: UnsafeRawBufferPointer) -> Int? {
        let key = KeyWords(name)
        var slot = Int(truncatingIfNeeded: key.hash & UInt64(slots.count - 1))
        while slots[slot] >= 0 {
            let place = Int(slots[slot])
            if keys[place] == key, names[place].elementsEqual(name) { return place }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }
}
