#include "CSimdJSON.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <simdjson.h>
#include <string>

namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

template <typename T> void append(std::string &tape, T value) {
    tape.append(reinterpret_cast<const char *>(&value), sizeof value);
}

void append_text(std::string &tape, std::string_view text) {
    append(tape, static_cast<uint32_t>(text.size()));
    tape.append(text.data(), text.size());
}

// Recursion is bounded by the depth the parser was given.
void flatten(std::string &tape, element value) {
    switch (value.type()) {
    case element_type::NULL_VALUE: tape.push_back('n'); break;
    case element_type::BOOL: tape.push_back(bool(value) ? 't' : 'f'); break;
    case element_type::INT64: tape.push_back('i'); append(tape, int64_t(value)); break;
    case element_type::UINT64: tape.push_back('u'); append(tape, uint64_t(value)); break;
    case element_type::DOUBLE: tape.push_back('d'); append(tape, double(value)); break;
    case element_type::STRING: tape.push_back('s'); append_text(tape, std::string_view(value)); break;
    case element_type::ARRAY: {
        tape.push_back('[');
        size_t at = tape.size();
        append(tape, uint32_t(0));
        uint32_t count = 0; // counted here: simdjson saturates its own count at 0xFFFFFF
        for (element child : simdjson::dom::array(value)) { flatten(tape, child); count++; }
        std::memcpy(&tape[at], &count, sizeof count);
        break;
    }
    case element_type::OBJECT: {
        tape.push_back('{');
        size_t at = tape.size();
        append(tape, uint32_t(0));
        uint32_t count = 0;
        for (auto field : simdjson::dom::object(value)) {
            append_text(tape, field.key);
            flatten(tape, field.value);
            count++;
        }
        std::memcpy(&tape[at], &count, sizeof count);
        break;
    }
    }
}

} // namespace

extern "C" int csimdjson_parse(const uint8_t *json, size_t length, size_t depth_max, uint8_t **tape, size_t *tape_length) {
    try {
        simdjson::dom::parser parser;
        if (auto error = parser.allocate(length < 64 ? 64 : length, depth_max)) return int(error);
        element document;
        // true: simdjson copies the text to add the padding it reads into.
        if (auto error = parser.parse(json, length, true).get(document)) return int(error);
        std::string flat;
        flat.reserve(length + 64);
        flatten(flat, document);
        auto *out = static_cast<uint8_t *>(std::malloc(flat.size() ? flat.size() : 1));
        if (!out) return int(simdjson::MEMALLOC);
        std::memcpy(out, flat.data(), flat.size());
        *tape = out;
        *tape_length = flat.size();
        return 0;
    } catch (const std::bad_alloc &) {
        return int(simdjson::MEMALLOC);
    } catch (const simdjson::simdjson_error &error) {
        return int(error.error());
    }
}

extern "C" const char *csimdjson_error_message(int code) {
    return simdjson::error_message(static_cast<simdjson::error_code>(code));
}

extern "C" void csimdjson_free(uint8_t *tape) { std::free(tape); }
