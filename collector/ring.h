/* SPDX-License-Identifier: MIT
 * Reader of a BPF ring buffer map (kernel Documentation/bpf/ringbuf.rst). Own, because libbpf's
 * reads on as long as producers keep writing: here a reader stops at a position taken earlier, so
 * that two rings can be read in the order in which things happened.
 */
#ifndef TP_RING_H
#define TP_RING_H

#include <stddef.h>
#include <stdint.h>

struct tp_ring {
    int fd;
    size_t bytes; /* data area */
    uint64_t *consumer;
    const uint64_t *producer;
    const uint8_t *data; /* mapped twice in a row, so that no record is split */
};

/* fd: the map's; stays the caller's. 0 or negative errno. */
int tp_ring_init(struct tp_ring *ring, int fd, size_t bytes);
void tp_ring_done(struct tp_ring *ring);

/* Where the next record will be written; grows without end. */
uint64_t tp_ring_produced(const struct tp_ring *ring);
uint64_t tp_ring_consumed(const struct tp_ring *ring);

/* Hands out each record that starts before position `until`, and frees its room. Stops early at one
 * that is still being written. `len` is the room reserved, which may exceed what the record says of
 * itself. Returns the number of records. */
size_t tp_ring_read(struct tp_ring *ring, uint64_t until,
                    void (*record)(void *cx, const void *data, size_t len), void *cx);

#endif
