#define _GNU_SOURCE
#include "CEpoll.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

const uint32_t cepoll_in = EPOLLIN;
const uint32_t cepoll_error = EPOLLERR;
const uint32_t cepoll_hangup = EPOLLHUP | EPOLLRDHUP;

int cepoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int cepoll_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

static int add(int epoll, int descriptor, uint64_t token, uint32_t events) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

int cepoll_add_connection(int epoll, int descriptor, uint64_t token) {
    return add(epoll, descriptor, token, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

int cepoll_add_listener(int epoll, int descriptor, uint64_t token) {
    return add(epoll, descriptor, token, EPOLLIN | EPOLLEXCLUSIVE);
}

int cepoll_add_wakeup(int epoll, int descriptor, uint64_t token) { return add(epoll, descriptor, token, EPOLLIN); }

int cepoll_remove(int epoll, int descriptor) { return epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, 0); }

int cepoll_accept(int descriptor, void *address) {
    socklen_t length = sizeof(struct sockaddr_storage);
    return accept4(descriptor, address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int cepoll_wait(int epoll, cepoll_event *out, int milliseconds) {
    struct epoll_event events[CEPOLL_BATCH];
    int count = epoll_wait(epoll, events, CEPOLL_BATCH, milliseconds);
    for (int index = 0; index < count; index++) {
        out[index].token = events[index].data.u64;
        out[index].events = events[index].events;
    }
    return count;
}
