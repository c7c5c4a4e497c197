// libmicrohttpd for Swift: its enums, variadic starts and callbacks behind a few plain functions.
//
// A request is collected whole, handed to Swift once, and answered once, at once or later from any thread.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct chttpd_server chttpd_server;
typedef struct chttpd_request chttpd_request;

typedef struct {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
} chttpd_header;

// What a request holds. Lives until `receive` returns.
typedef struct {
    const char *method;
    const char *target; // path and query as received
    size_t target_length;
    const chttpd_header *headers;
    size_t header_count;
    const uint8_t *body;
    size_t body_length;
    const char *peer; // numeric address; empty for a Unix socket
} chttpd_request_view;

typedef struct {
    int listen_socket; // listening; the server owns it from a successful start on
    unsigned thread_count;
    unsigned connections_max;
    unsigned idle_timeout_seconds;    // without any byte
    unsigned header_timeout_seconds;  // from the end of the last request (or the connection) to the end of the headers
    unsigned body_timeout_seconds;    // from the end of the headers to the end of the body
    size_t header_bytes_max;
    size_t body_bytes_max;
    size_t bodies_bytes_max; // of all requests being received together
    const char *tls_certificate; // PEM; NULL for plain HTTP
    const char *tls_key;
    void *context;
    // Called on a thread of the library when a request is whole. Returns NULL when it has answered with
    // `chttpd_respond`, else a value that `dispatch` gets once it is safe to answer from elsewhere.
    void *(*receive)(void *context, chttpd_request *request, const chttpd_request_view *view);
    void (*dispatch)(void *context, void *received);
    // A refusal without the handler's part: fills in with `chttpd_respond`. Reasons are CHTTPD_REFUSED_*.
    void (*refuse)(void *context, chttpd_request *request, int status);
} chttpd_configuration;

// NULL and errno when the library does not start.
chttpd_server *chttpd_start(const chttpd_configuration *configuration);
// Accepts no more connections; those that are there may finish, and are closed after their next response.
void chttpd_quiesce(chttpd_server *server);
// Requests whose headers have been read and whose response has not been sent whole.
size_t chttpd_in_flight(chttpd_server *server);
// Connections open now.
size_t chttpd_connections(chttpd_server *server);
// Closes every connection, those with a request that is not answered yet too, and frees the server. Answers that come
// later go nowhere. Call once.
void chttpd_stop(chttpd_server *server);

// Answers a request; exactly once for each, from any thread. `headers` is `name NUL value NUL` again and again. The
// bytes are copied.
void chttpd_respond(chttpd_request *request, int status, const char *headers, size_t headers_length,
                    const uint8_t *body, size_t body_length);
