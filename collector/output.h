/* SPDX-License-Identifier: MIT
 * Where `record` writes to: a recording of the user's, or standard output. Adds up what the calls
 * that pass through cost, for the closing line.
 */
#ifndef TP_OUTPUT_H
#define TP_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/identity.h"
#include "collector/sink.h"
#include "common/prices.h"
#include "common/tokrec.h"

struct tp_output {
    struct tp_tokrec_writer *writer;
    struct tp_prices *prices; /* NULL: none could be loaded */
    uint64_t cost_nano;
    char currency[4];
    uint64_t unpriced_calls, mixed_currency_calls;
    int error; /* the first */
};

/* Opens `path` ("-": standard output) as the user; an existing recording is kept as path.old.
 * Reports what goes wrong. The descriptor, or negative errno. */
int tp_output_open(const char *path, const struct tp_identity *user);

/* Loads the prices, the user's own or those built in. */
void tp_output_init(struct tp_output *output, const struct tp_identity *user);
/* Writes what opens a recording to fd, which becomes the output's; `path` as it was opened. 0 or
 * negative errno. */
int tp_output_begin(struct tp_output *output, int fd, const char *path);
/* Ends and closes it; again is fine. 0, or the first error that writing ever met. */
int tp_output_close(struct tp_output *output);

struct tp_sink tp_output_sink(struct tp_output *output);
/* What was written so far can be read back after a crash. */
void tp_output_flush(struct tp_output *output);

/* Sum over the calls that have a price. False where no call had one, or currencies differ. */
bool tp_output_cost(const struct tp_output *output, uint64_t *ret_nano, char ret_currency[4]);

#endif
