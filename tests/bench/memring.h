/* SPDX-License-Identifier: MIT
 * A ring in plain memory with the layout of a BPF ring buffer map, so that the collector's reader
 * can be fed without a kernel: one thread writes as the probes do, another reads.
 */
#ifndef TP_BENCH_MEMRING_H
#define TP_BENCH_MEMRING_H

#include <stdbool.h>

#include "collector/ring.h"

struct tp_memring {
    struct tp_ring ring; /* for tp_ring_read() */
    uint64_t *producer;
    uint8_t *data;
};

/* `bytes`: a power of two, and of pages. 0 or negative errno. */
int tp_memring_init(struct tp_memring *m, size_t bytes);
void tp_memring_done(struct tp_memring *m);

/* Room for a record of n bytes, or NULL where the ring is full; commit makes it seen. */
void *tp_memring_reserve(struct tp_memring *m, size_t n);
void tp_memring_commit(struct tp_memring *m, size_t n);

#endif
