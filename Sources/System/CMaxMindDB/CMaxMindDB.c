#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CMaxMindDB.h"

#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct cmaxminddb {
    MMDB_s base;
};

// A descriptor of an anonymous file with the content of another, which nobody can change any more; -1 on failure.
static int copy(int from, uint64_t size) {
    int to = memfd_create("geoip", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (to < 0) return -1;
    char buffer[1 << 16];
    uint64_t done = 0;
    while (done < size) {
        size_t wanted = size - done < sizeof buffer ? (size_t)(size - done) : sizeof buffer;
        ssize_t count = pread(from, buffer, wanted, (off_t)done);
        if (count < 0 && errno == EINTR) continue;
        // Cut short while it was being read.
        if (count <= 0) break;
        for (ssize_t written = 0; written < count;) {
            ssize_t step = write(to, buffer + written, (size_t)(count - written));
            if (step < 0 && errno == EINTR) continue;
            if (step <= 0) {
                close(to);
                return -1;
            }
            written += step;
        }
        done += (uint64_t)count;
    }
    if (done < size || fcntl(to, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
        close(to);
        return -1;
    }
    return to;
}

cmaxminddb *cmaxminddb_open(int descriptor, uint64_t size, const char **message) {
    int private_copy = copy(descriptor, size);
    if (private_copy < 0) {
        *message = "it could not be copied into memory";
        return NULL;
    }
    cmaxminddb *database = calloc(1, sizeof *database);
    if (!database) {
        close(private_copy);
        *message = "out of memory";
        return NULL;
    }
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", private_copy);
    int status = MMDB_open(path, MMDB_MODE_MMAP, &database->base);
    close(private_copy);
    if (status != MMDB_SUCCESS) {
        free(database);
        *message = MMDB_strerror(status);
        return NULL;
    }
    return database;
}

void cmaxminddb_close(cmaxminddb *database) {
    MMDB_close(&database->base);
    free(database);
}

const char *cmaxminddb_type(const cmaxminddb *database) {
    return database->base.metadata.database_type ? database->base.metadata.database_type : "";
}

uint64_t cmaxminddb_built_at(const cmaxminddb *database) { return database->base.metadata.build_epoch; }

// 1 when there is such a text, 0 when there is none, -1 when the database is corrupt.
static int text_at(MMDB_entry_s *entry, const char *const *path, cmaxminddb_text *text) {
    MMDB_entry_data_s data;
    int status = MMDB_aget_value(entry, &data, path);
    if (status == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR) return 0;
    if (status != MMDB_SUCCESS) return -1;
    if (!data.has_data || data.type != MMDB_DATA_TYPE_UTF8_STRING) return 0;
    text->text = data.utf8_string;
    text->length = data.data_size;
    return 1;
}

int cmaxminddb_find(const cmaxminddb *database, const uint8_t address[16], cmaxminddb_place *place) {
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    static const char *const country[] = {"country", "iso_code", NULL};
    static const char *const city[] = {"city", "names", "en", NULL};
    static const char *const continent[] = {"continent", "code", NULL};
    static const char *const postal_code[] = {"postal", "code", NULL};
    static const char *const region[] = {"subdivisions", "0", "names", "en", NULL};
    static const char *const timezone[] = {"location", "time_zone", NULL};

    memset(place, 0, sizeof *place);
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    const struct sockaddr *socket_address;
    if (memcmp(address, mapped, sizeof mapped) == 0) {
        memcpy(&four.sin_addr, address + 12, 4);
        socket_address = (const struct sockaddr *)&four;
    } else {
        if (database->base.metadata.ip_version == 4) return CMAXMINDDB_ABSENT;
        memcpy(&six.sin6_addr, address, 16);
        socket_address = (const struct sockaddr *)&six;
    }
    int status;
    MMDB_lookup_result_s result = MMDB_lookup_sockaddr(&database->base, socket_address, &status);
    if (status != MMDB_SUCCESS) return CMAXMINDDB_CORRUPT;
    if (!result.found_entry) return CMAXMINDDB_ABSENT;
    int found = 0;
    const struct {
        const char *const *path;
        cmaxminddb_text *text;
    } wanted[] = {
        {country, &place->country}, {city, &place->city},       {continent, &place->continent},
        {postal_code, &place->postal_code}, {region, &place->region}, {timezone, &place->timezone},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        int there = text_at(&result.entry, wanted[i].path, wanted[i].text);
        if (there < 0) return CMAXMINDDB_CORRUPT;
        found |= there;
    }
    return found ? CMAXMINDDB_FOUND : CMAXMINDDB_ABSENT;
}
