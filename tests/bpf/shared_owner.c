/* SPDX-License-Identifier: MIT
 * A connection with two owners: one frees it (SSL_free) while the other goes on (SSL_up_ref), then
 * the next connection. shared_owner LIBSSL CERT. The client sends bytes of the known pattern in
 * pieces of 1000, 2000 and 3000 on each of two connections. libssl is opened at run time, so that
 * no header is needed to build this.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PERIOD 65521u
#define EACH_FUNCTION(F)                                                                           \
    F(const void *, TLS_method, (void))                                                            \
    F(void *, SSL_CTX_new, (const void *))                                                         \
    F(int, SSL_CTX_use_certificate_file, (void *, const char *, int))                              \
    F(int, SSL_CTX_use_PrivateKey_file, (void *, const char *, int))                               \
    F(void *, SSL_new, (void *))                                                                   \
    F(void, SSL_set_bio, (void *, void *, void *))                                                 \
    F(void, SSL_set_connect_state, (void *))                                                       \
    F(void, SSL_set_accept_state, (void *))                                                        \
    F(int, SSL_do_handshake, (void *))                                                             \
    F(int, SSL_read, (void *, void *, int))                                                        \
    F(int, SSL_write, (void *, const void *, int))                                                 \
    F(int, SSL_up_ref, (void *))                                                                   \
    F(void, SSL_free, (void *))                                                                    \
    F(int, BIO_new_bio_pair, (void **, size_t, void **, size_t))

#define DECLARE(RESULT, NAME, ARGS) static RESULT(*NAME) ARGS;
EACH_FUNCTION(DECLARE)

static void load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(77);
    }
#define LOAD(RESULT, NAME, ARGS) *(void **)&NAME = dlsym(library, #NAME);
    EACH_FUNCTION(LOAD)
}

static void pattern_fill(uint8_t *to, size_t offset, size_t n)
{
    static uint8_t pattern[PERIOD];
    uint32_t x = 2463534242u;

    for (size_t i = 0; i < PERIOD; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        pattern[i] = (uint8_t)(x >> 24);
    }
    for (size_t i = 0; i < n; i++)
        to[i] = pattern[(offset + i) % PERIOD];
}

struct pair {
    void *client, *server;
    size_t sent;
};

static void connect_pair(struct pair *p, void *cx)
{
    void *a, *b;

    p->sent = 0;
    p->client = SSL_new(cx);
    p->server = SSL_new(cx);
    if (BIO_new_bio_pair(&a, 65536, &b, 65536) != 1)
        exit(1);
    SSL_set_bio(p->client, a, a);
    SSL_set_bio(p->server, b, b);
    SSL_set_connect_state(p->client);
    SSL_set_accept_state(p->server);
    for (int i = 0; i < 10; i++) {
        SSL_do_handshake(p->client);
        SSL_do_handshake(p->server);
    }
}

static void send_bytes(struct pair *p, int n)
{
    uint8_t out[4096], in[4096];

    pattern_fill(out, p->sent, (size_t)n);
    if (SSL_write(p->client, out, n) != n || SSL_read(p->server, in, sizeof(in)) != n)
        exit(1);
    p->sent += (size_t)n;
}

int main(int argc, char **argv)
{
    struct pair p;

    if (argc != 3)
        return 2;
    load(argv[1]);
    void *cx = SSL_CTX_new(TLS_method());
    if (SSL_CTX_use_certificate_file(cx, argv[2], 1) != 1 ||
        SSL_CTX_use_PrivateKey_file(cx, argv[2], 1) != 1)
        return 1;
    for (int i = 0; i < 2; i++) {
        connect_pair(&p, cx);
        send_bytes(&p, 1000);
        SSL_up_ref(p.client);
        SSL_up_ref(p.client);
        SSL_free(p.client);
        send_bytes(&p, 2000);
        SSL_free(p.client);
        send_bytes(&p, 3000);
        SSL_free(p.client);
        SSL_free(p.server);
    }
    return 0;
}
