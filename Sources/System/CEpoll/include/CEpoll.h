// epoll and eventfd, whose packed union and enumerations Swift does not take as they are. No system headers here: Swift would
// take their declarations for this module's.
#pragma once
#include <stdint.h>

typedef struct {
    uint64_t token;
    uint32_t events;
} cepoll_event;

enum { CEPOLL_BATCH = 256 };

extern const uint32_t cepoll_in;
extern const uint32_t cepoll_error;
extern const uint32_t cepoll_hangup; // the peer's end too

// Like the system calls, -1 and errno on failure.
int cepoll_create(void);
int cepoll_eventfd(void);
// A connection: told once whenever it becomes readable or writable.
int cepoll_add_connection(int epoll, int descriptor, uint64_t token);
// A listening socket, which several loops may share: one of them is woken.
int cepoll_add_listener(int epoll, int descriptor, uint64_t token);
int cepoll_add_wakeup(int epoll, int descriptor, uint64_t token);
int cepoll_remove(int epoll, int descriptor);
// Accepts a connection that does not block; `address` is a struct sockaddr_storage.
int cepoll_accept(int descriptor, void *address);
// At most CEPOLL_BATCH events into `out`; how many.
int cepoll_wait(int epoll, cepoll_event *out, int milliseconds);
