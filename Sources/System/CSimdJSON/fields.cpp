// Top-level fields of JSON objects as columns: one pass over each object with simdjson's on-demand reader, which looks
// only at what a column wants. The texts were checked when they were taken in; a text that is broken after all is null.
#include "CSimdJSON.h"
#include "tokens.hpp"

#include <charconv>
#include <cmath>
#include <cstring>
#include <new>
#include <simdjson.h>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

using text = std::string_view;
using namespace simdjson;

constexpr size_t none = ~size_t(0);

text trimmed(text value) {
    while (!value.empty() && uint8_t(value.back()) <= ' ') value.remove_suffix(1);
    return value;
}

// MARK: - Scalars

bool as_double(text number, double &value) {
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    return error == std::errc() && end == number.data() + number.size() && std::isfinite(value);
}

bool as_long(text number, int64_t &value) {
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error == std::errc() && end == number.data() + number.size()) return true;
    double real;
    // Beyond 2^53 a double stands for several whole numbers.
    if (error != std::errc() || !as_double(number, real) || real != std::trunc(real) || std::fabs(real) > 9007199254740992.0)
        return false;
    value = int64_t(real);
    return true;
}

// The number times 10^scale, if that is whole and below 10^precision.
bool as_decimal(text number, int precision, int scale, int64_t &value) {
    size_t at = 0;
    bool negative = at < number.size() && number[at] == '-';
    if (negative) at++;
    std::string digits;
    long behind = 0;
    bool point = false;
    for (; at < number.size() && number[at] != 'e' && number[at] != 'E'; at++) {
        if (number[at] == '.' && !point) {
            point = true;
            continue;
        }
        if (number[at] < '0' || number[at] > '9') return false;
        digits.push_back(number[at]);
        if (point) behind++;
    }
    if (digits.empty() || digits.size() > 100) return false;
    if (at < number.size()) {
        int exponent = 0;
        const char *from = number.data() + at + 1, *to = number.data() + number.size();
        if (from < to && *from == '+') from++;
        auto [end, error] = std::from_chars(from, to, exponent);
        if (error != std::errc() || end != to || exponent > 1000 || exponent < -1000) return false;
        behind -= exponent;
    }
    while (behind > scale && !digits.empty()) {
        if (digits.back() != '0') return false;
        digits.pop_back();
        behind--;
    }
    size_t first = digits.find_first_not_of('0');
    if (first == text::npos) {
        value = 0;
        return true;
    }
    digits.erase(0, first);
    long zeros = scale - behind;
    if (zeros < 0 || long(digits.size()) + zeros > precision) return false;
    digits.append(size_t(zeros), '0');
    value = 0;
    for (char digit : digits) value = value * 10 + (digit - '0');
    if (negative) value = -value;
    return true;
}

bool as_date(text value, int32_t &days) {
    if (value.size() != 10) return false;
    char moment[21];
    std::memcpy(moment, value.data(), 10);
    std::memcpy(moment + 10, "T00:00:00Z", 10);
    int64_t microseconds;
    if (!cevents_parse_time(reinterpret_cast<const uint8_t *>(moment), 20, &microseconds)) return false;
    // A multiple of a day: the division is exact also before 1970.
    days = int32_t(microseconds / 86400000000);
    return true;
}

bool as_uuid(text value, uint8_t (&bytes)[16]) {
    if (value.size() != 36) return false;
    size_t count = 0;
    for (size_t at = 0; at < 36;) {
        if (at == 8 || at == 13 || at == 18 || at == 23) {
            if (value[at++] != '-') return false;
            continue;
        }
        int high = tokens::hex_digit(value[at]), low = tokens::hex_digit(value[at + 1]);
        if (high < 0 || low < 0) return false;
        bytes[count++] = uint8_t(high << 4 | low);
        at += 2;
    }
    return true;
}

// MARK: - Columns

// A value as the columns want it.
struct cell {
    ondemand::json_type type;
    // Its JSON text.
    text raw;
    // Of a string: without quotes and escapes.
    text string;
    bool is_string() const { return type == ondemand::json_type::string; }
    bool is_null() const { return type == ondemand::json_type::null; }
};

struct column {
    std::string name;
    int kind, precision, scale;
    bool element_required;
    // The next column of the same field, and whether there is one before.
    size_t same = none;
    bool is_second = false;

    std::vector<uint8_t> definitions, repetitions, fixed;
    std::vector<uint32_t> offsets;
    std::string bytes;
    uint64_t misfits = 0;

    // Where the present row began, for a field that comes twice.
    size_t row_definitions = 0, row_fixed = 0, row_offsets = 0, row_bytes = 0;
    uint64_t row_misfits = 0;
    bool is_set = false;

    bool is_text() const {
        return kind == CFIELDS_TEXT || kind == CFIELDS_ANY_TEXT || kind == CFIELDS_JSON || kind == CFIELDS_TEXT_LIST;
    }
    bool is_list() const { return kind == CFIELDS_TEXT_LIST; }

    void begin_row() {
        row_definitions = definitions.size();
        row_fixed = fixed.size();
        row_offsets = offsets.size();
        row_bytes = bytes.size();
        row_misfits = misfits;
        is_set = false;
    }

    void forget_row() {
        definitions.resize(row_definitions);
        if (is_list()) repetitions.resize(row_definitions);
        fixed.resize(row_fixed);
        offsets.resize(row_offsets);
        bytes.resize(row_bytes);
        misfits = row_misfits;
    }

    void level(uint8_t definition, uint8_t repetition = 0) {
        definitions.push_back(definition);
        if (is_list()) repetitions.push_back(repetition);
    }

    void put_text(text value) {
        bytes.append(value);
        offsets.push_back(uint32_t(bytes.size()));
    }

    template <typename T> bool put(T value) {
        const auto *from = reinterpret_cast<const uint8_t *>(&value);
        fixed.insert(fixed.end(), from, from + sizeof value);
        return true;
    }

    // False for a misfit.
    bool put_scalar(const cell &cell) {
        bool is_number = cell.type == ondemand::json_type::number;
        int64_t whole;
        double real;
        switch (kind) {
        case CFIELDS_BOOLEAN:
            return cell.type == ondemand::json_type::boolean && put(uint8_t(cell.raw[0] == 't'));
        case CFIELDS_INT:
            return is_number && as_long(cell.raw, whole) && whole >= INT32_MIN && whole <= INT32_MAX && put(int32_t(whole));
        case CFIELDS_LONG: return is_number && as_long(cell.raw, whole) && put(whole);
        case CFIELDS_FLOAT: return is_number && as_double(cell.raw, real) && std::isfinite(float(real)) && put(float(real));
        case CFIELDS_DOUBLE: return is_number && as_double(cell.raw, real) && put(real);
        case CFIELDS_TEXT:
            if (!cell.is_string()) return false;
            put_text(cell.string);
            return true;
        case CFIELDS_ANY_TEXT: put_text(cell.is_string() ? cell.string : cell.raw); return true;
        case CFIELDS_JSON: put_text(cell.raw); return true;
        case CFIELDS_TIMESTAMP:
            return cell.is_string()
                && cevents_parse_time(reinterpret_cast<const uint8_t *>(cell.string.data()), cell.string.size(), &whole)
                && put(whole);
        case CFIELDS_DATE: {
            int32_t days;
            return cell.is_string() && as_date(cell.string, days) && put(days);
        }
        case CFIELDS_UUID: {
            uint8_t value[16];
            if (!cell.is_string() || !as_uuid(cell.string, value)) return false;
            fixed.insert(fixed.end(), value, value + 16);
            return true;
        }
        case CFIELDS_DECIMAL:
            if (!(is_number || cell.is_string())) return false;
            if (!as_decimal(cell.is_string() ? cell.string : cell.raw, precision, scale, whole)) return false;
            return precision <= 9 ? put(int32_t(whole)) : put(whole);
        }
        return false;
    }

    void set(const cell &cell) {
        if (is_set) forget_row();
        is_set = true;
        if (cell.is_null()) return level(0);
        if (put_scalar(cell)) return level(1);
        misfits++;
        level(0);
    }

    void finish_row() {
        if (!is_set) level(0);
    }
};

// MARK: - Reading

bool read_cell(ondemand::value &value, cell &cell) {
    if (value.type().get(cell.type)) return false;
    switch (cell.type) {
    case ondemand::json_type::string:
        cell.raw = trimmed(value.raw_json_token());
        return !value.get_string().get(cell.string);
    case ondemand::json_type::object: {
        ondemand::object object;
        return !value.get_object().get(object) && !object.raw_json().get(cell.raw);
    }
    case ondemand::json_type::array: {
        ondemand::array array;
        return !value.get_array().get(array) && !array.raw_json().get(cell.raw);
    }
    default: cell.raw = trimmed(value.raw_json_token()); return !cell.raw.empty();
    }
}

} // namespace

struct cfields {
    std::vector<column> columns;
    std::unordered_map<text, size_t> first_of_name;
    ondemand::parser parser, element_parser;
    std::string buffer;
    // Where the field that came before was found: objects of one type have their fields in one order.
    size_t expected = 0;

    // The first column of the field; none for a field that no column wants.
    size_t find(text name) {
        if (expected < columns.size() && !columns[expected].is_second && columns[expected].name == name) return expected++;
        auto found = first_of_name.find(name);
        if (found == first_of_name.end()) return none;
        expected = found->second + 1;
        return found->second;
    }

    void append_list(column &column, const cell &cell) {
        if (column.is_set) column.forget_row();
        column.is_set = true;
        if (cell.is_null()) return column.level(0);
        if (cell.type != ondemand::json_type::array || !append_elements(column, cell.raw)) {
            column.forget_row();
            column.misfits++;
            column.level(0);
        }
    }

    // False for a misfit.
    bool append_elements(column &column, text raw) {
        // A copy: the array was read to its end by now.
        padded_string copy(raw);
        ondemand::document document;
        ondemand::array array;
        if (element_parser.iterate(copy).get(document) || document.get_array().get(array)) return false;
        const uint8_t present = column.element_required ? 2 : 3;
        bool is_first = true;
        for (auto item : array) {
            ondemand::value value;
            cell element;
            if (item.get(value) || !read_cell(value, element)) return false;
            if (element.is_null()) {
                if (column.element_required) return false;
                column.level(2, is_first ? 0 : 1);
            } else {
                column.put_text(element.is_string() ? element.string : element.raw);
                column.level(present, is_first ? 0 : 1);
            }
            is_first = false;
        }
        if (is_first) column.level(1);
        return true;
    }

    // Whatever is wrong with the text, what was read of it stands.
    void read(const uint8_t *json, size_t length) {
        buffer.resize(length + SIMDJSON_PADDING);
        std::memcpy(buffer.data(), json, length);
        std::memset(buffer.data() + length, ' ', SIMDJSON_PADDING);
        ondemand::document document;
        ondemand::object object;
        if (parser.iterate(buffer.data(), length, buffer.size()).get(document) || document.get_object().get(object)) return;
        expected = 0;
        for (auto item : object) {
            ondemand::field field;
            text name;
            if (std::move(item).get(field) || field.unescaped_key().get(name)) return;
            size_t index = find(name);
            if (index == none) continue;
            cell cell;
            if (!read_cell(field.value(), cell)) {
                for (; index != none; index = columns[index].same) misfit(columns[index]);
                continue;
            }
            for (; index != none; index = columns[index].same) {
                if (columns[index].is_list()) append_list(columns[index], cell);
                else columns[index].set(cell);
            }
        }
    }

    void misfit(column &column) {
        if (column.is_set) column.forget_row();
        column.is_set = true;
        column.misfits++;
        column.level(0);
    }
};

extern "C" cfields *cfields_create(const cfields_column *columns, size_t count) {
    try {
        auto *fields = new cfields();
        fields->columns.resize(count);
        for (size_t i = 0; i < count; i++) {
            column &made = fields->columns[i];
            made.name.assign(reinterpret_cast<const char *>(columns[i].name), columns[i].name_length);
            made.kind = columns[i].kind;
            made.precision = columns[i].precision;
            made.scale = columns[i].scale;
            made.element_required = columns[i].element_required != 0;
            if (made.is_text()) made.offsets.push_back(0);
        }
        // Backwards, so that `find` gives the first of a name.
        for (size_t i = count; i-- > 0;) {
            auto [place, is_new] = fields->first_of_name.try_emplace(text(fields->columns[i].name), i);
            if (is_new) continue;
            fields->columns[i].same = place->second;
            fields->columns[place->second].is_second = true;
            place->second = i;
        }
        return fields;
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

extern "C" int cfields_append(cfields *fields, const uint8_t *json, size_t length) {
    try {
        for (column &column : fields->columns) column.begin_row();
        if (json) fields->read(json, length);
        for (column &column : fields->columns) {
            column.finish_row();
            if (column.bytes.size() > UINT32_MAX) return -1;
        }
        return 0;
    } catch (const std::bad_alloc &) {
        return -1;
    }
}

extern "C" void cfields_values_of(const cfields *fields, size_t index, cfields_values *values) {
    const column &column = fields->columns[index];
    values->definitions = column.definitions.data();
    values->definition_count = column.definitions.size();
    values->repetitions = column.repetitions.data();
    values->repetition_count = column.repetitions.size();
    values->fixed = column.fixed.data();
    values->fixed_length = column.fixed.size();
    values->offsets = column.offsets.data();
    values->offset_count = column.offsets.size();
    values->bytes = reinterpret_cast<const uint8_t *>(column.bytes.data());
    values->byte_count = column.bytes.size();
    values->misfits = column.misfits;
}

extern "C" void cfields_free(cfields *fields) { delete fields; }
