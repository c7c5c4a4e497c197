/// Input dealt with.
package struct CompactionProgress: Hashable, Sendable {
    package var files: Int
    package var bytes: Int64

    package init(files: Int = 0, bytes: Int64 = 0) {
        self.files = files
        self.bytes = bytes
    }

    package static func += (left: inout CompactionProgress, right: CompactionProgress) {
        left.files += right.files
        left.bytes += right.bytes
    }
}
