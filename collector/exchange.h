/* SPDX-License-Identifier: MIT
 * An exchange is one HTTP request and its answer. conn.c (streams, framing, codings) produces them;
 * calls.c makes model calls of them. Pure on both sides: times come in with the bytes.
 */
#ifndef TP_EXCHANGE_H
#define TP_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a connection's bytes come from. */
struct tp_conn_origin {
    uint32_t pid;
    uint64_t conn;       /* connection object */
    uint64_t generation; /* unique with the two above */
    const char *tls;     /* TLS stack's name, static; "none" for plain sockets */
    bool server; /* the process answers on this connection (known once a request was read) */
};

/* Headers of one message: names in lower case, values trimmed, repeated ones joined with ", ". */
struct tp_http_head {
    const char *method;  /* request; "" in an answer */
    const char *target;  /* request; path and query as sent */
    const char *version; /* "1.0", "1.1" */
    int status;          /* answer; 0 in a request */
    const void *fields;  /* for tp_http_field() */
};

/* Value of header `name` (lower case), or NULL. */
const char *tp_http_field(const struct tp_http_head *head, const char *name);

enum tp_exchange_end {
    TP_END_COMPLETE, /* the answer ended as its framing said (holes inside are told by the hole
                        calls) */
    TP_END_CLOSED,   /* the connection ended first: cancelled by the client or cut by the server */
    TP_END_LOST,     /* the rest of the answer fell into a hole */
    TP_END_SHUTDOWN, /* the recording ended first */
};

/* What an exchange has come to, as its bodies tell. */
enum tp_exchange_state {
    TP_EXCHANGE_OPEN,     /* an answer is awaited, or goes on */
    TP_EXCHANGE_ANSWERED, /* the answer said that it is whole */
    TP_EXCHANGE_UNKNOWN,  /* what was asked means nothing to us */
};

/* Operations of the consumer. `x` is what request_begin returned. Order for one exchange:
 * request_begin, request_body*, request_end, response_begin, response_body*, response_end; an
 * answer may start before the request has ended. `*_hole` says that bytes are missing at this place
 * (`bytes` as far as is known, on the wire). A NULL head: that head was lost or never seen. Bodies
 * come decoded (transfer and content coding); the first body bytes of an exchange without a request
 * head still reach the consumer. response_end is called exactly once for each exchange and ends its
 * life. 100-continue and other 1xx answers are not passed on (101 ends HTTP on the connection).
 * Times: CLOCK_MONOTONIC ns. */
struct tp_exchange_ops {
    void *(*request_begin)(void *cx, const struct tp_conn_origin *, const struct tp_http_head *,
                           uint64_t time_ns);
    void (*request_body)(void *x, const uint8_t *data, size_t n, uint64_t time_ns);
    void (*request_hole)(void *x, uint64_t bytes);
    void (*request_end)(void *x, uint64_t time_ns);
    void (*response_begin)(void *x, const struct tp_http_head *, uint64_t time_ns);
    void (*response_body)(void *x, const uint8_t *data, size_t n, uint64_t time_ns);
    void (*response_hole)(void *x, uint64_t bytes);
    void (*response_end)(void *x, enum tp_exchange_end why, uint64_t time_ns);
    /* Bytes lost outside any exchange, or bodies that could not be decoded; `where` as in loss
     * events. */
    void (*loss)(void *cx, const struct tp_conn_origin *, const char *where, const char *why,
                 uint64_t bytes);
    /* For protocols whose framing does not tell where an answer ends. Asked after request_end. May
     * be NULL: then it ends with the connection. */
    enum tp_exchange_state (*state)(void *x);
};

#endif
