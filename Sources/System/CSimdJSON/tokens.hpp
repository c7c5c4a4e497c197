// The grammar of JSON's tokens (RFC 8259), for texts whose places matter or that simdjson is stricter about.
#pragma once
#include <cstddef>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tokens {

inline const char *skip_space(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) at++;
    return at;
}

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

inline int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// From behind the opening quote to behind the closing one; nullptr when the string is broken.
inline const char *skip_string(const char *at, const char *end, bool &escaped) {
    for (;;) {
#if defined(__SSE2__)
        while (end - at >= 16) {
            __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(at));
            __m128i special = _mm_or_si128(
                _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))),
                _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes));
            int mask = _mm_movemask_epi8(special);
            if (mask) {
                at += __builtin_ctz(unsigned(mask));
                break;
            }
            at += 16;
        }
#endif
        if (at >= end) return nullptr;
        char c = *at;
        if (c == '"') return at + 1;
        if (static_cast<unsigned char>(c) < 0x20) return nullptr;
        if (c != '\\') {
            at++;
            continue;
        }
        escaped = true;
        if (end - at < 2) return nullptr;
        switch (at[1]) {
        case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't': at += 2; break;
        case 'u':
            if (end - at < 6) return nullptr;
            for (int i = 2; i < 6; i++) if (hex_digit(at[i]) < 0) return nullptr;
            at += 6;
            break;
        default: return nullptr;
        }
    }
}

inline const char *skip_number(const char *at, const char *end) {
    if (at < end && *at == '-') at++;
    if (at >= end || !is_digit(*at)) return nullptr;
    if (*at == '0') at++;
    else while (at < end && is_digit(*at)) at++;
    if (at < end && *at == '.') {
        at++;
        if (at >= end || !is_digit(*at)) return nullptr;
        while (at < end && is_digit(*at)) at++;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        if (at >= end || !is_digit(*at)) return nullptr;
        while (at < end && is_digit(*at)) at++;
    }
    return at;
}

} // namespace tokens
