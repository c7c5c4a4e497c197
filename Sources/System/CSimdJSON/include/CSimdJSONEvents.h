// Reads a request body of events and encodes each accepted event for the log, in one call.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// How a body frames its events.
enum {
    /// One object, an array, or an object whose only array is `events`; bare events are taken.
    CEVENTS_FRAMING_DETECT = 0,
    /// One CloudEvent.
    CEVENTS_FRAMING_SINGLE = 1,
    /// A JSON array of CloudEvents.
    CEVENTS_FRAMING_BATCH = 2,
    /// One JSON object a line; bare events are taken.
    CEVENTS_FRAMING_LINES = 3,
    /// One object; a bare event is taken.
    CEVENTS_FRAMING_EVENT = 4,
};

/// Why an event was refused; 0 when it was accepted.
enum {
    CEVENTS_ACCEPTED = 0,
    CEVENTS_NOT_AN_OBJECT = 1,
    CEVENTS_MISSING = 2,
    CEVENTS_WRONG_TYPE = 3,
    CEVENTS_EMPTY = 4,
    CEVENTS_INVALID_VALUE = 5,
    CEVENTS_INVALID_NAME = 6,
    CEVENTS_DUPLICATE_ATTRIBUTE = 7,
    CEVENTS_EVENT_TOO_LARGE = 8,
    CEVENTS_ATTRIBUTE_TOO_LONG = 9,
    CEVENTS_SPECVERSION = 10,
    CEVENTS_INVALID_TIME = 11,
    CEVENTS_DATA_CONFLICT = 12,
    CEVENTS_NOT_JSON = 13,
    CEVENTS_NOT_AN_EVENT = 14,
    CEVENTS_INVALID_BASE64 = 15,
    CEVENTS_TOO_MANY_EXTENSIONS = 16,
};

/// Why a whole body was refused.
enum {
    CEVENTS_BODY_OK = 0,
    CEVENTS_BODY_NOT_UTF8 = 1,
    CEVENTS_BODY_NOT_JSON = 2,
    CEVENTS_BODY_WRONG_SHAPE = 3,
    CEVENTS_BODY_TOO_MANY = 4,
    CEVENTS_BODY_NO_MEMORY = 5,
};

typedef struct {
    int32_t framing;
    /// Nothing is filled in: an event without id or time is refused.
    int32_t strict;
    int64_t now_microseconds;
    /// From which ids are made for events that bring none.
    uint64_t random_seed;
    /// Secret of the keyed hash of (source, id).
    uint64_t secret_low, secret_high;
    size_t event_bytes_max;
    size_t events_max;
    size_t depth_max;
    /// The source of bare events without a project.
    const uint8_t *default_source;
    size_t default_source_length;
} cevents_options;

typedef struct {
    uint32_t problem;
    /// Accepted: the event's place in `encoded`.
    size_t encoded_offset, encoded_length;
    /// The event's JSON text in the body.
    size_t text_offset, text_length;
    /// Refused: the attribute at fault, the event's id and its type, in `notes`.
    size_t attribute_offset, attribute_length;
    size_t id_offset, id_length;
    size_t type_offset, type_length;
    /// SipHash-2-4-128 of (source, id).
    uint64_t key_low, key_high;
} cevents_verdict;

typedef struct {
    uint32_t error;
    /// Where in the body it stops being JSON.
    size_t error_offset;
    const cevents_verdict *verdicts;
    size_t count;
    size_t accepted;
    const uint8_t *encoded;
    size_t encoded_length;
    const uint8_t *notes;
    size_t notes_length;
    /// What all of these lie in.
    void *owner;
} cevents_batch;

/// Reads `body`. Never reads past `length`; recursion is bounded by `depth_max`. Returns 0, or an error that is also in
/// `batch->error`; release the batch with cevents_free in either case.
uint32_t cevents_parse(const uint8_t *body, size_t length, const cevents_options *options, cevents_batch *batch);

void cevents_free(cevents_batch *batch);

/// Whether `text` is one JSON value nested at most `depth_max` deep, with white space around it. With 1, `*begin` and
/// `*end` bound the value.
int cevents_is_json(const uint8_t *text, size_t length, size_t depth_max, size_t *begin, size_t *end);

/// Whether `text` is UTF-8.
int cevents_is_utf8(const uint8_t *text, size_t length);

/// Reads a date-time of RFC 3339 as microseconds since 1970 UTC; 0 when it is none.
int cevents_parse_time(const uint8_t *text, size_t length, int64_t *microseconds);

/// SipHash-2-4-128 of the pair (source, id).
void cevents_key(
    uint64_t secret_low, uint64_t secret_high, const uint8_t *source, size_t source_length, const uint8_t *id,
    size_t id_length, uint64_t *key_low, uint64_t *key_high);

#ifdef __cplusplus
}
#endif
