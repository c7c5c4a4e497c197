import CMalloc

/// How the process keeps memory that was freed.
enum CollectorHeap {
    /// Gives large blocks back to the system as soon as they are freed. By itself glibc keeps blocks of up to 32 MiB in the
    /// heap of each thread once one of that size was freed: the segments read back after an outage then stay, several
    /// times over. The other threshold bounds what stays at a heap's end.
    static func returnLargeBlocks() {
        // Refused, it costs memory and nothing else.
        _ = cmalloc_return_blocks(4 << 20, 16 << 20)
    }
}
