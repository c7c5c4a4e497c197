// A validating scanner of event bodies. It finds the raw text of every member (simdjson 3.0 keeps no source positions
// in its DOM, and its on-demand reader does not check what it skips), so that `data` is stored exactly as it was sent,
// whatever the size of its integers, and one bad event does not cost the others of its batch. UTF-8 is checked by
// simdjson first, of lines each by itself where not all are UTF-8; every later step may rely on it. Byte layout of an encoded event: Sources/Pipeline/Events/EventRecord.swift.
#include "CSimdJSON.h"
#include "tokens.hpp"

#include <cstdlib>
#include <cstring>
#include <new>
#include <simdjson.h>
#include <string>
#include <string_view>
#include <vector>

namespace {

using text = std::string_view;
using byte = unsigned char;
using namespace tokens;

constexpr size_t id_bytes_max = 4096, type_bytes_max = 1024, attribute_bytes_max = 65535, extensions_max = 128;

// MARK: - JSON grammar (RFC 8259)

inline const char *skip_word(const char *at, const char *end, text word) {
    if (size_t(end - at) < word.size() || std::memcmp(at, word.data(), word.size()) != 0) return nullptr;
    return at + word.size();
}

const char *skip_value(const char *at, const char *end, size_t depth);

const char *skip_container(const char *at, const char *end, size_t depth, bool object) {
    if (depth == 0) return nullptr;
    const char close = object ? '}' : ']';
    at = skip_space(at + 1, end);
    if (at < end && *at == close) return at + 1;
    for (;;) {
        if (object) {
            bool escaped = false;
            if (at >= end || *at != '"' || !(at = skip_string(at + 1, end, escaped))) return nullptr;
            at = skip_space(at, end);
            if (at >= end || *at != ':') return nullptr;
            at = skip_space(at + 1, end);
        }
        if (!(at = skip_value(at, end, depth - 1))) return nullptr;
        at = skip_space(at, end);
        if (at >= end) return nullptr;
        if (*at == close) return at + 1;
        if (*at != ',') return nullptr;
        at = skip_space(at + 1, end);
    }
}

// From a value's first byte to behind its last; nullptr when it is none or nested too deep.
const char *skip_value(const char *at, const char *end, size_t depth) {
    if (at >= end) return nullptr;
    bool escaped = false;
    switch (*at) {
    case '"': return skip_string(at + 1, end, escaped);
    case '{': return skip_container(at, end, depth, true);
    case '[': return skip_container(at, end, depth, false);
    case 't': return skip_word(at, end, "true");
    case 'f': return skip_word(at, end, "false");
    case 'n': return skip_word(at, end, "null");
    default: return skip_number(at, end);
    }
}

// MARK: - Strings

void append_utf8(std::string &out, uint32_t scalar) {
    if (scalar < 0x80) {
        out.push_back(char(scalar));
    } else if (scalar < 0x800) {
        out.push_back(char(0xC0 | scalar >> 6));
        out.push_back(char(0x80 | (scalar & 63)));
    } else if (scalar < 0x10000) {
        out.push_back(char(0xE0 | scalar >> 12));
        out.push_back(char(0x80 | (scalar >> 6 & 63)));
        out.push_back(char(0x80 | (scalar & 63)));
    } else {
        out.push_back(char(0xF0 | scalar >> 18));
        out.push_back(char(0x80 | (scalar >> 12 & 63)));
        out.push_back(char(0x80 | (scalar >> 6 & 63)));
        out.push_back(char(0x80 | (scalar & 63)));
    }
}

uint32_t four_hex(const char *at) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) value = value << 4 | uint32_t(hex_digit(at[i]));
    return value;
}

// Decodes the inside of a string that skip_string accepted; false for a surrogate without its other half.
bool unescape(text raw, std::string &out) {
    out.clear();
    for (size_t i = 0; i < raw.size();) {
        if (raw[i] != '\\') {
            out.push_back(raw[i++]);
            continue;
        }
        char c = raw[i + 1];
        i += 2;
        switch (c) {
        case 'b': out.push_back('\b'); break;
        case 'f': out.push_back('\f'); break;
        case 'n': out.push_back('\n'); break;
        case 'r': out.push_back('\r'); break;
        case 't': out.push_back('\t'); break;
        case 'u': {
            uint32_t unit = four_hex(raw.data() + i);
            i += 4;
            if (unit >= 0xDC00 && unit < 0xE000) return false;
            if (unit >= 0xD800 && unit < 0xDC00) {
                if (i + 6 > raw.size() || raw[i] != '\\' || raw[i + 1] != 'u') return false;
                uint32_t low = four_hex(raw.data() + i + 2);
                if (low < 0xDC00 || low >= 0xE000) return false;
                unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                i += 6;
            }
            append_utf8(out, unit);
            break;
        }
        default: out.push_back(c);
        }
    }
    return true;
}

// MARK: - Time (RFC 3339 §5.6; the same reading as Clocks.Timestamp)

bool take_number(const char *&at, const char *end, int width, int &value) {
    if (end - at < width) return false;
    value = 0;
    for (int i = 0; i < width; i++) {
        if (!is_digit(at[i])) return false;
        value = value * 10 + (at[i] - '0');
    }
    at += width;
    return true;
}

bool take(const char *&at, const char *end, char c) {
    if (at >= end || *at != c) return false;
    at++;
    return true;
}

int days_in_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

int64_t days_since_epoch(int year, int month, int day) {
    int64_t shifted = year - (month <= 2);
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

bool parse_time(text value, int64_t &microseconds) {
    const char *at = value.data(), *end = at + value.size();
    int year, month, day, hour, minute, second;
    if (!take_number(at, end, 4, year) || !take(at, end, '-') || !take_number(at, end, 2, month)
        || !take(at, end, '-') || !take_number(at, end, 2, day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return false;
    if (!take(at, end, 'T') && !take(at, end, 't') && !take(at, end, ' ')) return false;
    if (!take_number(at, end, 2, hour) || !take(at, end, ':') || !take_number(at, end, 2, minute)
        || !take(at, end, ':') || !take_number(at, end, 2, second))
        return false;
    if (hour > 23 || minute > 59 || second > 60) return false;
    int64_t fraction = 0;
    if (take(at, end, '.')) {
        int digits = 0;
        for (; at < end && is_digit(*at); at++, digits++)
            if (digits < 6) fraction = fraction * 10 + (*at - '0');
        if (digits == 0) return false;
        for (; digits < 6; digits++) fraction *= 10;
    }
    int offset = 0;
    if (!take(at, end, 'Z') && !take(at, end, 'z')) {
        int sign, hours, minutes;
        if (take(at, end, '+')) sign = 1;
        else if (take(at, end, '-')) sign = -1;
        else return false;
        if (!take_number(at, end, 2, hours) || !take(at, end, ':') || !take_number(at, end, 2, minutes)) return false;
        if (hours > 23 || minutes > 59) return false;
        offset = sign * (hours * 60 + minutes);
    }
    if (at != end) return false;
    int64_t seconds = days_since_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset * 60;
    // 0001-01-01T00:00:00Z up to the end of 9999 in UTC: beyond, calendars of readers end (Python's, for one).
    if (seconds < -62135596800 || seconds > 253402300799) return false;
    microseconds = seconds * 1000000 + fraction;
    return true;
}

// MARK: - SipHash-2-4 with 128 bits of output (Aumasson and Bernstein)

inline uint64_t rotate(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }

class SipHash {
    uint64_t v0, v1, v2, v3, tail = 0;
    size_t length = 0;

    void round() {
        v0 += v1; v1 = rotate(v1, 13); v1 ^= v0; v0 = rotate(v0, 32);
        v2 += v3; v3 = rotate(v3, 16); v3 ^= v2;
        v0 += v3; v3 = rotate(v3, 21); v3 ^= v0;
        v2 += v1; v1 = rotate(v1, 17); v1 ^= v2; v2 = rotate(v2, 32);
    }

    void word(uint64_t value) {
        v3 ^= value;
        round();
        round();
        v0 ^= value;
    }

public:
    SipHash(uint64_t k0, uint64_t k1)
        : v0(k0 ^ 0x736f6d6570736575), v1(k1 ^ 0x646f72616e646f6d ^ 0xee), v2(k0 ^ 0x6c7967656e657261),
          v3(k1 ^ 0x7465646279746573) {}

    void update(const void *bytes, size_t count) {
        auto at = static_cast<const byte *>(bytes);
        while (count > 0 && length % 8 != 0) {
            tail |= uint64_t(*at++) << (length++ % 8 * 8);
            count--;
            if (length % 8 == 0) { word(tail); tail = 0; }
        }
        while (count >= 8) {
            uint64_t value;
            std::memcpy(&value, at, 8);
            word(value);
            at += 8;
            length += 8;
            count -= 8;
        }
        while (count-- > 0) tail |= uint64_t(*at++) << (length++ % 8 * 8);
    }

    void finish(uint64_t &low, uint64_t &high) {
        word(tail | uint64_t(length) << 56);
        v2 ^= 0xee;
        for (int i = 0; i < 4; i++) round();
        low = v0 ^ v1 ^ v2 ^ v3;
        v1 ^= 0xdd;
        for (int i = 0; i < 4; i++) round();
        high = v0 ^ v1 ^ v2 ^ v3;
    }
};

// The source's length goes first: ("ab", "c") and ("a", "bc") are different pairs.
void hash_pair(uint64_t k0, uint64_t k1, text source, text id, uint64_t &low, uint64_t &high) {
    SipHash hash(k0, k1);
    uint64_t length = source.size();
    hash.update(&length, sizeof length);
    hash.update(source.data(), source.size());
    hash.update(id.data(), id.size());
    hash.finish(low, high);
}

// MARK: - Events

struct Member {
    text key;   // unescaped
    text raw;   // the value as written
    text whole; // key and value as written
    bool escaped;
};

struct Refusal {
    uint32_t problem;
    text attribute;
};

bool is_attribute_name(text name) {
    if (name.empty() || name.size() > 20) return false;
    for (char c : name) if (!is_digit(c) && !(c >= 'a' && c <= 'z')) return false;
    return true;
}

bool has_control(text value) {
    for (size_t i = 0; i < value.size(); i++) {
        uint8_t c = byte(value[i]);
        if (c < 0x20 || c == 0x7F) return true;
        // U+0080 to U+009F; 0xC2 only ever begins a character of two bytes.
        if (c == 0xC2 && i + 1 < value.size() && byte(value[i + 1]) < 0xA0) return true;
    }
    return false;
}

// type "/" subtype, both not empty: enough of RFC 2045 to refuse what is none.
bool is_media_type(text value) {
    size_t slash = value.find('/');
    if (slash == text::npos || slash == 0 || slash + 1 >= value.size()) return false;
    return value[slash + 1] != ';' && value[slash + 1] != ' ' && !has_control(value);
}

// Whether data under this content type is a JSON value: subtype `json` or `…+json` (CloudEvents JSON format §3.1).
bool is_json_type(text value) {
    if (value.empty()) return true;
    text bare = value.substr(0, value.find(';'));
    while (!bare.empty() && bare.back() == ' ') bare.remove_suffix(1);
    text subtype = bare.substr(bare.find('/') + 1);
    if (subtype.size() < 4) return false;
    text ending = subtype.substr(subtype.size() - 4);
    for (int i = 0; i < 4; i++) if ((ending[size_t(i)] | 0x20) != "json"[i]) return false;
    return subtype.size() == 4 || subtype[subtype.size() - 5] == '+';
}

bool is_base64(text value) {
    size_t padding = 0;
    while (!value.empty() && value.back() == '=' && padding < 2) { value.remove_suffix(1); padding++; }
    if (padding > 0 && (value.size() + padding) % 4 != 0) return false;
    if (value.size() % 4 == 1) return false;
    for (char c : value) {
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!letter && !is_digit(c) && c != '+' && c != '/' && c != '-' && c != '_') return false;
    }
    return true;
}

struct Results {
    std::vector<cevents_verdict> verdicts;
    std::string encoded, notes;
};

class Reader {
    const cevents_options &options;
    const char *const begin;
    const char *end;
    std::vector<cevents_verdict> verdicts;
    std::string encoded, notes, scratch, rest;
    std::vector<Member> members;
    std::vector<std::string *> strings;
    size_t strings_used = 0;
    uint64_t random_state;
    size_t accepted = 0;

    std::string &next_string() {
        if (strings_used == strings.size()) strings.push_back(new std::string);
        return *strings[strings_used++];
    }

    uint64_t random() { // SplitMix64
        uint64_t value = random_state += 0x9E3779B97F4A7C15;
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9;
        value = (value ^ value >> 27) * 0x94D049BB133111EB;
        return value ^ value >> 31;
    }

    text make_id() { // UUID version 7 (RFC 9562)
        uint64_t high = uint64_t(options.now_microseconds / 1000) << 16 | 0x7000 | (random() & 0xFFF);
        uint64_t low = (random() & (~uint64_t(0) >> 2)) | uint64_t(1) << 63;
        std::string &id = next_string();
        id.clear();
        for (int i = 0; i < 32; i++) {
            uint64_t half = i < 16 ? high : low;
            id.push_back("0123456789abcdef"[half >> (60 - i % 16 * 4) & 15]);
            if (i == 7 || i == 11 || i == 15 || i == 19) id.push_back('-');
        }
        return id;
    }

    template <typename T> static void put(char *&at, T value) {
        std::memcpy(at, &value, sizeof value);
        at += sizeof value;
    }

    static void put(char *&at, text value) {
        if (!value.empty()) std::memcpy(at, value.data(), value.size());
        at += value.size();
    }

    // The decoded text of a string member; false when it is no string or not text.
    bool string_of(const Member &member, text &value, uint32_t &problem) {
        if (member.raw.front() != '"') {
            problem = CEVENTS_WRONG_TYPE;
            return false;
        }
        text inside = member.raw.substr(1, member.raw.size() - 2);
        if (!member.escaped) {
            value = inside;
            return true;
        }
        std::string &decoded = next_string();
        if (!unescape(inside, decoded)) {
            problem = CEVENTS_INVALID_VALUE;
            return false;
        }
        value = decoded;
        return true;
    }

    bool attribute(const Member &member, text &value, size_t bytes_max, Refusal &refusal) {
        refusal.attribute = member.key;
        if (!string_of(member, value, refusal.problem)) return false;
        if (value.empty()) refusal.problem = CEVENTS_EMPTY;
        else if (value.size() > bytes_max) refusal.problem = CEVENTS_ATTRIBUTE_TOO_LONG;
        else if (has_control(value)) refusal.problem = CEVENTS_INVALID_VALUE;
        else return true;
        return false;
    }

    // Splits an object into members; the end of it, or nullptr when it is not JSON.
    const char *read_members(const char *at) {
        members.clear();
        at = skip_space(at + 1, end);
        if (at < end && *at == '}') return at + 1;
        for (;;) {
            const char *start = at;
            bool escaped = false;
            if (at >= end || *at != '"' || !(at = skip_string(at + 1, end, escaped))) return nullptr;
            text key(start + 1, size_t(at - start - 2));
            if (escaped) {
                std::string &decoded = next_string();
                // A key that is no text can be no attribute: it is kept as written, and its name is refused.
                if (unescape(key, decoded)) key = decoded;
            }
            at = skip_space(at, end);
            if (at >= end || *at != ':') return nullptr;
            const char *value = skip_space(at + 1, end);
            if (value >= end) return nullptr;
            escaped = false;
            at = *value == '"' ? skip_string(value + 1, end, escaped)
                               : skip_value(value, end, options.depth_max - 1);
            if (!at) return nullptr;
            members.push_back({key, text(value, size_t(at - value)), text(start, size_t(at - start)), escaped});
            at = skip_space(at, end);
            if (at >= end) return nullptr;
            if (*at == '}') return at + 1;
            if (*at != ',') return nullptr;
            at = skip_space(at + 1, end);
        }
    }

    // The same in the standard alphabet and padded, as every reader of the table decodes it.
    text canonical_base64(text value) {
        if (value.size() % 4 == 0 && value.find_first_of("-_") == text::npos) return value;
        std::string &whole = next_string();
        whole.assign(value);
        for (char &c : whole) c = c == '-' ? '+' : c == '_' ? '/' : c;
        whole.resize((whole.size() + 3) / 4 * 4, '=');
        return whole;
    }

    struct Fields {
        text id, type, source, subject, content_type, schema, data;
        int64_t time = 0;
        bool has_time = false, has_data = false, is_base64 = false;
        std::vector<std::pair<text, text>> extensions;
    };
    Fields fields;

    bool refuse(Refusal &refusal, uint32_t problem, text attribute) {
        refusal = {problem, attribute};
        return false;
    }

    bool time_of(const Member &member, Refusal &refusal) {
        text value;
        if (!attribute(member, value, attribute_bytes_max, refusal)) return false;
        if (!parse_time(value, fields.time)) return refuse(refusal, CEVENTS_INVALID_TIME, member.key);
        fields.has_time = true;
        return true;
    }

    bool extension(const Member &member, Refusal &refusal) {
        if (!is_attribute_name(member.key)) return refuse(refusal, CEVENTS_INVALID_NAME, member.key);
        text value = member.raw;
        char first = value.front();
        if (first == '"') {
            refusal.attribute = member.key;
            if (!string_of(member, value, refusal.problem)) return false;
            if (has_control(value)) return refuse(refusal, CEVENTS_INVALID_VALUE, member.key);
        } else if (first == '{' || first == '[' || value.find_first_of(".eE") != text::npos) {
            if (first != 't' && first != 'f') return refuse(refusal, CEVENTS_WRONG_TYPE, member.key);
        }
        if (value.size() > attribute_bytes_max) return refuse(refusal, CEVENTS_ATTRIBUTE_TOO_LONG, member.key);
        for (auto &known : fields.extensions)
            if (known.first == member.key) return refuse(refusal, CEVENTS_DUPLICATE_ATTRIBUTE, member.key);
        if (fields.extensions.size() == extensions_max) return refuse(refusal, CEVENTS_TOO_MANY_EXTENSIONS, member.key);
        fields.extensions.emplace_back(member.key, value);
        return true;
    }

    bool read_cloud_event(Refusal &refusal) {
        text version;
        const Member *data = nullptr, *data_base64 = nullptr;
        unsigned seen = 0;
        auto once = [&](unsigned bit) { bool first = !(seen & 1u << bit); seen |= 1u << bit; return first; };
        for (auto &member : members) {
            text key = member.key;
            if (member.raw == "null") continue; // CloudEvents JSON format §2.2: null is absent
            bool fits = true, first = true;
            switch (key.size()) {
            case 2:
                if (key == "id") { first = once(0); fits = attribute(member, fields.id, id_bytes_max, refusal); break; }
                goto other;
            case 4:
                if (key == "type") { first = once(1); fits = attribute(member, fields.type, type_bytes_max, refusal); break; }
                if (key == "time") { first = once(2); fits = time_of(member, refusal); break; }
                if (key == "data") { first = once(3); data = &member; break; }
                goto other;
            case 6:
                if (key == "source") { first = once(4); fits = attribute(member, fields.source, id_bytes_max, refusal); break; }
                goto other;
            case 7:
                if (key == "subject") { first = once(5); fits = attribute(member, fields.subject, attribute_bytes_max, refusal); break; }
                goto other;
            case 10:
                if (key == "dataschema") { first = once(6); fits = attribute(member, fields.schema, attribute_bytes_max, refusal); break; }
                goto other;
            case 11:
                if (key == "specversion") { first = once(7); fits = attribute(member, version, 64, refusal); break; }
                if (key == "data_base64") { first = once(8); data_base64 = &member; break; }
                goto other;
            case 15:
                if (key == "datacontenttype") {
                    first = once(9);
                    fits = attribute(member, fields.content_type, attribute_bytes_max, refusal);
                    if (fits && !is_media_type(fields.content_type)) return refuse(refusal, CEVENTS_INVALID_VALUE, key);
                    break;
                }
                goto other;
            default:
            other:
                fits = extension(member, refusal);
            }
            if (!fits) return false;
            if (!first) return refuse(refusal, CEVENTS_DUPLICATE_ATTRIBUTE, key);
        }
        if (version != "1.0")
            return refuse(refusal, version.empty() ? CEVENTS_MISSING : CEVENTS_SPECVERSION, "specversion");
        if (fields.type.empty()) return refuse(refusal, CEVENTS_MISSING, "type");
        if (fields.source.empty()) return refuse(refusal, CEVENTS_MISSING, "source");
        if (data && data_base64) return refuse(refusal, CEVENTS_DATA_CONFLICT, "data_base64");
        if (data_base64) {
            refusal.attribute = "data_base64";
            if (!string_of(*data_base64, fields.data, refusal.problem)) return false;
            if (!is_base64(fields.data)) return refuse(refusal, CEVENTS_INVALID_BASE64, "data_base64");
            fields.data = canonical_base64(fields.data);
            fields.has_data = fields.is_base64 = true;
        } else if (data) {
            fields.has_data = true;
            fields.data = data->raw;
            // Text of a type other than JSON travels as a JSON string; what is meant is its content.
            if (data->raw.front() == '"' && !is_json_type(fields.content_type)) {
                refusal.attribute = "data";
                if (!string_of(*data, fields.data, refusal.problem)) return false;
            }
        }
        return true;
    }

    // A string, or the digits of an integer.
    bool loose(const Member &member, text &value, size_t bytes_max, Refusal &refusal) {
        char first = member.raw.front();
        if ((first == '-' || is_digit(first)) && member.raw.find_first_of(".eE") == text::npos) {
            value = member.raw;
            return value.size() <= bytes_max || refuse(refusal, CEVENTS_ATTRIBUTE_TOO_LONG, member.key);
        }
        return attribute(member, value, bytes_max, refusal);
    }

    bool read_bare_event(Refusal &refusal) {
        text project;
        rest.clear();
        for (auto &member : members) {
            text key = member.key;
            bool null = member.raw == "null";
            bool fits = true;
            if (key == "event_type") fits = null || attribute(member, fields.type, type_bytes_max, refusal);
            else if (key == "timestamp") fits = null || time_of(member, refusal);
            else if (key == "event_id") fits = null || loose(member, fields.id, id_bytes_max, refusal);
            else if (key == "user_id") fits = null || loose(member, fields.subject, attribute_bytes_max, refusal);
            else {
                // Only a non-empty string names the source; whatever it is, it also stays in the data.
                Refusal ignored{};
                if (key == "project_id" && !null && !attribute(member, project, id_bytes_max, ignored)) project = {};
                rest.push_back(rest.empty() ? '{' : ',');
                rest.append(member.whole);
            }
            if (!fits) return false;
        }
        if (fields.type.empty()) return refuse(refusal, CEVENTS_MISSING, "event_type");
        fields.source = !project.empty() ? project
            : text(reinterpret_cast<const char *>(options.default_source), options.default_source_length);
        if (!rest.empty()) {
            rest.push_back('}');
            fields.data = rest;
            fields.has_data = true;
        }
        return true;
    }

    bool read_event(text whole, bool bare_allowed, Refusal &refusal) {
        fields.id = fields.type = fields.source = fields.subject = fields.content_type = fields.schema = fields.data = {};
        fields.has_time = fields.has_data = fields.is_base64 = false;
        fields.extensions.clear();
        if (whole.size() > options.event_bytes_max) return refuse(refusal, CEVENTS_EVENT_TOO_LARGE, {});
        bool versioned = false, named = false;
        for (auto &member : members) {
            versioned |= member.key == "specversion";
            named |= member.key == "event_type";
        }
        if (versioned || !bare_allowed) {
            if (!read_cloud_event(refusal)) return false;
        } else if (named) {
            if (!read_bare_event(refusal)) return false;
        } else {
            return refuse(refusal, CEVENTS_NOT_AN_EVENT, {});
        }
        if (options.strict) {
            if (fields.id.empty()) return refuse(refusal, CEVENTS_MISSING, "id");
            if (!fields.has_time) return refuse(refusal, CEVENTS_MISSING, "time");
        }
        if (fields.id.empty()) fields.id = make_id();
        if (!fields.has_time) fields.time = options.now_microseconds;
        return true;
    }

    void encode(cevents_verdict &verdict) {
        size_t extension_bytes = 0;
        for (auto &pair : fields.extensions) extension_bytes += 3 + pair.first.size() + pair.second.size();
        size_t length = 46 + fields.id.size() + fields.type.size() + fields.source.size() + fields.subject.size()
            + fields.content_type.size() + fields.schema.size() + fields.data.size() + extension_bytes;
        hash_pair(
            options.secret_low, options.secret_high, fields.source, fields.id, verdict.key_low, verdict.key_high);
        verdict.encoded_offset = encoded.size();
        verdict.encoded_length = length + 4;
        encoded.resize(encoded.size() + length + 4);
        char *at = &encoded[verdict.encoded_offset];
        put(at, uint32_t(length));
        put(at, uint16_t((fields.has_data ? 1 : 0) | (fields.is_base64 ? 2 : 0)));
        put(at, fields.time);
        put(at, verdict.key_low);
        put(at, verdict.key_high);
        for (text value : {fields.id, fields.type, fields.source, fields.subject, fields.content_type, fields.schema})
            put(at, uint16_t(value.size()));
        put(at, uint32_t(fields.data.size()));
        put(at, uint32_t(extension_bytes));
        for (text value :
             {fields.id, fields.type, fields.source, fields.subject, fields.content_type, fields.schema, fields.data})
            put(at, value);
        for (auto &pair : fields.extensions) {
            put(at, uint8_t(pair.first.size()));
            put(at, uint16_t(pair.second.size()));
            put(at, pair.first);
            put(at, pair.second);
        }
        accepted++;
    }

    void note(text value, size_t &offset, size_t &length) {
        offset = notes.size();
        length = value.size() < 256 ? value.size() : 256;
        // Never cut inside a scalar: a continuation byte begins with the bits 10.
        while (length < value.size() && length > 0 && (byte(value[length]) & 0xC0) == 0x80) length--;
        notes.append(value.substr(0, length));
    }

    // The first member that has one of the two names and is a string.
    void note_member(text name, text bare_name, size_t &offset, size_t &length) {
        for (auto &member : members) {
            text value;
            uint32_t ignored;
            if ((member.key == name || member.key == bare_name) && string_of(member, value, ignored)) {
                note(value, offset, length);
                return;
            }
        }
    }

    void give_verdict(text whole, bool bare_allowed, bool is_object, bool is_json = true) {
        cevents_verdict verdict{};
        verdict.text_offset = size_t(whole.data() - begin);
        verdict.text_length = whole.size();
        Refusal refusal{};
        if (!is_json) refusal = {CEVENTS_NOT_JSON, {}};
        else if (!is_object) refusal = {CEVENTS_NOT_AN_OBJECT, {}};
        else if (read_event(whole, bare_allowed, refusal)) refusal.problem = CEVENTS_ACCEPTED;
        verdict.problem = refusal.problem;
        if (refusal.problem == CEVENTS_ACCEPTED) {
            encode(verdict);
        } else {
            note(refusal.attribute, verdict.attribute_offset, verdict.attribute_length);
            if (is_object) {
                note_member("id", "event_id", verdict.id_offset, verdict.id_length);
                note_member("type", "event_type", verdict.type_offset, verdict.type_length);
            }
        }
        verdicts.push_back(verdict);
        strings_used = 0;
    }

    // One value, already known to start at `at`; its end, or nullptr when it is not JSON.
    const char *read_one(const char *at, bool bare_allowed) {
        if (at >= end) return nullptr;
        bool is_object = *at == '{';
        const char *stop = is_object ? read_members(at) : skip_value(at, end, options.depth_max);
        if (!stop) return nullptr;
        give_verdict(text(at, size_t(stop - at)), bare_allowed, is_object);
        return stop;
    }

    uint32_t not_json(size_t &offset, const char *at) {
        offset = size_t(at - begin);
        return CEVENTS_BODY_NOT_JSON;
    }

    uint32_t read_array(const char *at, bool bare_allowed, size_t &offset) {
        at = skip_space(at + 1, end);
        if (at < end && *at == ']') return finish(at + 1, offset);
        for (;;) {
            if (verdicts.size() == options.events_max) return CEVENTS_BODY_TOO_MANY;
            const char *stop = read_one(at, bare_allowed);
            if (!stop) return not_json(offset, at);
            at = skip_space(stop, end);
            if (at >= end) return not_json(offset, at);
            if (*at == ']') return finish(at + 1, offset);
            if (*at != ',') return not_json(offset, at);
            at = skip_space(at + 1, end);
        }
    }

    uint32_t finish(const char *at, size_t &offset) {
        at = skip_space(at, end);
        return at == end ? uint32_t(CEVENTS_BODY_OK) : not_json(offset, at);
    }

    uint32_t read_lines(const char *at, bool is_utf8) {
        const char *body_end = end;
        while (at < body_end) {
            auto newline = static_cast<const char *>(std::memchr(at, '\n', size_t(body_end - at)));
            const char *next = newline ? newline + 1 : body_end;
            end = newline ? newline : body_end;
            at = skip_space(at, end);
            if (at < end) {
                if (verdicts.size() == options.events_max) return CEVENTS_BODY_TOO_MANY;
                // No scalar reaches over a newline.
                bool is_text = is_utf8 || simdjson::validate_utf8(at, size_t(end - at));
                bool is_object = is_text && *at == '{';
                const char *stop = !is_text ? nullptr
                    : is_object ? read_members(at) : skip_value(at, end, options.depth_max);
                bool is_json = stop && skip_space(stop, end) == end;
                const char *last = is_json ? stop : end;
                give_verdict(text(at, size_t(last - at)), true, is_object && is_json, is_json);
            }
            at = next;
            end = body_end;
        }
        return CEVENTS_BODY_OK;
    }

    uint32_t read_detected(const char *at, size_t &offset) {
        if (*at == '[') return read_array(at, true, offset);
        if (*at != '{') {
            offset = size_t(at - begin);
            return skip_value(at, end, options.depth_max) ? CEVENTS_BODY_WRONG_SHAPE : CEVENTS_BODY_NOT_JSON;
        }
        const char *stop = read_members(at);
        if (!stop) return not_json(offset, at);
        const Member *events = nullptr;
        bool is_event = false;
        for (auto &member : members) {
            if (member.key == "events" && member.raw.front() == '[') {
                // To take the last of two lists, as JSON parsers do, would lose the events of the first.
                if (events) return CEVENTS_BODY_WRONG_SHAPE;
                events = &member;
            }
            is_event |= member.key == "specversion" || member.key == "event_type";
        }
        if (!events || is_event) {
            if (uint32_t error = finish(stop, offset)) return error;
            give_verdict(text(at, size_t(stop - at)), true, true);
            return CEVENTS_BODY_OK;
        }
        if (uint32_t error = finish(stop, offset)) return error;
        const char *whole_end = end;
        text array = events->raw;
        end = array.data() + array.size();
        uint32_t error = read_array(array.data(), true, offset);
        end = whole_end;
        return error;
    }

public:
    Reader(const uint8_t *body, size_t length, const cevents_options &options)
        : options(options), begin(reinterpret_cast<const char *>(body)), end(begin + length),
          random_state(options.random_seed) {
        encoded.reserve(length + length / 8 + 256);
    }

    ~Reader() { for (auto *string : strings) delete string; }

    uint32_t read(size_t &offset) {
        bool is_utf8 = simdjson::validate_utf8(begin, size_t(end - begin));
        if (!is_utf8 && options.framing != CEVENTS_FRAMING_LINES) return CEVENTS_BODY_NOT_UTF8;
        const char *start = begin;
        if (end - start >= 3 && std::memcmp(start, "\xEF\xBB\xBF", 3) == 0) start += 3;
        if (options.framing == CEVENTS_FRAMING_LINES) return read_lines(start, is_utf8);
        const char *at = skip_space(start, end);
        if (at == end) return not_json(offset, at);
        switch (options.framing) {
        case CEVENTS_FRAMING_SINGLE:
        case CEVENTS_FRAMING_EVENT: {
            const char *stop = read_one(at, options.framing == CEVENTS_FRAMING_EVENT);
            return stop ? finish(stop, offset) : not_json(offset, at);
        }
        case CEVENTS_FRAMING_BATCH:
            if (*at == '[') return read_array(at, false, offset);
            offset = size_t(at - begin);
            return skip_value(at, end, options.depth_max) ? CEVENTS_BODY_WRONG_SHAPE : CEVENTS_BODY_NOT_JSON;
        default: return read_detected(at, offset);
        }
    }

    // Hands the results over without copying them.
    void give(cevents_batch &batch) {
        auto *results = new Results{std::move(verdicts), std::move(encoded), std::move(notes)};
        batch.owner = results;
        batch.accepted = accepted;
        batch.count = results->verdicts.size();
        batch.verdicts = results->verdicts.data();
        batch.encoded_length = results->encoded.size();
        batch.encoded = reinterpret_cast<const uint8_t *>(results->encoded.data());
        batch.notes_length = results->notes.size();
        batch.notes = reinterpret_cast<const uint8_t *>(results->notes.data());
    }
};

} // namespace

extern "C" uint32_t cevents_parse(
    const uint8_t *body, size_t length, const cevents_options *options, cevents_batch *batch) {
    std::memset(batch, 0, sizeof *batch);
    try {
        Reader reader(body, length, *options);
        batch->error = reader.read(batch->error_offset);
        if (batch->error == CEVENTS_BODY_OK) reader.give(*batch);
    } catch (const std::bad_alloc &) {
        batch->error = CEVENTS_BODY_NO_MEMORY;
    }
    return batch->error;
}

extern "C" void cevents_free(cevents_batch *batch) {
    delete static_cast<Results *>(batch->owner);
    std::memset(batch, 0, sizeof *batch);
}

extern "C" int cevents_is_json(const uint8_t *bytes, size_t length, size_t depth_max, size_t *begin, size_t *end) {
    auto start = reinterpret_cast<const char *>(bytes);
    const char *limit = start + length;
    const char *at = skip_space(start, limit);
    const char *stop = skip_value(at, limit, depth_max);
    if (!stop || skip_space(stop, limit) != limit) return 0;
    *begin = size_t(at - start);
    *end = size_t(stop - start);
    return 1;
}

extern "C" int cevents_is_utf8(const uint8_t *bytes, size_t length) {
    return simdjson::validate_utf8(reinterpret_cast<const char *>(bytes), length) ? 1 : 0;
}

extern "C" int cevents_parse_time(const uint8_t *bytes, size_t length, int64_t *microseconds) {
    return parse_time(text(reinterpret_cast<const char *>(bytes), length), *microseconds) ? 1 : 0;
}

extern "C" void cevents_key(
    uint64_t secret_low, uint64_t secret_high, const uint8_t *source, size_t source_length, const uint8_t *id,
    size_t id_length, uint64_t *key_low, uint64_t *key_high) {
    hash_pair(
        secret_low, secret_high, text(reinterpret_cast<const char *>(source), source_length),
        text(reinterpret_cast<const char *>(id), id_length), *key_low, *key_high);
}
