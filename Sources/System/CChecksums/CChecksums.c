#include "CChecksums.h"

#include <string.h>

#if defined(__x86_64__)

#include <nmmintrin.h>

int cchecksums_has_crc32c(void) { return __builtin_cpu_supports("sse4.2") != 0; }

__attribute__((target("sse4.2"))) uint32_t cchecksums_crc32c(uint32_t crc, const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    uint64_t value = crc;
    for (; count >= 8; count -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        value = _mm_crc32_u64(value, word);
    }
    uint32_t rest = (uint32_t)value;
    for (; count > 0; count--, at++) rest = _mm_crc32_u8(rest, *at);
    return rest;
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

#include <arm_acle.h>

int cchecksums_has_crc32c(void) { return 1; }

uint32_t cchecksums_crc32c(uint32_t crc, const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    for (; count >= 8; count -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        crc = __crc32cd(crc, word);
    }
    for (; count > 0; count--, at++) crc = __crc32cb(crc, *at);
    return crc;
}

#else

int cchecksums_has_crc32c(void) { return 0; }

uint32_t cchecksums_crc32c(uint32_t crc, const void *bytes, size_t count) {
    (void)bytes;
    (void)count;
    return crc;
}

#endif
