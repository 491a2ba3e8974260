/* SPDX-License-Identifier: MIT
 * A client to be linked with OpenSSL's archives: openssl HOST PORT PATH CA BODY COUNT posts the
 * body so often, half of it over one connection, half over one each; odd calls by the _ex
 * functions.
 */
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static SSL *connect_to(SSL_CTX *context, const char *host, const char *port)
{
    BIO *bio = BIO_new_connect(host);
    SSL *ssl = SSL_new(context);

    BIO_set_conn_port(bio, port);
    if (!ssl || BIO_do_connect(bio) <= 0)
        die("no connection");
    SSL_set_bio(ssl, bio, bio);
    SSL_set_tlsext_host_name(ssl, host);
    if (SSL_connect(ssl) <= 0)
        die("no TLS");
    return ssl;
}

static void send_all(SSL *ssl, const char *data, size_t n, int ex)
{
    size_t sent = 0;
    if (ex ? SSL_write_ex(ssl, data, n, &sent) <= 0 || sent != n
           : SSL_write(ssl, data, (int)n) != (int)n)
        die("not sent");
}

/* An answer without coding ends with its last chunk, or with its connection. */
static void read_answer(SSL *ssl, int ex)
{
    char data[4096], end[6] = "";
    size_t n = 0;
    int got;

    while (
        (ex ? SSL_read_ex(ssl, data, sizeof(data), &n)
            : (got = SSL_read(ssl, data, sizeof(data)), n = got > 0 ? (size_t)got : 0, got > 0)) &&
        n > 0) {
        for (size_t i = 0; i < n; i++) {
            memmove(end, end + 1, 4);
            end[4] = data[i];
        }
        if (memcmp(end, "0\r\n\r\n", 5) == 0)
            return;
    }
}

static void call(SSL *ssl, char **argv, const char *body, size_t n, int number)
{
    char head[512];
    int bytes = snprintf(head, sizeof(head),
                         "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                         "x-session-id: one\r\nContent-Length: %zu\r\n\r\n",
                         argv[3], argv[1], n);
    send_all(ssl, head, (size_t)bytes, number & 1);
    send_all(ssl, body, n, number & 1);
    read_answer(ssl, number & 1);
}

int main(int argc, char **argv)
{
    static char body[1 << 20];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    FILE *f = argc == 7 ? fopen(argv[5], "r") : NULL;

    if (!f || !context || !SSL_CTX_load_verify_locations(context, argv[4], NULL))
        die("usage: openssl HOST PORT PATH CA BODY COUNT");
    size_t n = fread(body, 1, sizeof(body), f);
    int count = (int)strtol(argv[6], NULL, 10);
    fclose(f);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL *kept = connect_to(context, argv[1], argv[2]);
    for (int i = 0; i < count; i++) {
        SSL *ssl = i < count / 2 ? kept : connect_to(context, argv[1], argv[2]);
        call(ssl, argv, body, n, i);
        if (ssl != kept)
            SSL_free(ssl);
    }
    SSL_free(kept);
    SSL_CTX_free(context);
    return 0;
}
