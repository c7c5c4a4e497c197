// simdjson's on-demand reader, walked to the end of the text: it checks what it is asked for, so everything is asked for.
#include "CSimdJSON.h"
#include "tokens.hpp"

#include <cstring>
#include <memory>
#include <new>
#include <simdjson.h>
#include <string_view>
#include <vector>

namespace {

namespace ondemand = simdjson::ondemand;
using text = std::string_view;

constexpr size_t count_max = (1 << 24) - 1;
// A reader that has met a longer text gives its memory back with the next one that is not.
constexpr size_t kept_bytes_max = 1 << 20;

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

text trimmed(text token) {
    while (!token.empty() && is_space(token.back())) token.remove_suffix(1);
    return token;
}

bool has_escapes(text token) { return std::memchr(token.data(), '\\', token.size()) != nullptr; }

// What simdjson refuses although RFC 8259 has it: a lone surrogate.
bool is_string(text token) {
    bool escaped = false;
    const char *end = token.data() + token.size();
    return tokens::skip_string(token.data() + 1, end, escaped) == end;
}

// And a number beyond a double.
bool is_number(text token) {
    const char *end = token.data() + token.size();
    return tokens::skip_number(token.data(), end) == end;
}

struct member_visitor {
    const cnodes_list *lists;
    size_t list_count;
    cnodes_visit visit;
    void *context;

    // -1 for none. A name with escapes is none of them.
    int list(text name) const {
        for (size_t i = 0; i < list_count; i++)
            if (name == text(lists[i].name, lists[i].name_length)) return int(i);
        return -1;
    }
};

} // namespace

struct cnodes {
    const size_t depth_max;
    ondemand::parser parser;
    std::unique_ptr<char[]> buffer;
    size_t buffer_size = 0;
    std::vector<cnodes_node> nodes;

    explicit cnodes(size_t depth_max) : depth_max(depth_max) {}

    // Places are counted in the text, which lies behind one byte in the buffer.
    uint32_t place(const char *at) const { return uint32_t(at - buffer.get() - 1); }

    void append(uint32_t bits, text token) {
        nodes.push_back({place(token.data()), place(token.data() + token.size()), uint32_t(nodes.size() + 1), bits});
    }

    // Recursion is bounded by the depth.
    bool read(ondemand::value value, size_t depth) {
        const text token = value.raw_json_token();
        switch (token[0]) {
        case '{': return read_object(value, token, depth);
        case '[': return read_array(value, token, depth);
        case '"': return read_string(value, trimmed(token));
        case 't': case 'f': return read_bool(value, trimmed(token));
        case 'n': return read_null(value, trimmed(token));
        default: return read_number(value, trimmed(token));
        }
    }

    bool read_bool(ondemand::value &value, text token) {
        bool is_true;
        if (value.get_bool().get(is_true)) return false;
        append(is_true ? CNODES_TRUE : CNODES_FALSE, token);
        return true;
    }

    bool read_null(ondemand::value &value, text token) {
        bool is_null;
        if (value.is_null().get(is_null) || !is_null) return false;
        append(CNODES_NULL, token);
        return true;
    }

    bool read_number(ondemand::value &value, text token) {
        const bool is_integer = token.find_first_of(".eE") == text::npos;
        int64_t integer;
        double number;
        const bool is_plain = is_integer && !value.get_int64().get(integer);
        if (!is_plain && value.get_double().get(number) && !is_number(token)) return false;
        append(is_integer ? CNODES_INTEGER : CNODES_NUMBER, token);
        return true;
    }

    // A string that is not asked for is passed over together with a value behind it, as if it were a key.
    bool read_string(ondemand::value &value, text token) {
        const bool escaped = has_escapes(token);
        if (escaped) {
            text string;
            if (value.get_string().get(string) && !is_string(token)) return false;
        } else {
            ondemand::raw_json_string string;
            if (value.get_raw_json_string().get(string)) return false;
        }
        append(CNODES_STRING | (escaped ? CNODES_ESCAPED : 0), token);
        return true;
    }

    // Of a key only the beginning is known. Between its end and the value there are but white space and a colon.
    bool read_key(ondemand::field &field, const char *value) {
        const char *begin = field.key().raw() - 1;
        const char *end = value;
        do end--; while (is_space(*end) || *end == ':');
        const text token(begin, size_t(end + 1 - begin));
        text name;
        const bool escaped = has_escapes(token);
        if (escaped && field.unescaped_key().get(name) && !is_string(token)) return false;
        append(CNODES_STRING | (escaped ? CNODES_ESCAPED : 0), token);
        return true;
    }

    bool read_array(ondemand::value &value, text token, size_t depth) {
        ondemand::array array;
        if (depth == 0 || value.get_array().get(array)) return false;
        const size_t index = nodes.size();
        append(CNODES_ARRAY, token);
        size_t count = 0;
        for (auto item : array) {
            ondemand::value element;
            if (item.get(element) || !read(element, depth - 1)) return false;
            count++;
        }
        return close(value, index, count);
    }

    bool read_object(ondemand::value &value, text token, size_t depth) {
        ondemand::object object;
        if (depth == 0 || value.get_object().get(object)) return false;
        const size_t index = nodes.size();
        append(CNODES_OBJECT, token);
        size_t count = 0;
        for (auto item : object) {
            ondemand::field field;
            if (std::move(item).get(field)) return false;
            if (!read_key(field, field.value().raw_json_token().data()) || !read(field.value(), depth - 1)) return false;
            count++;
        }
        return close(value, index, count);
    }

    // The reader stands behind the container, at the next token: there is one, for the text stands in brackets.
    bool close(ondemand::value &value, size_t index, size_t count) {
        const char *end;
        if (count > count_max || value.current_location().get(end)) return false;
        while (is_space(end[-1])) end--;
        nodes[index].end = place(end);
        nodes[index].next = uint32_t(nodes.size());
        nodes[index].bits |= uint32_t(count) << 8;
        return true;
    }

    bool reserve(size_t size) {
        if (buffer_size > kept_bytes_max && size <= kept_bytes_max) {
            parser = ondemand::parser();
            buffer = nullptr;
            buffer_size = 0;
            nodes = {};
        }
        if (buffer_size >= size) return true;
        size_t capacity = 1024;
        while (capacity < size) capacity *= 2;
        buffer.reset(new char[capacity]);
        buffer_size = capacity;
        return parser.allocate(capacity, depth_max + 3) == simdjson::SUCCESS;
    }

    // The text is read as the only element of an array, so that a scalar is a value as any other.
    template <typename Read> bool read_text(const uint8_t *json, size_t length, Read read_root) {
        nodes.clear();
        const size_t bracketed = length + 2;
        if (!reserve(bracketed + simdjson::SIMDJSON_PADDING)) return false;
        buffer[0] = '[';
        if (length) std::memcpy(buffer.get() + 1, json, length);
        buffer[length + 1] = ']';
        std::memset(buffer.get() + bracketed, ' ', simdjson::SIMDJSON_PADDING);
        ondemand::document document;
        ondemand::array array;
        if (parser.iterate(buffer.get(), bracketed, buffer_size).get(document) || document.get_array().get(array)) return false;
        size_t count = 0;
        for (auto item : array) {
            ondemand::value value;
            if (count++ == 1 || item.get(value) || !read_root(value)) return false;
        }
        return count == 1 && document.current_location().error() == simdjson::OUT_OF_BOUNDS;
    }

    bool read(const uint8_t *json, size_t length) {
        return read_text(json, length, [this](ondemand::value value) { return read(value, depth_max); });
    }

    bool read_list(ondemand::value value, int list, const member_visitor &visitor) {
        ondemand::array array;
        if (!visitor.visit(visitor.context, list, nullptr, 0) || value.get_array().get(array)) return false;
        for (auto item : array) {
            ondemand::value element;
            nodes.clear();
            if (item.get(element) || !read(element, depth_max - 2)) return false;
            if (!visitor.visit(visitor.context, list, nodes.data(), nodes.size())) return false;
        }
        return true;
    }

    bool read_members(ondemand::value root, const member_visitor &visitor) {
        ondemand::object object;
        if (root.raw_json_token()[0] != '{' || root.get_object().get(object)) return false;
        for (auto item : object) {
            ondemand::field field;
            if (std::move(item).get(field)) return false;
            nodes.clear();
            const text token = field.value().raw_json_token();
            if (!read_key(field, token.data())) return false;
            const int list = token[0] == '[' ? visitor.list(text(buffer.get() + 2 + nodes[0].start, nodes[0].end - nodes[0].start - 2)) : -1;
            if (list >= 0) {
                if (!read_list(field.value(), list, visitor)) return false;
            } else if (!read(field.value(), depth_max - 1) || !visitor.visit(visitor.context, -1, nodes.data(), nodes.size())) {
                return false;
            }
        }
        return true;
    }

    bool read_members(const uint8_t *json, size_t length, const member_visitor &visitor) {
        return read_text(json, length, [&](ondemand::value value) { return read_members(value, visitor); });
    }
};

extern "C" cnodes *cnodes_create(size_t depth_max) {
    try {
        return new cnodes(depth_max);
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

template <typename Read> static int guarded(size_t length, Read read) {
    try {
        return length <= UINT32_MAX - 2 - simdjson::SIMDJSON_PADDING && read();
    } catch (const std::bad_alloc &) {
        return 0;
    } catch (const simdjson::simdjson_error &) {
        return 0;
    }
}

extern "C" int cnodes_read(cnodes *reader, const uint8_t *json, size_t length, const cnodes_node **nodes, size_t *count) {
    return guarded(length, [&] {
        if (!reader->read(json, length)) return false;
        *nodes = reader->nodes.data();
        *count = reader->nodes.size();
        return true;
    });
}

extern "C" int cnodes_read_members(
    cnodes *reader, const uint8_t *json, size_t length, const cnodes_list *lists, size_t list_count, cnodes_visit visit,
    void *context) {
    return guarded(length, [&] { return reader->read_members(json, length, {lists, list_count, visit, context}); });
}

extern "C" void cnodes_free(cnodes *reader) { delete reader; }
