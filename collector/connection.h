/* SPDX-License-Identifier: MIT
 * One connection, inside tp_conns: its two sides and the exchanges that are open on it.
 *
 * Which request an answer belongs to is told by offsets. Every record carries how many bytes had
 * gone the other way, so that two things are always true: no byte of an answer stands before the
 * offset (in the answers' direction) at which its request began, and an answer recorded with peer
 * offset P belongs to a request that began before P.
 */
#ifndef TP_CONNECTION_H
#define TP_CONNECTION_H

#include "bpf/shared/record.h"
#include "collector/body.h"
#include "collector/conn.h"
#include "collector/http1.h"

struct tp_pending {
    struct tp_pending *next;
    void *x;              /* the consumer's */
    uint64_t start;       /* requests' offset: it began here; a gap: it may have, from here on */
    uint64_t answer_from; /* answers' offset: no byte of its answer is before this */
    bool gap;             /* stands for requests that may have fallen into a hole here */
    bool certain;         /* gap: at least one did */
    bool no_body;         /* HEAD: the answer has none */
    bool connect;
    bool orphan; /* the request was lost: there is only an answer */
    bool early;  /* the answer overtook the rest of the request's head: that head is not told */
    bool forestalled; /* it had begun when an answer came that was given to no request: its own */
    bool shadowed;    /* a request lost before this one may own its answer: the answer is marked */
    bool request_done;
    bool answered; /* the answer began */
    bool response_done;
    enum tp_exchange_end why; /* with end_ns: told when the request is done too */
    uint64_t end_ns;
};

struct tp_mark {
    uint64_t entry_ns, time_ns;
    uint64_t offset, peer_offset; /* of the record */
    uint64_t at;                  /* the byte's own offset */
};

struct tp_side {
    struct tp_connection *conn;
    enum tp_direction direction;
    struct tp_http1 http;
    uint64_t position;               /* next byte's offset */
    uint64_t told;                   /* the other side's records say that this many bytes went by */
    uint64_t last_offset, last_peer; /* of the latest record */
    struct tp_mark mark;             /* where the head at hand began */
    struct tp_pending *current;      /* whose message is open */
    struct tp_body body;             /* of it */
    uint64_t untold_bytes; /* missing, and not told to anyone yet: every hole passes through here */
    uint64_t skipped_bytes; /* seen, but belonging to nothing */
    bool had_gap;
    bool had_head;
    bool residue; /* since the last head came bytes of a message that is not followed: more may */
    bool known;   /* which protocol it is was decided by its first bytes */
    uint8_t first[24]; /* those, until then */
    size_t first_len;
    struct tp_mark first_mark; /* and when they came */
};

struct tp_connection {
    struct tp_connection *next; /* in the table's chain */
    struct tp_conns *owner;
    struct tp_conn_origin origin;
    struct tp_side side[2]; /* by enum tp_direction */
    int request_direction;  /* -1: not known yet */
    struct tp_pending *first, **last_next;
    size_t pending_count;
    bool dirty;     /* answers: a head or an end may have been missed */
    bool pipelined; /* a request was sent before the answer to the one before was whole */
    bool rolling;   /* ... and that while answers came in: it may never be quiet */
    bool releasing; /* held answers are framed: their peer offsets are from before the request */
    bool tunnel;    /* CONNECT was granted */
    struct tp_http2 *http2;         /* or NULL: HTTP/1 */
    struct tp_websocket *websocket; /* what an upgrade led to, or NULL */
    struct tp_head *upgrade;        /* the request that asked for it, or NULL */
    const char *opaque;             /* why this is neither, or NULL */
    uint64_t opaque_bytes;
    struct tp_mark now; /* the record at hand */
    struct tp_pending *early;
    struct tp_mark orphan; /* where the latest answer without request began */
    enum tp_direction held_direction;
    struct tp_buf held; /* answers that came before their request: struct tp_mark, length, bytes */
    size_t held_last;   /* where the last of them stands */
};

/* Shared by all connections. */
struct tp_conns {
    const struct tp_exchange_ops *ops;
    void *cx;
    struct tp_conn_limits limits;
    struct tp_conn_stats stats;
    struct tp_connection **buckets;
    size_t bucket_count; /* a power of two */
};

/* ---- connection.c ---- */

struct tp_connection *tp_connection_new(struct tp_conns *owner,
                                        const struct tp_conn_origin *origin);
/* `why` for what is open; eof: the connection really ended, so bodies up to the end are whole.
 * Frees. */
void tp_connection_end(struct tp_connection *c, enum tp_exchange_end why, bool eof,
                       uint64_t time_ns);
void tp_connection_data(struct tp_connection *c, const struct tp_data_record *record,
                        const uint8_t *payload);
/* The side's bytes up to `offset` went by: those not seen are missing. */
void tp_side_catch_up(struct tp_side *side, uint64_t offset);

static inline struct tp_side *tp_side_other(struct tp_side *side)
{
    return &side->conn->side[!side->direction];
}

/* ---- message.c: what the framers say ---- */

extern const struct tp_http1_ops tp_side_http1_ops;

/* An upgrade to WebSocket was granted, or is shown to have been (NULL: its head was not seen). */
void tp_connection_upgrade(struct tp_connection *c, const struct tp_http_head *answer);
/* What was kept of a request for it. */
void tp_connection_forget_upgrade(struct tp_connection *c);
void tp_connection_set_role(struct tp_connection *c, enum tp_direction requests);
/* Is a request's head coming in that had begun when the answer at `at` was recorded, and may that
 * answer be its own? */
bool tp_side_head_comes(const struct tp_side *requests, const struct tp_mark *at);
/* Before bytes of this side are framed: ends a message that can be shown to be over. */
void tp_side_recheck(struct tp_side *side);
void tp_side_close_body(struct tp_side *side, bool lost);
/* The message at hand is not followed any further: more of it may come. */
void tp_side_give_up(struct tp_side *side);
/* Takes the bytes that nobody was told of; whoever calls tells them. */
uint64_t tp_side_take_untold(struct tp_side *side);

/* ---- pairing.c: the queue of pending exchanges ---- */

/* Appends one; NULL without memory. Past a ceiling the oldest is given up. */
struct tp_pending *tp_pending_add(struct tp_connection *c);
/* Notes that requests may have fallen into a hole at this offset; `certain`: at least one has. */
void tp_pending_add_gap(struct tp_connection *c, uint64_t offset, bool certain);
/* Is there one that waits for an answer or is in the midst of one? */
bool tp_pending_live(const struct tp_connection *c);
/* Is there a gap that no answer was found for, or one who may have got its answer? */
bool tp_pending_shadows(const struct tp_connection *c);
/* Does a request that begins now, with `peer` bytes of answers gone by, overlap with one before? */
bool tp_pending_overlaps(const struct tp_connection *c, uint64_t peer);
/* ... and did answers come in between? */
bool tp_pending_rolls(const struct tp_connection *c, uint64_t peer);
/* The request whose answer begins at answers' offset `from`, in a record with peer offset `peer`;
 * those that it shows to be lost end. NULL: none that we saw. */
struct tp_pending *tp_pending_select(struct tp_connection *c, uint64_t from, uint64_t peer);
/* Whose the answer bytes at `from` are, if connections are not pipelined. May be a gap. NULL: no
 * telling. */
struct tp_pending *tp_pending_owner(const struct tp_connection *c, uint64_t from, uint64_t peer);
/* A pending exchange for an answer whose request was lost. NULL without memory. */
struct tp_pending *tp_pending_orphan(struct tp_connection *c);
/* One for an answer that came before its request's head was whole: the request is received yet.
 * NULL where no such head is being received. */
struct tp_pending *tp_pending_early(struct tp_connection *c, uint64_t peer);
/* The early one whose head begins at `start`, which is whole now; or NULL. */
struct tp_pending *tp_pending_adopt(struct tp_connection *c, uint64_t start);
/* The head of the early one, if any, will not come. */
void tp_pending_disown(struct tp_connection *c);
/* Its answer will not come: it ends as lost. */
void tp_pending_lose(struct tp_connection *c, struct tp_pending *p);
/* All that are live end as lost. */
void tp_pending_lose_all(struct tp_connection *c);
/* The answer is over: the exchange ends, at once or when its request does. */
void tp_pending_finish(struct tp_connection *c, struct tp_pending *p, enum tp_exchange_end why);
/* Ends it now and frees it. */
void tp_pending_deliver(struct tp_connection *c, struct tp_pending *p);

#endif
