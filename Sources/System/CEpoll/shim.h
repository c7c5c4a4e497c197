// epoll and eventfd, whose packed union and enumerations Swift does not take as they are.
#pragma once
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

// Declared for _GNU_SOURCE alone.
extern int accept4(int descriptor, struct sockaddr *address, socklen_t *length, int flags);

typedef struct {
    uint64_t token;
    uint32_t events;
} cepoll_event;

enum { CEPOLL_BATCH = 256 };

static const uint32_t cepoll_in = EPOLLIN;
static const uint32_t cepoll_out = EPOLLOUT;
static const uint32_t cepoll_error = EPOLLERR;
static const uint32_t cepoll_hangup = EPOLLHUP | EPOLLRDHUP;

static inline int cepoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static inline int cepoll_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

// A connection: told once whenever it becomes readable or writable.
static inline int cepoll_add_connection(int epoll, int descriptor, uint64_t token) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = token};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

// A listening socket, which several loops may share: one of them is woken.
static inline int cepoll_add_listener(int epoll, int descriptor, uint64_t token) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.u64 = token};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

static inline int cepoll_add_wakeup(int epoll, int descriptor, uint64_t token) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = token};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

static inline int cepoll_remove(int epoll, int descriptor) {
    return epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, 0);
}

static inline int cepoll_accept(int descriptor, struct sockaddr_storage *address) {
    socklen_t length = sizeof *address;
    return accept4(descriptor, (struct sockaddr *)address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

// At most CEPOLL_BATCH events into `out`; how many, or -1 and errno.
static inline int cepoll_wait(int epoll, cepoll_event *out, int milliseconds) {
    struct epoll_event events[CEPOLL_BATCH];
    int count = epoll_wait(epoll, events, CEPOLL_BATCH, milliseconds);
    for (int index = 0; index < count; index++) {
        out[index].token = events[index].data.u64;
        out[index].events = events[index].events;
    }
    return count;
}
