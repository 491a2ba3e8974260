/* SPDX-License-Identifier: MIT
 * The model: takes events in the order of their ends, says for each call which conversation and
 * round it belongs to, what its parts are and what it cost, and hands it on once its tools' results
 * are known. One pass; memory is bounded by what is open.
 */
#ifndef TP_MODEL_H
#define TP_MODEL_H

#include <msgpack.h>

#include "analyzer/model/row.h"

struct tp_model;

/* What a recording says beside calls. Strings may be NULL. */
struct tp_model_loss {
    const char *where, *why;
    int64_t bytes, count;
    bool of_call; /* also counted in a call's lost bytes */
};

/* A `meta` event: what the recorder says about itself and its targets. */
struct tp_model_note {
    const char *what; /* start, target, end */
    const char *file, *error, *key;
    int64_t late_ns;
};

/* Where the results go. All are called from within tp_model_event() and tp_model_finish(). */
struct tp_model_ops {
    /* A call, complete. Order: as they ended. Valid during the call; tp_row_ref() keeps it. */
    void (*call)(void *cx, const struct tp_row *row);
    void (*loss)(void *cx, const struct tp_model_loss *loss); /* may be NULL */
    void (*note)(void *cx, const struct tp_model_note *note); /* may be NULL */
};

/* Ceilings; 0 takes the default. Beyond the first a call's parent is forgotten and its shared
 * blocks become unseen; beyond the second a call is handed on before its tools' results came. */
struct tp_model_limits {
    size_t context_blocks_max; /* default 2 M */
    size_t held_rows_max;      /* calls held back for their tools' results; default 8192 */
};

/* `limits` may be NULL. `prices` outlives the model; NULL: no costs. NULL without memory. */
struct tp_model *tp_model_new(const struct tp_model_ops *ops, void *cx, struct tp_prices *prices,
                              const struct tp_model_limits *limits);
/* Rows that were held back are dropped, not handed on. NULL is fine. */
void tp_model_free(struct tp_model *model);

/* One event; those of unknown kinds and second deliveries are passed over. 0 or -ENOMEM. */
int tp_model_event(struct tp_model *model, const msgpack_object *event);
/* No more events: hands on what was held back. */
void tp_model_finish(struct tp_model *model);

/* The strings to which the rows' numbers refer. They live as long as the model. */
struct tp_names *tp_model_names(struct tp_model *model);

#endif
