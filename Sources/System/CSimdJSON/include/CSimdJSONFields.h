// Takes the top-level fields of JSON objects apart into columns.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What values a column takes, and what of them it holds. Everything else is a misfit, and null.
enum {
    /// true and false, a byte each.
    CFIELDS_BOOLEAN = 0,
    /// Whole numbers of 32 bits, `1.0` and `1e2` too.
    CFIELDS_INT = 1,
    /// Whole numbers of 64 bits.
    CFIELDS_LONG = 2,
    CFIELDS_FLOAT = 3,
    CFIELDS_DOUBLE = 4,
    /// Strings, without quotes and escapes.
    CFIELDS_TEXT = 5,
    /// Strings without quotes and escapes; any other value as its JSON text.
    CFIELDS_ANY_TEXT = 6,
    /// Any value as its JSON text.
    CFIELDS_JSON = 7,
    /// Strings with a date-time of RFC 3339: microseconds since 1970 UTC, 64 bits.
    CFIELDS_TIMESTAMP = 8,
    /// Strings YYYY-MM-DD: days since 1970, 32 bits.
    CFIELDS_DATE = 9,
    /// Strings of the 36-character form: 16 bytes.
    CFIELDS_UUID = 10,
    /// Numbers, or strings with a number, that are exact in `scale` digits behind the point: the unscaled value in 4 bytes
    /// up to 9 digits, in 8 up to 18.
    CFIELDS_DECIMAL = 11,
    /// Arrays, each element as in CFIELDS_ANY_TEXT.
    CFIELDS_TEXT_LIST = 12,
};

typedef struct {
    const uint8_t *name;
    size_t name_length;
    int32_t kind;
    int32_t precision, scale;
    /// Of a list: null is no element.
    int32_t element_required;
} cfields_column;

typedef struct cfields cfields;

/// What a column holds. Levels as Parquet has them: flat columns have 0 or 1 a row, lists 0 (null), 1 (empty), and
/// 2 and 3 (null and present element, or 2 for a required one), with repetition levels.
typedef struct {
    const uint8_t *definitions;
    size_t definition_count;
    const uint8_t *repetitions;
    size_t repetition_count;
    /// Values of fixed width, in the machine's order.
    const uint8_t *fixed;
    size_t fixed_length;
    /// Values of other columns: one offset more than values.
    const uint32_t *offsets;
    size_t offset_count;
    const uint8_t *bytes;
    size_t byte_count;
    /// Values that were there, not null, and did not fit.
    uint64_t misfits;
} cfields_values;

/// NULL without memory.
cfields *cfields_create(const cfields_column *columns, size_t count);

/// Takes one row. What is no JSON object (NULL, too) is null in all columns; of a field that comes twice the last counts.
/// Returns 0, or -1 without memory or when a column would pass 4 GiB.
int cfields_append(cfields *fields, const uint8_t *json, size_t length);

/// Valid until the next append.
void cfields_values_of(const cfields *fields, size_t column, cfields_values *values);

void cfields_free(cfields *fields);

#ifdef __cplusplus
}
#endif
