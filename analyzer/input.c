/* SPDX-License-Identifier: MIT */
#include "analyzer/input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <tokprof/event.h>
#include <unistd.h>

#include "common/log.h"
#include "common/tokrec.h"
#include "common/unpack.h"

struct source {
    const char *path;
    struct tp_tokrec_reader *reader;
    msgpack_object event; /* the next one, while `open` */
    bool open;
    uint64_t time_ns; /* by which it stands among the others' */
    uint64_t events;
    char key[65]; /* id of the hash key */
};

/* Standard input is duplicated, so that every reader owns its descriptor. */
static int open_source(struct source *s, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    s->path = standard ? "standard input" : path;
    int fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : tp_tokrec_reader_new(&s->reader, fd);
    if (r == -EBADMSG)
        tp_error("%s: not a tokprof recording; give a file that 'tokprof record -o' wrote",
                 s->path);
    else if (r < 0)
        tp_error("%s: cannot be read: %s; give a recording that is there and readable", s->path,
                 strerror(-r));
    return r;
}

/* Calls are written when they end, everything else when it happens. */
static uint64_t order_time(const msgpack_object *event)
{
    uint64_t start = 0, length = 0;
    tp_unpack_u64(tp_unpack_get(event, TP_K_TIME), &start);
    tp_unpack_u64(tp_unpack_get(event, TP_K_T_END), &length);
    return length > UINT64_MAX - start ? UINT64_MAX : start + length;
}

/* One recording needs no order: it is in its own already. */
static int advance(struct source *s, bool merged)
{
    int r = tp_tokrec_next(s->reader, &s->event);
    s->open = r == 1;
    if (r < 0)
        tp_error("%s: cannot be read further: %s; give a readable copy", s->path, strerror(-r));
    if (r <= 0)
        return r;
    s->events++;
    if (merged)
        s->time_ns = order_time(&s->event);
    const msgpack_object *key = tp_unpack_get(&s->event, TP_K_HASH_KEY);
    if (key && key->type == MSGPACK_OBJECT_STR && key->via.str.size < sizeof(s->key) && !s->key[0])
        memcpy(s->key, key->via.str.ptr, key->via.str.size);
    return 0;
}

/* Linear: a handful of recordings is merged at most; with equal times the earlier named goes
 * first. */
static struct source *earliest(struct source *sources, size_t count)
{
    struct source *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (sources[i].open && (!best || sources[i].time_ns < best->time_ns))
            best = &sources[i];
    return best;
}

static int feed(struct tp_model *model, struct source *sources, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (advance(&sources[i], count > 1) < 0)
            return -EIO;
    for (struct source *s; (s = earliest(sources, count));) {
        int r = tp_model_event(model, &s->event);
        if (r < 0) {
            tp_error("%s: out of memory; give fewer recordings at once", s->path);
            return r;
        }
        if (advance(s, count > 1) < 0)
            return -EIO;
    }
    return 0;
}

/* A recording that ends early is still evidence up to there: it is used, and said. */
static void warn_of_ends(const struct source *sources, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum tp_tokrec_end end = tp_tokrec_reader_end(sources[i].reader);
        if (end == TP_TOKREC_CUT)
            tp_warn("%s: cut short; its first %" PRIu64 " events are whole and used",
                    sources[i].path, sources[i].events);
        if (end == TP_TOKREC_DAMAGED)
            tp_warn("%s: damaged; the %" PRIu64 " events before the damage are used",
                    sources[i].path, sources[i].events);
    }
}

static void warn_of_keys(const struct source *sources, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (sources[0].key[0] && sources[i].key[0] && strcmp(sources[0].key, sources[i].key) != 0) {
            tp_warn(
                "%s and %s were recorded with different hash keys, so their calls are not linked "
                "to each other; to link, record both with one TOKPROF_KEY_FILE",
                sources[0].path, sources[i].path);
            return;
        }
}

int tp_input_run(struct tp_model *model, char *const *paths, size_t count)
{
    struct source *sources = calloc(count + 1, sizeof(*sources));
    int r = sources ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = open_source(&sources[i], paths[i]);
    if (r == 0)
        r = feed(model, sources, count);
    if (r == 0) {
        tp_model_finish(model);
        warn_of_ends(sources, count);
        warn_of_keys(sources, count);
    }
    for (size_t i = 0; sources && i < count; i++)
        tp_tokrec_reader_free(sources[i].reader);
    free(sources);
    return r < 0 ? 2 : 0;
}
