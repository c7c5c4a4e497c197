/// Values by column id, sorted: what manifests say of each column of a file. Small in memory, found by binary search.
public struct FieldMap<Value: Hashable & Sendable>: Hashable, Sendable {
    private var ids: [Int32] = []
    private var stored: [Value] = []

    public init() {}

    /// The last value counts for an id given twice. Ids outside 32 bits are ignored: no column can have them.
    public init(_ values: some Sequence<(Int, Value)>) {
        for (id, value) in values { self[id] = value }
    }

    public subscript(id: Int) -> Value? {
        get { index(of: id).flatMap { $0.found ? stored[$0.index] : nil } }
        set {
            guard let place = index(of: id) else { return }
            switch (place.found, newValue) {
            case (true, let value?): stored[place.index] = value
            case (true, nil):
                ids.remove(at: place.index)
                stored.remove(at: place.index)
            case (false, let value?):
                ids.insert(Int32(id), at: place.index)
                stored.insert(value, at: place.index)
            case (false, nil): break
            }
        }
    }

    public var isEmpty: Bool { ids.isEmpty }
    public var count: Int { ids.count }
    /// In the order of the ids.
    public var entries: Zip2Sequence<[Int32], [Value]> { zip(ids, stored) }

    private func index(of id: Int) -> (index: Int, found: Bool)? {
        guard let id = Int32(exactly: id) else { return nil }
        guard let last = ids.last, id <= last else { return (ids.count, false) }
        var low = 0
        var high = ids.count
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] < id { low = middle + 1 } else { high = middle }
        }
        return (low, low < ids.count && ids[low] == id)
    }
}

extension FieldMap: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (Int, Value)...) { self.init(elements) }
}
