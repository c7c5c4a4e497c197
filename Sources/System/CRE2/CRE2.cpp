#include "CRE2.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <re2/re2.h>
#include <string>

struct cre2 {
    RE2 pattern;
};

namespace {

void tell(const std::string &message, char *reason, size_t reason_size) {
    if (reason_size == 0) return;
    size_t length = std::min(message.size(), reason_size - 1);
    std::memcpy(reason, message.data(), length);
    reason[length] = 0;
}

} // namespace

extern "C" cre2 *cre2_compile(
    const uint8_t *pattern, size_t length, int64_t memory_max, int instructions_max, char *reason, size_t reason_size) {
    try {
        RE2::Options options;
        options.set_max_mem(memory_max);
        options.set_log_errors(false);
        options.set_never_capture(true);
        std::unique_ptr<cre2> made(
            new cre2{RE2(re2::StringPiece(reinterpret_cast<const char *>(pattern), length), options)});
        if (made->pattern.ok() && made->pattern.ProgramSize() <= instructions_max) return made.release();
        tell(made->pattern.ok() ? "pattern too large" : made->pattern.error(), reason, reason_size);
    } catch (const std::bad_alloc &) {
        tell("not enough memory", reason, reason_size);
    }
    return nullptr;
}

extern "C" int cre2_instructions(const cre2 *pattern) { return pattern->pattern.ProgramSize(); }

extern "C" int cre2_is_found(const cre2 *pattern, const uint8_t *text, size_t length) {
    try {
        re2::StringPiece piece(reinterpret_cast<const char *>(text), length);
        return pattern->pattern.Match(piece, 0, length, RE2::UNANCHORED, nullptr, 0);
    } catch (const std::bad_alloc &) {
        return 0;
    }
}

extern "C" void cre2_free(cre2 *pattern) { delete pattern; }
