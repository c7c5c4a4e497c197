// Looks up places by IP address in a MaxMind DB file, over libmaxminddb.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct cmaxminddb cmaxminddb;

/// Text in the database's memory: not terminated, not checked to be UTF-8; NULL when it is missing.
typedef struct {
    const char *text;
    size_t length;
} cmaxminddb_text;

typedef struct {
    cmaxminddb_text country, city, continent, postal_code, region, timezone;
} cmaxminddb_place;

enum {
    CMAXMINDDB_FOUND = 1,
    CMAXMINDDB_ABSENT = 0,
    /// The database contradicts itself here.
    CMAXMINDDB_CORRUPT = -1,
};

/// Opens a private copy of the file `descriptor` stands for, in memory, so that whatever is done to the file afterwards does not
/// matter: a file that shrinks under a mapping would end the process. The descriptor stays the caller's. NULL on failure, with
/// a message that needs no release in `*message`.
cmaxminddb *cmaxminddb_open(int descriptor, uint64_t size, const char **message);

void cmaxminddb_close(cmaxminddb *database);

/// `GeoLite2-City` and the like.
const char *cmaxminddb_type(const cmaxminddb *database);
/// Seconds since 1970.
uint64_t cmaxminddb_built_at(const cmaxminddb *database);

/// Looks up 16 bytes: IPv4 mapped to IPv6 (::ffff:a.b.c.d), or IPv6. Any number of threads at a time.
int cmaxminddb_find(const cmaxminddb *database, const uint8_t address[16], cmaxminddb_place *place);
