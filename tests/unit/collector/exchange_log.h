/* SPDX-License-Identifier: MIT
 * A consumer of exchanges that keeps all it is told, and a wire that makes the records of one
 * process.
 */
#ifndef TP_TEST_EXCHANGE_LOG_H
#define TP_TEST_EXCHANGE_LOG_H

#include "collector/conn.h"
#include "common/buf.h"

struct seen_message {
    bool begun, head, ended;
    struct tp_buf body;
    uint64_t hole_bytes;
    int holes;
    uint64_t begin_ns, end_ns;
    int pieces;
};

struct seen {
    struct seen *next;
    struct exchange_log *log;
    uint64_t conn;
    bool server;
    char method[16], target[64], id[64];
    int status;
    struct seen_message request, response;
    bool over;
    enum tp_exchange_end why;
};

struct exchange_log {
    struct seen *first, **last;
    size_t count;
    size_t over;    /* exchanges that ended */
    size_t misuses; /* calls out of order */
    size_t losses;
    uint64_t lost_bytes;
    char last_where[32], last_why[64];
    bool discard;    /* keep no bodies */
    bool show_holes; /* a NUL stands in the body where bytes are missing */
};

extern const struct tp_exchange_ops exchange_log_ops;

void exchange_log_init(struct exchange_log *log);
void exchange_log_done(struct exchange_log *log);
struct seen *exchange_log_at(struct exchange_log *log, size_t i);
bool body_is(const struct seen_message *m, const void *data, size_t n);

/* One connection of process 100 and what went over it so far. */
struct wire {
    struct tp_conns *conns;
    uint64_t conn, generation, now_ns;
    uint64_t offset[2];
};

/* A call moved n bytes: its record is given, or dropped. */
void wire_move(struct wire *w, enum tp_direction direction, const void *data, size_t n, bool drop);
/* The same, one record for each `step` bytes. */
void wire_move_split(struct wire *w, enum tp_direction direction, const char *text, size_t step);
void wire_close(struct wire *w);

#endif
