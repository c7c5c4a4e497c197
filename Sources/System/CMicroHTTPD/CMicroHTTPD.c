#include "CMicroHTTPD.h"
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINGERING_MAX = 32, LINGER_SECONDS = 5, HEADER_COUNT_MAX = 256, SPARED_MILLISECONDS = 250 };
// A refused body is read and thrown away up to this much beyond the limit, so that its sender can read the refusal.
static const size_t DISCARD_BYTES_MAX = 64 << 20;

// How often the library may look at a request whose answer comes soon before it is suspended after all.
enum { LOOKS_MAX = 4 };

enum { RESTING, READING_HEAD, READING_BODY, ANSWERING, ENDED };

struct chttpd_connection {
    struct chttpd_connection *previous, *next; // newest first
    chttpd_request *request;
    int descriptor;
    int phase;
    uint64_t since; // monotonic milliseconds, of the phase
    bool is_admitted;
    bool is_proven; // has sent a whole request
    bool lingers;   // is answered before all that the peer sends is read
    char peer[INET6_ADDRSTRLEN];
};

struct chttpd_server {
    chttpd_configuration configuration;
    void *context;
    char *certificate, *key;
    struct MHD_Daemon *daemon;
    int epoll;
    int quiesced_socket;
    bool is_quiesced, is_stopping;
    chttpd_connection *newest, *oldest;
    size_t requests; // begun, and not complete
    size_t waiting;  // of these those that wait for their answer,
    size_t watched;  // of these those that are not suspended
};

enum {
    RECEIVING, // → WAITING
    WAITING,   // → ANSWERED, ABANDONED, ORPHANED
    ANSWERED,
    ABANDONED, // the server stops
    ORPHANED   // its connection is gone; it lives until its answer comes
};

struct chttpd_request {
    chttpd_server *server;
    struct MHD_Connection *mhd;
    chttpd_connection *connection;
    char *target;
    size_t target_length;
    uint8_t *body;
    size_t body_length, body_capacity;
    size_t body_reserved;
    size_t discarded;
    int refused_status;
    bool is_begun; // the headers have been seen
    bool must_close;
    bool is_suspended;
    int looks; // left before it is suspended
    int state;
    struct MHD_Response *response;
    int status;
};

static _Atomic int lingering;

static uint64_t now_milliseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void count(chttpd_server *server, int what, long change) {
    server->configuration.count(server->context, what, change);
}

static void enter(chttpd_connection *connection, int phase) {
    if (!connection || connection->phase == ENDED) return;
    connection->phase = phase;
    connection->since = now_milliseconds();
}

// The library finds the end of the stream and closes.
static void end(chttpd_connection *connection) {
    connection->phase = ENDED;
    shutdown(connection->descriptor, SHUT_RDWR);
}

// MARK: - Bodies

static void free_body(chttpd_request *request) {
    free(request->body);
    request->body = NULL;
    request->body_length = request->body_capacity = 0;
}

static void release_body(chttpd_request *request) {
    free_body(request);
    if (request->body_reserved > 0)
        request->server->configuration.release(request->server->context, request->body_reserved);
    request->body_reserved = 0;
}

// False when there is no room for the bytes.
static bool append_body(chttpd_request *request, const char *bytes, size_t count) {
    chttpd_server *server = request->server;
    size_t needed = request->body_length + count;
    if (needed > request->body_capacity) {
        size_t capacity = request->body_capacity ? request->body_capacity * 2 : 4096;
        if (capacity < needed) capacity = needed;
        if (!server->configuration.reserve(server->context, capacity - request->body_reserved)) return false;
        request->body_reserved = capacity;
        uint8_t *grown = realloc(request->body, capacity);
        if (!grown) return false;
        request->body = grown;
        request->body_capacity = capacity;
    }
    memcpy(request->body + request->body_length, bytes, count);
    request->body_length = needed;
    return true;
}

// MARK: - Lingering close

// Closing a socket with unread bytes resets the connection, and the reset can overtake the response. So a copy of the
// descriptor is kept and read until the peer has closed, for a while.
static void *linger(void *argument) {
    int descriptor = (int)(intptr_t)argument;
    char *buffer = malloc(65536);
    uint64_t until = now_milliseconds() + LINGER_SECONDS * 1000;
    while (buffer && now_milliseconds() < until) {
        struct pollfd event = {.fd = descriptor, .events = POLLIN};
        if (poll(&event, 1, 1000) <= 0) continue;
        ssize_t count = recv(descriptor, buffer, 65536, MSG_DONTWAIT);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) break;
    }
    free(buffer);
    close(descriptor);
    atomic_fetch_sub(&lingering, 1);
    return NULL;
}

static void linger_after_close(const chttpd_connection *connection) {
    // All is sent, and the peer is to see that nothing more comes.
    shutdown(connection->descriptor, SHUT_WR);
    if (atomic_fetch_add(&lingering, 1) >= LINGERING_MAX) {
        atomic_fetch_sub(&lingering, 1);
        return;
    }
    int copy = dup(connection->descriptor);
    pthread_t thread;
    if (copy < 0 || pthread_create(&thread, NULL, linger, (void *)(intptr_t)copy) != 0) {
        if (copy >= 0) close(copy);
        atomic_fetch_sub(&lingering, 1);
        return;
    }
    pthread_detach(thread);
}

// MARK: - Answering

static enum MHD_Result queue(chttpd_request *request) {
    if (!request->response) return MHD_NO;
    if (request->must_close || request->server->is_quiesced)
        MHD_add_response_header(request->response, "Connection", "close");
    return MHD_queue_response(request->mhd, (unsigned)request->status, request->response);
}

static bool is_own_header(const char *name) {
    switch (*name | 0x20) {
    case 'c': return strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Connection") == 0;
    case 't': return strcasecmp(name, "Transfer-Encoding") == 0;
    case 'd': return strcasecmp(name, "Date") == 0;
    default: return false;
    }
}

static void free_request(chttpd_request *request) {
    if (request->is_begun) count(request->server, CHTTPD_REQUESTS, -1);
    if (request->response) MHD_destroy_response(request->response);
    free(request->target);
    free(request);
}

static void begin_waiting(chttpd_request *request) {
    request->state = WAITING;
    request->looks = LOOKS_MAX;
    request->server->waiting++;
    request->server->watched++;
}

static void suspend(chttpd_request *request) {
    request->is_suspended = true;
    request->server->watched--;
    MHD_suspend_connection(request->mhd);
}

static void end_waiting(chttpd_request *request, int state) {
    request->state = state;
    request->server->waiting--;
    if (!request->is_suspended) request->server->watched--;
}

void chttpd_respond(chttpd_request *request, int status, const char *headers, size_t headers_length,
                    const uint8_t *body, size_t body_length) {
    if (status < 200 || status > 599) status = 500;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body_length, (void *)body, MHD_RESPMEM_MUST_COPY);
    const char *end = headers + headers_length;
    for (const char *name = headers; response && name < end;) {
        const char *value = name + strlen(name) + 1;
        if (!is_own_header(name)) MHD_add_response_header(response, name, value);
        name = value + strlen(value) + 1;
    }
    request->response = response;
    request->status = status;
    if (request->state == ORPHANED) return free_request(request);
    if (request->state != WAITING) return;
    end_waiting(request, ANSWERED);
    // Else the library asks in the next run.
    if (request->is_suspended) MHD_resume_connection(request->mhd);
}

// MARK: - Callbacks of the library

typedef struct {
    chttpd_header fields[HEADER_COUNT_MAX];
    size_t count;
    size_t bytes;
    size_t content_lengths;
    bool has_transfer_encoding, is_chunked, is_overfull, expects_continue;
    unsigned long long content_length;
    bool is_content_length_bad;
} header_list;

static enum MHD_Result collect_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                      const char *value, size_t value_length) {
    (void)kind;
    header_list *list = context;
    if (!value) { value = ""; value_length = 0; }
    list->bytes += name_length + value_length + 4;
    if (list->count == HEADER_COUNT_MAX) {
        list->is_overfull = true;
        return MHD_NO;
    }
    list->fields[list->count++] = (chttpd_header){name, name_length, value, value_length};
    if (name_length == 14 && strncasecmp(name, "Content-Length", 14) == 0) {
        list->content_lengths++;
        char *end;
        errno = 0;
        list->content_length = strtoull(value, &end, 10);
        if (value_length == 0 || *end != 0 || errno != 0 || value[0] < '0' || value[0] > '9')
            list->is_content_length_bad = true;
    } else if (name_length == 17 && strncasecmp(name, "Transfer-Encoding", 17) == 0) {
        list->is_chunked = !list->has_transfer_encoding && strcasecmp(value, "chunked") == 0;
        list->has_transfer_encoding = true;
    } else if (name_length == 6 && strncasecmp(name, "Expect", 6) == 0) {
        list->expects_continue = true;
    }
    return MHD_YES;
}

static void collect(header_list *list, chttpd_request *request) {
    memset((char *)list + offsetof(header_list, count), 0, sizeof *list - offsetof(header_list, count));
    MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, collect_header, list);
}

static chttpd_request_view view_of(chttpd_request *request, const char *method, const header_list *list) {
    return (chttpd_request_view){
        .method = method, .target = request->target, .target_length = request->target_length,
        .headers = list->fields, .header_count = list->count,
        .body = request->body, .body_length = request->body_length,
        .peer = request->connection ? request->connection->peer : ""};
}

static void *begin_request(void *context, const char *uri, struct MHD_Connection *mhd) {
    chttpd_request *request = calloc(1, sizeof *request);
    if (!request) return NULL;
    request->server = context;
    request->server->requests++;
    request->mhd = mhd;
    request->target_length = strlen(uri);
    request->target = strdup(uri);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    request->connection = info ? info->socket_context : NULL;
    if (request->connection) request->connection->request = request;
    enter(request->connection, READING_HEAD);
    return request;
}

static enum MHD_Result refuse_now(chttpd_request *request, int status) {
    chttpd_server *server = request->server;
    request->must_close = true;
    enter(request->connection, ANSWERING);
    count(server, CHTTPD_REFUSED, 1);
    server->configuration.refuse(server->context, request, status);
    if (request->connection) request->connection->lingers = true;
    return queue(request);
}

// Whether the kernel will tell of whatever comes next: the end of what is sent may have been told together with the request, and
// the library looks for it after a suspension only. What a TLS session holds back is not told at all.
static bool can_stay(const chttpd_request *request) {
    if (request->server->certificate || !request->connection) return false;
    char next;
    return recv(request->connection->descriptor, &next, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// A suspended connection costs: it leaves the library's lists and the kernel's set, and is put back, and read once for nothing.
// One that gets its answer within a few turns stays where it is; all the library does with it meanwhile is to ask `answer`.
static enum MHD_Result hand_over(chttpd_request *request, const char *method, const header_list *list, bool is_whole) {
    chttpd_server *server = request->server;
    enter(request->connection, ANSWERING);
    if (request->connection) request->connection->is_proven = true;
    begin_waiting(request);
    // The library would go on reading the body.
    if (!is_whole) suspend(request);
    chttpd_request_view view = view_of(request, method, list);
    bool is_soon = server->configuration.receive(server->context, request, &view);
    if (is_whole && !(is_soon && can_stay(request))) suspend(request);
    free_body(request);
    return MHD_YES;
}

static enum MHD_Result see_headers(chttpd_request *request, const char *method) {
    chttpd_server *server = request->server;
    chttpd_configuration *configuration = &server->configuration;
    request->is_begun = true;
    count(server, CHTTPD_REQUESTS, 1);
    enter(request->connection, READING_BODY);
    header_list list;
    collect(&list, request);
    if (list.is_overfull || list.bytes + request->target_length > configuration->header_bytes_max)
        return refuse_now(request, 431);
    // Two readings of where a body ends are how requests are smuggled.
    if (list.content_lengths > 1 || list.is_content_length_bad || (list.content_lengths && list.has_transfer_encoding))
        return refuse_now(request, 400);
    if (list.has_transfer_encoding && !list.is_chunked) return refuse_now(request, 501);
    if (list.content_length > configuration->body_bytes_max) return refuse_now(request, 413);
    bool has_body = list.content_length > 0 || list.has_transfer_encoding;
    bool is_long = list.expects_continue || list.has_transfer_encoding || list.content_length > configuration->body_asked_bytes;
    if (has_body && is_long) {
        chttpd_request_view view = view_of(request, method, &list);
        if (!configuration->needs_body(server->context, &view)) {
            request->must_close = true;
            if (request->connection) request->connection->lingers = true;
            return hand_over(request, method, &list, false);
        }
    }
    return MHD_YES;
}

static enum MHD_Result take_body(chttpd_request *request, const char *bytes, size_t *count) {
    chttpd_configuration *configuration = &request->server->configuration;
    if (!request->refused_status) {
        if (request->body_length + *count > configuration->body_bytes_max) request->refused_status = 413;
        else if (!append_body(request, bytes, *count)) request->refused_status = 503;
        if (request->refused_status) release_body(request);
    }
    if (request->refused_status) {
        // The library takes no response in the middle of a body, so the rest is read and forgotten.
        request->discarded += *count;
        if (request->discarded > DISCARD_BYTES_MAX) return MHD_NO;
    }
    *count = 0;
    return MHD_YES;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_count, void **state) {
    (void)context, (void)mhd, (void)url, (void)version;
    chttpd_request *request = *state;
    if (!request || !request->target) return MHD_NO;
    switch (request->state) {
    case ANSWERED: return queue(request);
    case ABANDONED: return MHD_NO;
    case WAITING:
        if (!request->is_suspended && request->looks-- == 0) suspend(request);
        return MHD_YES;
    default: break;
    }
    // The library must not be stopped while a connection is suspended: none may be from here on.
    if (request->server->is_stopping) return MHD_NO;
    // What came before the end was seen is not answered any more.
    if (request->connection && request->connection->phase == ENDED) return MHD_NO;
    if (!request->is_begun) return see_headers(request, method);
    if (*upload_count > 0) return take_body(request, upload, upload_count);
    if (request->refused_status) {
        request->must_close = true;
        enter(request->connection, ANSWERING);
        count(request->server, CHTTPD_REFUSED, 1);
        request->server->configuration.refuse(request->server->context, request, request->refused_status);
        return queue(request);
    }
    header_list list;
    collect(&list, request);
    return hand_over(request, method, &list, true);
}

static void complete_request(void *context, struct MHD_Connection *mhd, void **state,
                             enum MHD_RequestTerminationCode code) {
    (void)context, (void)mhd, (void)code;
    chttpd_request *request = *state;
    *state = NULL;
    if (!request) return;
    request->server->requests--;
    release_body(request);
    if (request->connection) {
        request->connection->request = NULL;
        enter(request->connection, RESTING);
    }
    // The peer has reset the connection: whoever works on the answer still knows the request.
    if (request->state == WAITING) end_waiting(request, ORPHANED);
    else free_request(request);
}

static void describe_peer(chttpd_connection *connection, const struct sockaddr *address) {
    char *text = connection->peer;
    if (address && address->sa_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, sizeof connection->peer);
    } else if (address && address->sa_family == AF_INET6) {
        const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;
        // An IPv4 address in IPv6's clothes is the IPv4 address.
        if (IN6_IS_ADDR_V4MAPPED(six)) inet_ntop(AF_INET, &six->s6_addr[12], text, sizeof connection->peer);
        else inet_ntop(AF_INET6, six, text, sizeof connection->peer);
    } else if (address && address->sa_family == AF_UNIX) {
        strcpy(text, "unix");
    }
}

static void connection_started(chttpd_server *server, struct MHD_Connection *mhd, void **state) {
    chttpd_connection *new = calloc(1, sizeof *new);
    *state = new;
    if (!new) return;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    new->descriptor = info ? info->connect_fd : -1;
    info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    describe_peer(new, info ? info->client_addr : NULL);
    new->since = now_milliseconds();
    new->next = server->newest;
    if (server->newest) server->newest->previous = new; else server->oldest = new;
    server->newest = new;
    count(server, CHTTPD_ACCEPTED, 1);
    count(server, CHTTPD_CONNECTIONS, 1);
    new->is_admitted = server->configuration.admit(server->context, new->peer);
    if (new->is_admitted) return;
    count(server, CHTTPD_TURNED_AWAY, 1);
    // No TLS session is there yet.
    if (!server->certificate) server->configuration.refuse_raw(server->context, new, 503);
    end(new);
}

static void connection_closed(chttpd_server *server, void **state) {
    chttpd_connection *old = *state;
    if (!old) return;
    if (old->previous) old->previous->next = old->next; else server->newest = old->next;
    if (old->next) old->next->previous = old->previous; else server->oldest = old->previous;
    count(server, CHTTPD_CONNECTIONS, -1);
    if (old->is_admitted) server->configuration.leave(server->context, old->peer);
    // The library closes the descriptor after this.
    if (old->lingers) linger_after_close(old);
    free(old);
    *state = NULL;
}

static void notify_connection(void *context, struct MHD_Connection *mhd, void **state,
                              enum MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED) connection_started(context, mhd, state);
    else connection_closed(context, state);
}

static size_t keep_escapes(void *context, struct MHD_Connection *mhd, char *text) {
    (void)context, (void)mhd;
    return strlen(text);
}

// The one word of the library's about a request that it refuses by itself, with a page of its own.
static const char refusal_format[] = "Error processing request (HTTP response code is %u";

static void hear(void *context, const char *format, va_list arguments) {
    chttpd_server *server = context;
    if (!server->context || strncmp(format, refusal_format, sizeof refusal_format - 1) != 0) return;
    server->configuration.refused(server->context, (int)va_arg(arguments, unsigned));
    count(server, CHTTPD_REFUSED, 1);
}

// MARK: - Time

static bool is_too_slow(const chttpd_configuration *configuration, const chttpd_connection *connection, uint64_t waited) {
    size_t least = configuration->body_bytes_per_second_min;
    if (least == 0 || waited <= configuration->body_grace_seconds * 1000u || !connection->request) return false;
    size_t received = connection->request->body_length + connection->request->discarded;
    return received * 1000 / waited < least;
}

static bool is_late(const chttpd_configuration *configuration, const chttpd_connection *connection, uint64_t now) {
    uint64_t waited = now - connection->since;
    uint64_t head = configuration->header_timeout_seconds * 1000ull;
    switch (connection->phase) {
    // The first bytes of a request line are not told: this ends those that come a byte at a time.
    case RESTING: return waited > head + configuration->idle_timeout_seconds * 1000ull;
    case READING_HEAD: return waited > head;
    case READING_BODY:
        return waited > configuration->body_timeout_seconds * 1000ull || is_too_slow(configuration, connection, waited);
    default: return false;
    }
}

void chttpd_tell(chttpd_connection *connection, const uint8_t *bytes, size_t count) {
    const union MHD_ConnectionInfo *info =
        connection->request ? MHD_get_connection_info(connection->request->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION) : NULL;
    if (!info || !info->tls_session) {
        send(connection->descriptor, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
        return;
    }
    // The handshake is done, or no request line could have come; neither call waits.
    gnutls_record_send(info->tls_session, bytes, count);
    gnutls_bye(info->tls_session, GNUTLS_SHUT_WR);
}

void chttpd_sweep(chttpd_server *server) {
    uint64_t now = now_milliseconds();
    for (chttpd_connection *each = server->newest; each; each = each->next) {
        if (!is_late(&server->configuration, each, now)) continue;
        if (each->phase != RESTING) {
            count(server, CHTTPD_TIMED_OUT, 1);
            // The library has sent nothing of an answer yet.
            server->configuration.refuse_raw(server->context, each, 408);
        }
        end(each);
    }
}

size_t chttpd_evict(chttpd_server *server, size_t wanted) {
    uint64_t now = now_milliseconds();
    size_t evicted = 0;
    for (int proven = 0; proven < 2; proven++) {
        for (chttpd_connection *each = server->oldest; each && evicted < wanted; each = each->previous) {
            if (each->phase > READING_HEAD || each->is_proven != (proven == 1)) continue;
            // One that came this moment has had no chance yet.
            if (now - each->since <= SPARED_MILLISECONDS || !each->is_admitted) continue;
            count(server, CHTTPD_EVICTED, 1);
            end(each);
            evicted++;
        }
    }
    return evicted;
}

// MARK: - Running

chttpd_server *chttpd_start(const chttpd_configuration *configuration) {
    chttpd_server *server = calloc(1, sizeof *server);
    if (!server) return NULL;
    server->configuration = *configuration;
    server->quiesced_socket = -1;
    // Without a thread of the library's: its own loop (0.9.75) waits once more, for as long as it may, when exactly as many
    // events came as it takes at a time, and so stands still under many connections. MHD_run never waits.
    unsigned flags = MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[4] = {{MHD_OPTION_END, 0, NULL}};
    if (configuration->tls_certificate && configuration->tls_key) {
        server->certificate = strdup(configuration->tls_certificate);
        server->key = strdup(configuration->tls_key);
        flags |= MHD_USE_TLS;
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate};
        tls[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, server->key};
        tls[2] = (struct MHD_OptionItem){
            MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1:%SERVER_PRECEDENCE"};
        tls[3] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    }
    // Room beyond our own limit, so that it is we who refuse long headers, with a proper body. Not more: the library
    // clears all of it after each request.
    size_t memory = configuration->header_bytes_max + 16384;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, answer, server,
        MHD_OPTION_EXTERNAL_LOGGER, hear, server,
        MHD_OPTION_LISTEN_SOCKET, configuration->listen_socket,
        MHD_OPTION_CONNECTION_LIMIT, configuration->connections_max,
        MHD_OPTION_CONNECTION_TIMEOUT, configuration->idle_timeout_seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory,
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)16384,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_URI_LOG_CALLBACK, begin_request, server,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, complete_request, server,
        MHD_OPTION_NOTIFY_CONNECTION, notify_connection, server,
        MHD_OPTION_ARRAY, tls,
        MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        server->daemon ? MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info) {
        int error = errno;
        if (server->daemon) MHD_stop_daemon(server->daemon);
        free(server->certificate);
        free(server->key);
        free(server);
        errno = error ? error : EINVAL;
        return NULL;
    }
    server->epoll = info->epoll_fd;
    return server;
}

void chttpd_attach(chttpd_server *server, void *context) { server->context = context; }

int chttpd_descriptor(chttpd_server *server) { return server->epoll; }

int chttpd_timeout(chttpd_server *server) {
    // The library would look again at once for those that only wait.
    if (server->watched > 0 && server->requests == server->waiting) return -1;
    MHD_UNSIGNED_LONG_LONG milliseconds;
    if (MHD_get_timeout(server->daemon, &milliseconds) != MHD_YES) return -1;
    return milliseconds > 60000 ? 60000 : (int)milliseconds;
}

void chttpd_run(chttpd_server *server) { MHD_run(server->daemon); }

void chttpd_quiesce(chttpd_server *server) {
    if (server->is_quiesced) return;
    server->is_quiesced = true;
    server->quiesced_socket = MHD_quiesce_daemon(server->daemon);
    for (chttpd_connection *each = server->newest; each; each = each->next) {
        if (each->phase == RESTING) end(each);
    }
}

void chttpd_stop(chttpd_server *server) {
    chttpd_quiesce(server);
    server->is_stopping = true;
    // The library must not be stopped while a connection is suspended.
    for (chttpd_connection *each = server->newest; each; each = each->next) {
        if (!each->request || each->request->state != WAITING) continue;
        end_waiting(each->request, ABANDONED);
        if (each->request->is_suspended) MHD_resume_connection(each->request->mhd);
    }
    MHD_run(server->daemon);
    MHD_stop_daemon(server->daemon);
    if (server->quiesced_socket >= 0) close(server->quiesced_socket);
    free(server->certificate);
    free(server->key);
    free(server);
}
