#include "CMicroHTTPD.h"
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINGERING_MAX = 32, LINGER_SECONDS = 5, HEADER_COUNT_MAX = 256 };
// A refused body is read and thrown away up to this much beyond the limit, so that its sender can read the refusal.
static const size_t DISCARD_BYTES_MAX = 64 << 20;

typedef struct connection {
    struct connection *previous, *next;
    int descriptor;
    // Monotonic seconds: when what is awaited now must have come; 0 while a request is being answered.
    _Atomic uint64_t deadline;
    char peer[INET6_ADDRSTRLEN];
} connection;

struct chttpd_server {
    chttpd_configuration configuration;
    char *certificate, *key;
    struct MHD_Daemon *daemon;
    int quiesced_socket;
    _Atomic size_t in_flight;
    _Atomic size_t open_connections;
    _Atomic size_t bodies_bytes;
    _Atomic int owners;   // who started it, and every request that is still to be answered
    _Atomic int resuming; // calls of chttpd_respond about to wake their connection
    _Atomic bool is_quiesced;
    _Atomic bool is_stopping;
    pthread_mutex_t lock; // of the two lists
    connection *connections;
    chttpd_request *waiting;
    pthread_t sweeper;
};

enum { RECEIVING, WAITING, ANSWERED, ABANDONED };

struct chttpd_request {
    chttpd_request *previous, *next; // among the waiting
    chttpd_server *server;
    struct MHD_Connection *mhd;
    connection *connection;
    char *target;
    size_t target_length;
    uint8_t *body;
    size_t body_length, body_capacity;
    size_t body_reserved; // our part of server->bodies_bytes
    size_t discarded;
    int refused_status;
    bool is_begun;      // the headers have been seen
    bool is_suspended;
    bool must_close;
    _Atomic int state;
    _Atomic int owners;
    struct MHD_Response *response;
    int status;
};

static _Atomic int lingering;

static uint64_t now_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return (uint64_t)time.tv_sec;
}

static void release_server(chttpd_server *server) {
    if (atomic_fetch_sub(&server->owners, 1) > 1) return;
    free(server->certificate);
    free(server->key);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

// MARK: - Requests

static void release_body(chttpd_request *request) {
    free(request->body);
    request->body = NULL;
    request->body_length = request->body_capacity = 0;
    if (request->body_reserved > 0) atomic_fetch_sub(&request->server->bodies_bytes, request->body_reserved);
    request->body_reserved = 0;
}

static void release(chttpd_request *request) {
    if (atomic_fetch_sub(&request->owners, 1) > 1) return;
    if (request->response) MHD_destroy_response(request->response);
    free(request->body);
    free(request->target);
    free(request);
}

static bool reserve_body(chttpd_request *request, size_t capacity) {
    chttpd_server *server = request->server;
    size_t more = capacity - request->body_reserved;
    if (atomic_fetch_add(&server->bodies_bytes, more) + more > server->configuration.bodies_bytes_max) {
        atomic_fetch_sub(&server->bodies_bytes, more);
        return false;
    }
    request->body_reserved = capacity;
    return true;
}

// False when there is no room for the bytes.
static bool append_body(chttpd_request *request, const char *bytes, size_t count) {
    size_t needed = request->body_length + count;
    if (needed > request->body_capacity) {
        size_t capacity = request->body_capacity ? request->body_capacity * 2 : 4096;
        if (capacity < needed) capacity = needed;
        if (!reserve_body(request, capacity)) return false;
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
    uint64_t end = now_seconds() + LINGER_SECONDS;
    while (buffer && now_seconds() < end) {
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

static void linger_after_close(chttpd_request *request) {
    if (!request->connection || request->server->configuration.tls_certificate) return;
    if (atomic_fetch_add(&lingering, 1) >= LINGERING_MAX) {
        atomic_fetch_sub(&lingering, 1);
        return;
    }
    int copy = dup(request->connection->descriptor);
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
    if (request->must_close || atomic_load(&request->server->is_quiesced))
        MHD_add_response_header(request->response, "Connection", "close");
    return MHD_queue_response(request->mhd, (unsigned)request->status, request->response);
}

static bool is_own_header(const char *name) {
    return strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0
        || strcasecmp(name, "Connection") == 0 || strcasecmp(name, "Date") == 0;
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
    if (!request->is_suspended) {
        request->response = response;
        request->status = status;
        return;
    }
    chttpd_server *server = request->server;
    pthread_mutex_lock(&server->lock);
    // Under the lock so that the stop, which empties the list, finds the request waiting or answered.
    bool is_ours = atomic_load(&request->state) == WAITING;
    if (is_ours) {
        request->response = response;
        request->status = status;
        atomic_store(&request->state, ANSWERED);
        if (request->previous) request->previous->next = request->next; else server->waiting = request->next;
        if (request->next) request->next->previous = request->previous;
        atomic_fetch_add(&server->resuming, 1);
    }
    pthread_mutex_unlock(&server->lock);
    if (is_ours) {
        MHD_resume_connection(request->mhd);
        atomic_fetch_sub(&server->resuming, 1);
    } else if (response) {
        MHD_destroy_response(response);
    }
    release(request);
    release_server(server);
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
        list->has_transfer_encoding = true;
        list->is_chunked = strcasecmp(value, "chunked") == 0;
    } else if (name_length == 6 && strncasecmp(name, "Expect", 6) == 0) {
        list->expects_continue = true;
    }
    return MHD_YES;
}

static void *begin_request(void *context, const char *uri, struct MHD_Connection *mhd) {
    chttpd_request *request = calloc(1, sizeof *request);
    if (!request) return NULL;
    request->server = context;
    request->mhd = mhd;
    request->target_length = strlen(uri);
    request->target = strdup(uri);
    atomic_init(&request->owners, 1);
    atomic_init(&request->state, RECEIVING);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    request->connection = info ? info->socket_context : NULL;
    return request;
}

static void set_deadline(chttpd_request *request, unsigned seconds) {
    if (!request->connection) return;
    atomic_store(&request->connection->deadline, seconds ? now_seconds() + seconds : 0);
}

static enum MHD_Result refuse_now(chttpd_request *request, int status) {
    chttpd_configuration *configuration = &request->server->configuration;
    request->must_close = true;
    set_deadline(request, 0);
    configuration->refuse(configuration->context, request, status);
    linger_after_close(request);
    return queue(request);
}

static enum MHD_Result see_headers(chttpd_request *request) {
    chttpd_configuration *configuration = &request->server->configuration;
    request->is_begun = true;
    atomic_fetch_add(&request->server->in_flight, 1);
    set_deadline(request, configuration->body_timeout_seconds);
    header_list list;
    memset(&list, 0, offsetof(header_list, fields));
    list.count = list.bytes = list.content_lengths = 0;
    list.has_transfer_encoding = list.is_chunked = list.is_overfull = list.expects_continue = false;
    list.content_length = 0;
    list.is_content_length_bad = false;
    MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, collect_header, &list);
    if (list.is_overfull || list.bytes + request->target_length > configuration->header_bytes_max)
        return refuse_now(request, 431);
    // Two readings of where a body ends are how requests are smuggled.
    if (list.content_lengths > 1 || list.is_content_length_bad || (list.content_lengths && list.has_transfer_encoding))
        return refuse_now(request, 400);
    if (list.has_transfer_encoding && !list.is_chunked) return refuse_now(request, 501);
    if (list.content_length > configuration->body_bytes_max) return refuse_now(request, 413);
    if (list.content_length > 0) {
        size_t capacity = (size_t)list.content_length;
        // The room is taken when the bytes come; a claim of much costs nothing.
        if (atomic_load(&request->server->bodies_bytes) + capacity > configuration->bodies_bytes_max)
            return refuse_now(request, 503);
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

static enum MHD_Result dispatch(chttpd_request *request, const char *method) {
    chttpd_server *server = request->server;
    chttpd_configuration *configuration = &server->configuration;
    set_deadline(request, 0);
    if (request->refused_status) {
        configuration->refuse(configuration->context, request, request->refused_status);
        return queue(request);
    }
    header_list list;
    list.count = list.bytes = list.content_lengths = 0;
    list.is_overfull = false;
    MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, collect_header, &list);
    chttpd_request_view view = {
        .method = method, .target = request->target, .target_length = request->target_length,
        .headers = list.fields, .header_count = list.count,
        .body = request->body, .body_length = request->body_length,
        .peer = request->connection ? request->connection->peer : ""};
    void *received = configuration->receive(configuration->context, request, &view);
    release_body(request);
    if (!received) return queue(request);
    request->is_suspended = true;
    atomic_fetch_add(&request->owners, 1);
    atomic_fetch_add(&server->owners, 1);
    MHD_suspend_connection(request->mhd);
    pthread_mutex_lock(&server->lock);
    bool is_stopping = atomic_load(&server->is_stopping);
    atomic_store(&request->state, is_stopping ? ABANDONED : WAITING);
    if (!is_stopping) {
        request->next = server->waiting;
        if (server->waiting) server->waiting->previous = request;
        server->waiting = request;
    }
    pthread_mutex_unlock(&server->lock);
    if (is_stopping) MHD_resume_connection(request->mhd);
    configuration->dispatch(configuration->context, received);
    return MHD_YES;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_count, void **state) {
    (void)context, (void)mhd, (void)url, (void)version;
    chttpd_request *request = *state;
    if (!request || !request->target) return MHD_NO;
    if (!request->is_begun) return see_headers(request);
    if (*upload_count > 0) return take_body(request, upload, upload_count);
    switch (atomic_load(&request->state)) {
    case RECEIVING: return dispatch(request, method);
    case ANSWERED: return queue(request);
    case ABANDONED: return MHD_NO;
    default: return MHD_YES; // woken for nothing
    }
}

static void complete_request(void *context, struct MHD_Connection *mhd, void **state,
                             enum MHD_RequestTerminationCode code) {
    (void)mhd, (void)code;
    chttpd_server *server = context;
    chttpd_request *request = *state;
    *state = NULL;
    if (!request) return;
    if (request->is_begun) atomic_fetch_sub(&server->in_flight, 1);
    release_body(request);
    set_deadline(request, server->configuration.header_timeout_seconds);
    release(request);
}

static void notify_connection(void *context, struct MHD_Connection *mhd, void **state,
                              enum MHD_ConnectionNotificationCode code) {
    chttpd_server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection *new = calloc(1, sizeof *new);
        *state = new;
        if (!new) return;
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        new->descriptor = info ? info->connect_fd : -1;
        info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        const struct sockaddr *address = info ? info->client_addr : NULL;
        if (address && address->sa_family == AF_INET) {
            inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, new->peer, sizeof new->peer);
        } else if (address && address->sa_family == AF_INET6) {
            const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;
            if (IN6_IS_ADDR_V4MAPPED(six)) inet_ntop(AF_INET, &six->s6_addr[12], new->peer, sizeof new->peer);
            else inet_ntop(AF_INET6, six, new->peer, sizeof new->peer);
        }
        atomic_store(&new->deadline, now_seconds() + server->configuration.header_timeout_seconds);
        atomic_fetch_add(&server->open_connections, 1);
        pthread_mutex_lock(&server->lock);
        new->next = server->connections;
        if (server->connections) server->connections->previous = new;
        server->connections = new;
        pthread_mutex_unlock(&server->lock);
    } else if (*state) {
        // Called before the library closes the descriptor: after this the sweeper does not know it any more.
        connection *old = *state;
        pthread_mutex_lock(&server->lock);
        if (old->previous) old->previous->next = old->next; else server->connections = old->next;
        if (old->next) old->next->previous = old->previous;
        pthread_mutex_unlock(&server->lock);
        atomic_fetch_sub(&server->open_connections, 1);
        free(old);
        *state = NULL;
    }
}

// Ends connections that take too long although a byte trickles in now and then.
static void *sweep(void *argument) {
    chttpd_server *server = argument;
    while (!atomic_load(&server->is_stopping)) {
        usleep(250000);
        uint64_t now = now_seconds();
        pthread_mutex_lock(&server->lock);
        for (connection *each = server->connections; each; each = each->next) {
            uint64_t deadline = atomic_load(&each->deadline);
            if (deadline && now > deadline && each->descriptor >= 0) shutdown(each->descriptor, SHUT_RDWR);
        }
        pthread_mutex_unlock(&server->lock);
    }
    return NULL;
}

static size_t keep_escapes(void *context, struct MHD_Connection *mhd, char *text) {
    (void)context, (void)mhd;
    return strlen(text);
}

static void drop_message(void *context, const char *format, va_list arguments) {
    (void)context, (void)format, (void)arguments;
}

// MARK: - Starting and stopping

chttpd_server *chttpd_start(const chttpd_configuration *configuration) {
    chttpd_server *server = calloc(1, sizeof *server);
    if (!server) return NULL;
    server->configuration = *configuration;
    server->quiesced_socket = -1;
    atomic_init(&server->owners, 1);
    pthread_mutex_init(&server->lock, NULL);
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[4] = {{MHD_OPTION_END, 0, NULL}};
    if (configuration->tls_certificate && configuration->tls_key) {
        server->certificate = strdup(configuration->tls_certificate);
        server->key = strdup(configuration->tls_key);
        server->configuration.tls_certificate = server->certificate;
        server->configuration.tls_key = server->key;
        flags |= MHD_USE_TLS;
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate};
        tls[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, server->key};
        tls[2] = (struct MHD_OptionItem){
            MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1:%SERVER_PRECEDENCE"};
        tls[3] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    }
    struct MHD_OptionItem pool[2] = {{MHD_OPTION_END, 0, NULL}, {MHD_OPTION_END, 0, NULL}};
    if (configuration->thread_count > 1)
        pool[0] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)configuration->thread_count, NULL};
    // Room beyond our own limit, so that it is we who refuse long headers, with a proper body. Not more: the library
    // clears all of it after each request.
    size_t memory = configuration->header_bytes_max + 16384;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, answer, server,
        MHD_OPTION_EXTERNAL_LOGGER, drop_message, NULL,
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
        MHD_OPTION_ARRAY, pool,
        MHD_OPTION_END);
    if (!server->daemon) {
        int error = errno;
        release_server(server);
        errno = error ? error : EINVAL;
        return NULL;
    }
    if (pthread_create(&server->sweeper, NULL, sweep, server) != 0) {
        MHD_stop_daemon(server->daemon);
        release_server(server);
        errno = EAGAIN;
        return NULL;
    }
    return server;
}

void chttpd_quiesce(chttpd_server *server) {
    if (atomic_exchange(&server->is_quiesced, true)) return;
    server->quiesced_socket = MHD_quiesce_daemon(server->daemon);
    // Refuses whoever comes now, instead of leaving them in the backlog.
    if (server->quiesced_socket >= 0) shutdown(server->quiesced_socket, SHUT_RDWR);
}

size_t chttpd_in_flight(chttpd_server *server) { return atomic_load(&server->in_flight); }

size_t chttpd_connections(chttpd_server *server) { return atomic_load(&server->open_connections); }

void chttpd_stop(chttpd_server *server) {
    chttpd_quiesce(server);
    pthread_mutex_lock(&server->lock);
    atomic_store(&server->is_stopping, true);
    chttpd_request *abandoned = server->waiting;
    server->waiting = NULL;
    for (chttpd_request *each = abandoned; each; each = each->next) {
        atomic_store(&each->state, ABANDONED);
        atomic_fetch_add(&each->owners, 1);
    }
    pthread_mutex_unlock(&server->lock);
    while (abandoned) {
        chttpd_request *request = abandoned;
        abandoned = request->next;
        MHD_resume_connection(request->mhd);
        release(request);
    }
    // The library must not be stopped while a connection is suspended.
    while (atomic_load(&server->resuming) > 0) usleep(1000);
    pthread_join(server->sweeper, NULL);
    MHD_stop_daemon(server->daemon);
    if (server->quiesced_socket >= 0) close(server->quiesced_socket);
    release_server(server);
}
