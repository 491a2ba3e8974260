/* SPDX-License-Identifier: MIT */
#include "collector/ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int tp_ring_init(struct tp_ring *ring, int fd, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    memset(ring, 0, sizeof(*ring));
    void *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (consumer == MAP_FAILED)
        return -errno;
    void *rest = mmap(NULL, page + 2 * bytes, PROT_READ, MAP_SHARED, fd, (off_t)page);
    if (rest == MAP_FAILED) {
        int err = -errno;
        munmap(consumer, page);
        return err;
    }
    madvise(consumer, page, MADV_DONTFORK); /* no child has business in here */
    madvise(rest, page + 2 * bytes, MADV_DONTFORK);
    *ring = (struct tp_ring){.fd = fd,
                             .bytes = bytes,
                             .consumer = consumer,
                             .producer = rest,
                             .data = (uint8_t *)rest + page};
    return 0;
}

void tp_ring_done(struct tp_ring *ring)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    if (!ring->consumer)
        return;
    munmap(ring->consumer, page);
    munmap((void *)(uintptr_t)ring->producer, page + 2 * ring->bytes);
    memset(ring, 0, sizeof(*ring));
}

uint64_t tp_ring_produced(const struct tp_ring *ring)
{
    return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
}

uint64_t tp_ring_consumed(const struct tp_ring *ring)
{
    return __atomic_load_n(ring->consumer, __ATOMIC_RELAXED);
}

size_t tp_ring_read(struct tp_ring *ring, uint64_t until,
                    void (*record)(void *cx, const void *data, size_t len), void *cx)
{
    uint64_t at = tp_ring_consumed(ring);
    size_t count = 0;

    while (at < until) {
        const uint8_t *head = ring->data + (at & (ring->bytes - 1));
        uint32_t len = __atomic_load_n((const uint32_t *)(const void *)head, __ATOMIC_ACQUIRE);
        if (len & BPF_RINGBUF_BUSY_BIT)
            break;
        uint32_t n = len & ~(uint32_t)(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
        if (!(len & BPF_RINGBUF_DISCARD_BIT)) {
            record(cx, head + BPF_RINGBUF_HDR_SZ, n);
            count++;
        }
        at += ((uint64_t)n + BPF_RINGBUF_HDR_SZ + 7) & ~(uint64_t)7;
        __atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
    }
    return count;
}
