import IcebergSpec

/// Files, and parts of files, that one reader takes together.
public struct ScanTask: Hashable, Sendable {
    /// A range of bytes of a file: it is read by reading the row groups that begin within it.
    public struct Piece: Hashable, Sendable {
        public let file: ScanPlan.File
        public let start: Int64
        public let length: Int64

        public init(file: ScanPlan.File, start: Int64, length: Int64) {
            self.file = file
            self.start = start
            self.length = length
        }
    }

    public let pieces: [Piece]

    public init(pieces: [Piece]) { self.pieces = pieces }

    /// Bytes of the pieces.
    public var bytes: Int64 { pieces.reduce(0) { $0.addingClamped($1.length) } }
}

/// How a plan is divided into tasks.
public struct SplitSettings: Hashable, Sendable {
    /// Bytes of a task, about.
    public var targetBytes: Int64
    /// What opening a file costs at least, as bytes read.
    public var openCostBytes: Int64
    /// Tasks that are filled at the same time.
    public var lookback: Int

    public init(targetBytes: Int64 = 128 << 20, openCostBytes: Int64 = 4 << 20, lookback: Int = 10) {
        self.targetBytes = max(1, targetBytes)
        self.openCostBytes = max(1, openCostBytes)
        self.lookback = max(1, lookback)
    }

    /// As the properties `read.split.target-size`, `read.split.open-file-cost` and `read.split.planning-lookback` say.
    public init(properties: [String: String]) {
        func number(_ key: String, _ otherwise: Int64) -> Int64 { properties[key].flatMap { Int64($0) } ?? otherwise }
        self.init(
            targetBytes: number("read.split.target-size", 128 << 20),
            openCostBytes: number("read.split.open-file-cost", 4 << 20),
            lookback: Int(clamping: number("read.split.planning-lookback", 10)))
    }
}

extension ScanPlan {
    /// Divides the files into tasks of about the target size: files are split where their row groups begin, small files
    /// and pieces are put together. Every byte of every file is in exactly one piece.
    public func tasks(_ settings: SplitSettings = SplitSettings()) -> [ScanTask] {
        var open: [(pieces: [ScanTask.Piece], weight: Int64)] = []
        var done: [ScanTask] = []
        for piece in files.flatMap({ Self.pieces(of: $0, settings) }) {
            let weight = max(piece.length.addingClamped(Self.deleteBytes(of: piece)), settings.openCostBytes)
            if let index = open.firstIndex(where: { $0.weight.addingClamped(weight) <= settings.targetBytes }) {
                open[index].pieces.append(piece)
                open[index].weight.addClamped(weight)
            } else {
                open.append(([piece], weight))
                if open.count > settings.lookback {
                    let fullest = open.indices.max { open[$0].weight < open[$1].weight } ?? 0
                    done.append(ScanTask(pieces: open.remove(at: fullest).pieces))
                }
            }
        }
        return done + open.map { ScanTask(pieces: $0.pieces) }
    }

    private static func deleteBytes(of piece: ScanTask.Piece) -> Int64 {
        piece.file.deletes.reduce(0) { $0.addingClamped($1.contentSizeBytes ?? $1.fileSizeBytes) }
    }

    /// Row groups side by side, as many as fit the target. Without usable offsets a Parquet file stays whole.
    private static func pieces(of file: File, _ settings: SplitSettings) -> [ScanTask.Piece] {
        let size = file.file.fileSizeBytes
        let offsets = file.file.splitOffsets
        let isUsable =
            offsets.count > 1 && (offsets.last ?? size) < size && (offsets.first ?? -1) >= 0
            && zip(offsets, offsets.dropFirst()).allSatisfy { $0 < $1 }
        guard isUsable else { return [ScanTask.Piece(file: file, start: 0, length: size)] }
        var pieces: [ScanTask.Piece] = []
        // What stands before the first row group belongs to it.
        var start: Int64 = 0
        for (index, offset) in offsets.enumerated().dropFirst() {
            let end = index + 1 < offsets.count ? offsets[index + 1] : size
            guard end - start > settings.targetBytes else { continue }
            pieces.append(ScanTask.Piece(file: file, start: start, length: offset - start))
            start = offset
        }
        pieces.append(ScanTask.Piece(file: file, start: start, length: size - start))
        return pieces
    }
}
