/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <tokprof/event.h>

#include "common/buf.h"
#include "common/tokrec.h"
#include "common/tokrec_format.h"
#include "common/unpack.h"

#define FRAME_EVENTS_BYTES ((size_t)256 << 10)
/* Past this many the index merges neighbours, so that it stays small however long the recording
 * runs. */
#define INDEX_ENTRIES_MAX 65536
#define ZSTD_LEVEL 3

struct index_entry {
    uint64_t offset; /* of the first frame it covers, from the file's start */
    uint64_t events;
    uint64_t first_ns, last_ns; /* 0: no event of it had a time */
};

struct tp_tokrec_writer {
    int fd;
    enum tp_tokrec_form form;
    int error; /* first failure; nothing is written after it */
    bool regular;
    off_t base;             /* where in the file the recording starts */
    uint64_t written_bytes; /* whole frames only */
    struct tp_buf events;   /* of the open frame */
    struct index_entry open;
    ZSTD_CCtx *zstd;
    uint8_t *packed;
    size_t packed_cap;
    struct index_entry *index;
    size_t index_len;
    size_t frames_per_entry, frames_in_last;
};

/* Parents hand on pipes in non-blocking mode (Node does), so EAGAIN waits. */
static int write_all(int fd, const uint8_t *data, size_t n)
{
    while (n > 0) {
        ssize_t r = write(fd, data, n);
        if (r >= 0) {
            data += r;
            n -= (size_t)r;
        } else if (errno == EAGAIN) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            poll(&p, 1, -1);
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

/* Writes one whole frame; on failure takes back what arrived of it, so that the file ends with a
 * whole one. */
static int write_frame(struct tp_tokrec_writer *w, const uint8_t *data, size_t n)
{
    int r = write_all(w->fd, data, n);
    if (r < 0) {
        w->error = r;
        if (w->regular && ftruncate(w->fd, w->base + (off_t)w->written_bytes) < 0)
            return r; /* the reader copes with half a frame, too */
        return r;
    }
    w->written_bytes += n;
    return 0;
}

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static void put_u64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* A skippable frame, so that `zstd -d` passes over it and the bare events come out. */
static int write_header(struct tp_tokrec_writer *w)
{
    uint8_t frame[8 + sizeof(TP_TOKREC_HEADER) - 1];
    put_u32(frame, TP_TOKREC_SKIPPABLE);
    put_u32(frame + 4, sizeof(frame) - 8);
    memcpy(frame + 8, TP_TOKREC_HEADER, sizeof(frame) - 8);
    return write_frame(w, frame, sizeof(frame));
}

/* A recording may begin in mid-file (appended to another): offsets count from there. */
static int writer_prepare(struct tp_tokrec_writer *w)
{
    struct stat st;
    w->regular = fstat(w->fd, &st) == 0 && S_ISREG(st.st_mode);
    w->base = w->regular ? lseek(w->fd, 0, SEEK_CUR) : 0;
    if (w->form == TP_TOKREC_STREAM)
        return 0;
    w->zstd = ZSTD_createCCtx();
    w->index = malloc(INDEX_ENTRIES_MAX * sizeof(*w->index));
    if (!w->zstd || !w->index)
        return -ENOMEM;
    ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1);
    return write_header(w);
}

static void writer_free(struct tp_tokrec_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    ZSTD_freeCCtx(w->zstd);
    tp_buf_done(&w->events);
    free(w->packed);
    free(w->index);
    free(w);
}

int tp_tokrec_writer_new(struct tp_tokrec_writer **ret_writer, int fd, enum tp_tokrec_form form)
{
    struct tp_tokrec_writer *w = calloc(1, sizeof(*w));
    if (!w) {
        close(fd);
        return -ENOMEM;
    }
    w->fd = fd;
    w->form = form;
    w->frames_per_entry = 1;
    tp_buf_init(&w->events, FRAME_EVENTS_BYTES + TP_UNPACK_EVENT_BYTES_MAX);
    int r = writer_prepare(w);
    if (r < 0) {
        writer_free(w);
        return r;
    }
    *ret_writer = w;
    return 0;
}

/* When the event happened, by its top map; 0 if it does not say. Our own events have the time among
 * their first keys, so this looks at a few entries only. */
static uint64_t event_time_ns(const uint8_t *event, size_t n)
{
    size_t at = n > 0 && event[0] == 0xdf ? 5 : n > 0 && event[0] == 0xde ? 3 : 1;
    for (int entry = 0; entry < 8 && at + 2 < n; entry++) {
        bool is_time = event[at] == 0xa1 && event[at + 1] == TP_K_TIME[0];
        for (int part = 0; part < 2; part++) {
            struct tp_unpack_scan scan = {0};
            if (is_time && part == 1 && event[at] == 0xcf && n - at >= 9) {
                uint64_t value = 0;
                for (int i = 1; i <= 8; i++)
                    value = value << 8 | event[at + (size_t)i];
                return value;
            }
            if (tp_unpack_scan(&scan, event + at, n - at) != 1)
                return 0;
            at += scan.at;
        }
    }
    return 0;
}

/* After a failed write nothing more is written: a hole between frames would look like a whole
 * recording. */
int tp_tokrec_write(struct tp_tokrec_writer *w, const void *event, size_t n)
{
    if (w->error)
        return w->error;
    if (n == 0 || n > TP_UNPACK_EVENT_BYTES_MAX)
        return -EMSGSIZE;
    if (w->form == TP_TOKREC_STREAM)
        return write_frame(w, event, n);
    int r = tp_buf_add(&w->events, event, n);
    if (r < 0)
        return r;
    uint64_t time_ns = event_time_ns(event, n);
    w->open.events++;
    if (time_ns && (!w->open.first_ns || time_ns < w->open.first_ns))
        w->open.first_ns = time_ns;
    if (time_ns > w->open.last_ns)
        w->open.last_ns = time_ns;
    return w->events.len >= FRAME_EVENTS_BYTES ? tp_tokrec_flush(w) : 0;
}

/* Times are the least and the greatest: calls are written when they end, so starts are not in
 * order. */
static void entry_join(struct index_entry *e, const struct index_entry *next)
{
    e->events += next->events;
    if (next->first_ns && (!e->first_ns || next->first_ns < e->first_ns))
        e->first_ns = next->first_ns;
    if (next->last_ns > e->last_ns)
        e->last_ns = next->last_ns;
}

/* Halving the index's resolution whenever it is full keeps it at 2 MiB, however long the
 * recording runs. */
static void index_add(struct tp_tokrec_writer *w, const struct index_entry *frame)
{
    if (w->index_len > 0 && w->frames_in_last < w->frames_per_entry) {
        entry_join(&w->index[w->index_len - 1], frame);
        w->frames_in_last++;
        return;
    }
    if (w->index_len == INDEX_ENTRIES_MAX) {
        for (size_t i = 0; i < INDEX_ENTRIES_MAX / 2; i++) {
            w->index[i] = w->index[2 * i];
            entry_join(&w->index[i], &w->index[2 * i + 1]);
        }
        w->index_len /= 2;
        w->frames_per_entry *= 2;
    }
    w->index[w->index_len++] = *frame;
    w->frames_in_last = 1;
}

/* The output buffer is kept from frame to frame; it has the size of the largest one. */
static int pack_frame(struct tp_tokrec_writer *w, size_t *ret_n)
{
    size_t need = ZSTD_compressBound(w->events.len);
    if (need > w->packed_cap) {
        uint8_t *p = realloc(w->packed, need);
        if (!p)
            return -ENOMEM;
        w->packed = p;
        w->packed_cap = need;
    }
    size_t n = ZSTD_compress2(w->zstd, w->packed, w->packed_cap, w->events.data, w->events.len);
    if (ZSTD_isError(n))
        return -ENOMEM;
    *ret_n = n;
    return 0;
}

/* Called on a timer as well: what a killed recorder had flushed is what survives it. */
int tp_tokrec_flush(struct tp_tokrec_writer *w)
{
    if (w->error || w->events.len == 0)
        return w->error;
    size_t n;
    int r = pack_frame(w, &n);
    if (r < 0)
        return w->error = r;
    struct index_entry entry = w->open;
    entry.offset = w->written_bytes;
    r = write_frame(w, w->packed, n);
    if (r < 0)
        return r;
    index_add(w, &entry);
    w->open = (struct index_entry){0};
    tp_buf_clear(&w->events);
    return 0;
}

/* Its own length stands at its end, so that a reader finds it from the end of the file. */
static int write_index(struct tp_tokrec_writer *w)
{
    size_t magic = sizeof(TP_TOKREC_INDEX) - 1;
    size_t body = magic + w->index_len * TP_TOKREC_INDEX_ENTRY_BYTES + 8;
    uint8_t *frame = malloc(8 + body);
    if (!frame)
        return -ENOMEM;
    put_u32(frame, TP_TOKREC_SKIPPABLE);
    put_u32(frame + 4, (uint32_t)body);
    memcpy(frame + 8, TP_TOKREC_INDEX, magic);
    uint8_t *p = frame + 8 + magic;
    for (size_t i = 0; i < w->index_len; i++, p += TP_TOKREC_INDEX_ENTRY_BYTES) {
        put_u64(p, w->index[i].offset);
        put_u64(p + 8, w->index[i].events);
        put_u64(p + 16, w->index[i].first_ns);
        put_u64(p + 24, w->index[i].last_ns);
    }
    put_u64(p, 8 + body);
    int r = write_frame(w, frame, 8 + body);
    free(frame);
    return r;
}

int tp_tokrec_close(struct tp_tokrec_writer *w)
{
    if (!w)
        return 0;
    int r = tp_tokrec_flush(w);
    if (r == 0 && w->form == TP_TOKREC_FILE)
        r = write_index(w);
    if (r == 0 && w->regular && fsync(w->fd) < 0)
        r = -errno;
    /* Some file systems tell of a full disk only here. */
    if (close(w->fd) < 0 && errno != EINTR && r == 0)
        r = -errno;
    w->fd = -1;
    writer_free(w);
    return r;
}
