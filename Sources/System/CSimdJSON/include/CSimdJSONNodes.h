// Takes one JSON text apart in place: where every value of it lies.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CNODES_NULL = 0,
    CNODES_TRUE = 1,
    CNODES_FALSE = 2,
    /// A number without fraction and exponent.
    CNODES_INTEGER = 3,
    CNODES_NUMBER = 4,
    CNODES_STRING = 5,
    CNODES_ARRAY = 6,
    CNODES_OBJECT = 7,
};

/// Set in `bits` for a string with escapes.
enum { CNODES_ESCAPED = 16 };

/// A member is two nodes, its key and its value; the values of an array and the members of an object follow their node.
typedef struct {
    /// Of the value in the text; strings with their quotes.
    uint32_t start, end;
    /// Index of the first node behind the value and all within it.
    uint32_t next;
    /// Kind in the lowest 4 bits, above bit 8 the number of values or members.
    uint32_t bits;
} cnodes_node;

typedef struct cnodes cnodes;

/// For values nested at most `depth_max` deep. NULL without memory.
cnodes *cnodes_create(size_t depth_max);

/// Whether `json` is one JSON value with white space around it: UTF-8, at most 4 GiB, at most 2^24 - 1 values in one array
/// or members in one object. Numbers may be of any size, surrogates may stand alone. Never reads past `length`.
/// With 1, `*nodes` is valid until the next call.
int cnodes_read(cnodes *reader, const uint8_t *json, size_t length, const cnodes_node **nodes, size_t *count);

/// A list among the members of an object that is taken apart element by element.
typedef struct {
    const char *name;
    size_t name_length;
} cnodes_list;

/// What `cnodes_read_members` finds, in order: a member of the object (`list` is -1: key and value), the beginning of a list
/// (`count` is 0), or one of its elements. Indices are of `nodes`, which is valid until the return. Returns 0 to end the reading.
typedef int (*cnodes_visit)(void *context, int list, const cnodes_node *nodes, size_t count);

/// As `cnodes_read`, for an object, and without keeping the nodes of all of it. Of a text that is refused the beginning may
/// have been visited. A list is what stands at one of `lists`, written without escapes, and is an array.
int cnodes_read_members(
    cnodes *reader, const uint8_t *json, size_t length, const cnodes_list *lists, size_t list_count, cnodes_visit visit,
    void *context);

void cnodes_free(cnodes *reader);

#ifdef __cplusplus
}
#endif
