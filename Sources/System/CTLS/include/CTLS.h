// The server's side of TLS 1.2 and 1.3 by OpenSSL, whose macros Swift does not take.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct ctls_context ctls_context;
typedef struct ctls_session ctls_session;

// Takes PEM: the whole chain, and its key. NULL and a reason in `why` when they cannot be used. The context may be used
// from any thread.
ctls_context *ctls_open(const char *certificates, size_t certificates_length, const char *key, size_t key_length,
                        const char **why);
void ctls_close(ctls_context *context);

// A session on a connected socket that does not block; the handshake goes along with the first reads. NULL without memory.
ctls_session *ctls_accept(ctls_context *context, int descriptor);
void ctls_free(ctls_session *session);

enum { CTLS_WOULD_BLOCK = 0, CTLS_END = -1, CTLS_FAILED = -2 };
// How many bytes, or one of the above.
ptrdiff_t ctls_read(ctls_session *session, void *buffer, size_t count);
ptrdiff_t ctls_write(ctls_session *session, const void *bytes, size_t count);
// Tells the peer that nothing more comes.
void ctls_finish(ctls_session *session);
