#include "CTLS.h"
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

static SSL_CTX *ssl_context(ctls_context *context) { return (SSL_CTX *)context; }
static SSL *ssl(ctls_session *session) { return (SSL *)session; }

// The first certificate is the server's, those behind it lead to the issuer.
static const char *use_certificates(SSL_CTX *context, BIO *source) {
    X509 *own = source ? PEM_read_bio_X509(source, NULL, NULL, NULL) : NULL;
    if (!own) return "the certificate is not one in PEM";
    int used = SSL_CTX_use_certificate(context, own);
    X509_free(own);
    if (used != 1) return "the certificate cannot be used";
    X509 *issuer;
    while ((issuer = PEM_read_bio_X509(source, NULL, NULL, NULL))) {
        // Takes the issuer over.
        if (SSL_CTX_add0_chain_cert(context, issuer) != 1) {
            X509_free(issuer);
            return "a certificate of the chain cannot be used";
        }
    }
    return NULL;
}

static const char *use_key(SSL_CTX *context, BIO *source) {
    EVP_PKEY *key = source ? PEM_read_bio_PrivateKey(source, NULL, NULL, (void *)"") : NULL;
    if (!key) return "the key is not one in PEM, or needs a password";
    int used = SSL_CTX_use_PrivateKey(context, key);
    EVP_PKEY_free(key);
    if (used != 1 || SSL_CTX_check_private_key(context) != 1) return "the certificate and the key do not belong together";
    return NULL;
}

ctls_context *ctls_open(const char *certificates, size_t certificates_length, const char *key, size_t key_length,
                        const char **why) {
    *why = "TLS cannot be set up";
    if (certificates_length > INT_MAX || key_length > INT_MAX) return NULL;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context) return NULL;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    // Renegotiation costs the server more than the client; compression leaks.
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // Writes in parts, from a buffer that may have moved; no buffers for connections that rest.
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    BIO *source = BIO_new_mem_buf(certificates, (int)certificates_length);
    *why = use_certificates(context, source);
    BIO_free(source);
    if (!*why) {
        source = BIO_new_mem_buf(key, (int)key_length);
        *why = use_key(context, source);
        BIO_free(source);
    }
    ERR_clear_error();
    if (!*why) return (ctls_context *)context;
    SSL_CTX_free(context);
    return NULL;
}

void ctls_close(ctls_context *context) { SSL_CTX_free(ssl_context(context)); }

ctls_session *ctls_accept(ctls_context *context, int descriptor) {
    SSL *session = SSL_new(ssl_context(context));
    if (!session) return NULL;
    if (SSL_set_fd(session, descriptor) != 1) {
        SSL_free(session);
        return NULL;
    }
    SSL_set_accept_state(session);
    return (ctls_session *)session;
}

void ctls_free(ctls_session *session) { SSL_free(ssl(session)); }

static ptrdiff_t outcome(SSL *session, int result) {
    if (result > 0) return result;
    switch (SSL_get_error(session, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return CTLS_WOULD_BLOCK;
    case SSL_ERROR_ZERO_RETURN: return CTLS_END;
    default: return CTLS_FAILED;
    }
}

ptrdiff_t ctls_read(ctls_session *session, void *buffer, size_t count) {
    ERR_clear_error();
    return outcome(ssl(session), SSL_read(ssl(session), buffer, count > INT_MAX ? INT_MAX : (int)count));
}

ptrdiff_t ctls_write(ctls_session *session, const void *bytes, size_t count) {
    ERR_clear_error();
    return outcome(ssl(session), SSL_write(ssl(session), bytes, count > INT_MAX ? INT_MAX : (int)count));
}

void ctls_finish(ctls_session *session) {
    ERR_clear_error();
    if (SSL_is_init_finished(ssl(session))) SSL_shutdown(ssl(session));
    ERR_clear_error();
}
