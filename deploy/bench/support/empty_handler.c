// The peer of the acknowledgement benchmark: libmicrohttpd with a handler that reads the body and answers 202 with an empty
// one, on one thread: with epoll, or given the word poll with poll(2). Prints its port.
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct MHD_Response *empty;

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_count, void **state) {
    (void)context, (void)url, (void)method, (void)version, (void)upload;
    static int begun;
    if (!*state) {
        *state = &begun;
        return MHD_YES;
    }
    if (*upload_count > 0) {
        *upload_count = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, 202, empty);
}

int main(int count, char **arguments) {
    unsigned wait = count > 1 && strcmp(arguments[1], "poll") == 0 ? MHD_USE_POLL_INTERNAL_THREAD
                                                                  : MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO;
    empty = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        wait, 0, NULL, NULL, answer, NULL,
        MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
    if (!daemon) return 1;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    printf("%u\n", info->port);
    fflush(stdout);
    pause();
    return 0;
}
