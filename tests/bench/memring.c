/* SPDX-License-Identifier: MIT */
#include "memring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The data twice in a row, after a page each for the positions. */
int tp_memring_init(struct tp_memring *m, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = 2 * page + 2 * bytes;
    memset(m, 0, sizeof(*m));
    int fd = memfd_create("ring", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)(2 * page + bytes)))
        return -errno;
    uint8_t *at = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void *again = at == MAP_FAILED ? MAP_FAILED
                                   : mmap(at + 2 * page + bytes, bytes, PROT_READ | PROT_WRITE,
                                          MAP_SHARED | MAP_FIXED, fd, (off_t)(2 * page));
    close(fd);
    if (again == MAP_FAILED)
        return -ENOMEM;
    m->producer = (void *)(at + page);
    m->data = at + 2 * page;
    m->ring = (struct tp_ring){
        .fd = -1, .bytes = bytes, .consumer = (void *)at, .producer = m->producer, .data = m->data};
    return 0;
}

void tp_memring_done(struct tp_memring *m)
{
    tp_ring_done(&m->ring);
}

static size_t room_of(size_t n)
{
    return (n + BPF_RINGBUF_HDR_SZ + 7) & ~(size_t)7;
}

void *tp_memring_reserve(struct tp_memring *m, size_t n)
{
    uint64_t used = *m->producer - __atomic_load_n(m->ring.consumer, __ATOMIC_ACQUIRE);
    if (used + room_of(n) > m->ring.bytes)
        return NULL;
    uint8_t *head = m->data + (*m->producer & (m->ring.bytes - 1));
    *(uint32_t *)(void *)head = (uint32_t)n;
    return head + BPF_RINGBUF_HDR_SZ;
}

void tp_memring_commit(struct tp_memring *m, size_t n)
{
    __atomic_store_n(m->producer, *m->producer + room_of(n), __ATOMIC_RELEASE);
}
