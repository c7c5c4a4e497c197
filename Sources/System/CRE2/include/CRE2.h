// A C face over RE2 (C++), so that Swift can call it.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cre2 cre2;

/// Compiles a pattern in UTF-8, to be kept with what matching makes of it within `memory_max` bytes, and in at most
/// `instructions_max` instructions.
///
/// Returns NULL for a pattern that cannot be used, with the reason, cut to `reason_size` and terminated.
cre2 *cre2_compile(
    const uint8_t *pattern, size_t length, int64_t memory_max, int instructions_max, char *reason, size_t reason_size);

/// How many instructions the pattern has.
int cre2_instructions(const cre2 *pattern);

/// Whether the pattern is found anywhere in `text`. Mostly a step a byte, at most one for each instruction and byte. Threads may match with one pattern at a time.
int cre2_is_found(const cre2 *pattern, const uint8_t *text, size_t length);

void cre2_free(cre2 *pattern);

#ifdef __cplusplus
}
#endif
