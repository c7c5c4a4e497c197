// libmicrohttpd for Swift, driven by a loop of the caller's: its enums, variadic starts and callbacks behind a few plain
// functions.
//
// A request is collected whole, handed over once, and answered once, later. Everything happens on the thread that calls
// `chttpd_run`, callbacks too; no function here may be called from another.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct chttpd_server chttpd_server;
typedef struct chttpd_request chttpd_request;
typedef struct chttpd_connection chttpd_connection;

typedef struct {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
} chttpd_header;

// What a request holds. Lives until the callback that gets it returns.
typedef struct {
    const char *method;
    const char *target; // path and query as received
    size_t target_length;
    const chttpd_header *headers;
    size_t header_count;
    const uint8_t *body;
    size_t body_length;
    const char *peer; // numeric address; "unix" for a Unix socket; empty when it is not known
} chttpd_request_view;

// What is counted.
enum {
    CHTTPD_CONNECTIONS, // open, with those of which the library is not rid yet
    CHTTPD_REQUESTS,    // whose headers have been read and whose response has not been sent whole
    CHTTPD_ACCEPTED,
    CHTTPD_TURNED_AWAY,
    CHTTPD_EVICTED,
    CHTTPD_TIMED_OUT,
    CHTTPD_REFUSED,
    CHTTPD_COUNTS
};

typedef struct {
    int listen_socket; // listening; the server owns it from a successful start on
    unsigned connections_max;        // beyond what `admit` allows: for those that are being turned away
    unsigned idle_timeout_seconds;   // without any byte
    unsigned header_timeout_seconds; // from the end of the request line to the end of the headers
    unsigned body_timeout_seconds;   // from the end of the headers to the end of the body
    size_t body_bytes_per_second_min;
    unsigned body_grace_seconds;
    size_t header_bytes_max;
    size_t body_bytes_max;
    size_t body_asked_bytes;     // `needs_body` is asked for bodies longer than this
    const char *tls_certificate; // PEM; NULL for plain HTTP
    const char *tls_key;
    // Whether a connection of this peer is taken; if not it is told so and closed. `leave` for each that was taken.
    bool (*admit)(void *context, const char *peer);
    void (*leave)(void *context, const char *peer);
    // Whether there is memory for so many more bytes of bodies, which are taken then.
    bool (*reserve)(void *context, size_t bytes);
    void (*release)(void *context, size_t bytes);
    // Asked with the head alone.
    bool (*needs_body)(void *context, const chttpd_request_view *view);
    // A whole request, to be answered by `chttpd_respond` once this has returned. Whether the answer will come soon: within
    // milliseconds.
    bool (*receive)(void *context, chttpd_request *request, const chttpd_request_view *view);
    // A request the server itself refuses: to be answered by `chttpd_respond` before this returns.
    void (*refuse)(void *context, chttpd_request *request, int status);
    // A connection that is closed without a request having come whole: may be told why, by `chttpd_tell`.
    void (*refuse_raw)(void *context, chttpd_connection *connection, int status);
    // The library itself refused a request, in its own words, with this status.
    void (*refused)(void *context, int status);
    void (*count)(void *context, int what, long change);
} chttpd_configuration;

// NULL and errno when the library does not start.
chttpd_server *chttpd_start(const chttpd_configuration *configuration);
// What callbacks get; before the first `chttpd_run`.
void chttpd_attach(chttpd_server *server, void *context);
// Readable when `chttpd_run` has something to do.
int chttpd_descriptor(chttpd_server *server);
// Milliseconds after which `chttpd_run` has something to do anyway; -1 for none.
int chttpd_timeout(chttpd_server *server);
// Does what can be done without waiting.
void chttpd_run(chttpd_server *server);
// Ends what takes too long; to be called several times a second.
void chttpd_sweep(chttpd_server *server);
// Closes up to `count` connections that rest: first those that never sent a whole request, of these the oldest. How many.
size_t chttpd_evict(chttpd_server *server, size_t count);
// Accepts no more connections; those that rest are closed, the others after their next response.
void chttpd_quiesce(chttpd_server *server);
// Closes every connection, those with a request that is not answered yet too, and frees the server.
void chttpd_stop(chttpd_server *server);

// Answers a request, exactly once for each. `headers` is `name NUL value NUL` again and again. The bytes are copied.
void chttpd_respond(chttpd_request *request, int status, const char *headers, size_t headers_length,
                    const uint8_t *body, size_t body_length);

// Writes to a connection, through TLS where that is spoken; what does not fit its buffer is not sent. Only in `refuse_raw`.
void chttpd_tell(chttpd_connection *connection, const uint8_t *bytes, size_t count);
