// CRC-32C by the processor's own instruction. No system headers here: Swift would take their declarations for this module's.
#pragma once
#include <stddef.h>
#include <stdint.h>

// 1 when this processor has the instruction.
int cchecksums_has_crc32c(void);

// Continues the register `crc` (inverted as the algorithm has it) over `count` bytes. Only where there is the instruction.
uint32_t cchecksums_crc32c(uint32_t crc, const void *bytes, size_t count);
