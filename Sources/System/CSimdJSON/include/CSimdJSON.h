// A C face over simdjson (C++17), so that Swift can call it.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "CSimdJSONEvents.h"
#include "CSimdJSONFields.h"
#include "CSimdJSONNodes.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Parses one JSON text and flattens it to a tape that Swift walks in one pass.
///
/// Tape, little-endian: 'n' null · 't' true · 'f' false · 'i' int64 · 'u' uint64 · 'd' double ·
/// 's' u32 length, bytes · '[' u32 count, values · '{' u32 count, (u32 key length, key bytes, value)…
/// Strings are valid UTF-8. Returns 0 and a tape to be released with csimdjson_free, or a simdjson error code.
int csimdjson_parse(const uint8_t *json, size_t length, size_t depth_max, uint8_t **tape, size_t *tape_length);

/// The text of an error code that csimdjson_parse returned.
const char *csimdjson_error_message(int code);

void csimdjson_free(uint8_t *tape);

#ifdef __cplusplus
}
#endif
