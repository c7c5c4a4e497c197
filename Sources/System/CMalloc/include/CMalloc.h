// mallopt, which Swift's Glibc module leaves out. No system headers here: Swift would take their declarations for this
// module's.
#pragma once

/// Blocks from `mmap_bytes` on are the system's again as soon as they are freed, and so is what is free at a heap's end
/// beyond `trim_bytes`. Returns 1, or 0 when the C library will not.
int cmalloc_return_blocks(int mmap_bytes, int trim_bytes);
