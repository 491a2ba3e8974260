/* SPDX-License-Identifier: MIT */
#include "collector/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <tokprof/event.h>
#include <unistd.h>

#include "common/log.h"
#include "common/unpack.h"

#define USES_MAX 16 /* tools of one call */

static bool is_stdout(const char *path)
{
    return strcmp(path, "-") == 0;
}

static int open_stdout(void)
{
    if (isatty(STDOUT_FILENO)) {
        tp_error(
            "-o -: events are binary and standard output is a terminal; pipe it into something");
        return -ENOTTY;
    }
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? -errno : fd;
}

/* As perf does: the last recording is one step away, not lost. Only plain files are moved. */
static void keep_old(const char *path)
{
    char old[4096];
    struct stat st;

    if (lstat(path, &st) || !S_ISREG(st.st_mode) || st.st_size == 0)
        return;
    if (snprintf(old, sizeof(old), "%s.old", path) < (int)sizeof(old) && rename(path, old))
        tp_warn("%s: cannot be kept as %s: %s", path, old, strerror(errno));
}

static int open_file(const char *path, const struct tp_identity *user)
{
    tp_identity_files_begin(user);
    keep_old(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    int err = fd < 0 ? -errno : 0;
    tp_identity_files_end(user);
    if (err)
        tp_error("%s: cannot be written: %s; choose another place with -o", path, strerror(-err));
    return err ? err : fd;
}

void tp_output_init(struct tp_output *output, const struct tp_identity *user)
{
    struct tp_output *o = output;
    char path[4352];

    memset(o, 0, sizeof(*o));
    tp_identity_files_begin(user);
    int has_own = tp_prices_path(path, sizeof(path), user->home) == 1;
    int err = tp_prices_load(&o->prices, has_own ? path : NULL);
    tp_identity_files_end(user);
    if (err && has_own) {
        tp_warn("%s: prices not used: %s", path, strerror(-err));
        err = tp_prices_load(&o->prices, NULL);
    }
    if (err)
        o->prices = NULL;
}

int tp_output_open(const char *path, const struct tp_identity *user)
{
    return is_stdout(path) ? open_stdout() : open_file(path, user);
}

int tp_output_begin(struct tp_output *output, int fd, const char *path)
{
    return tp_tokrec_writer_new(&output->writer, fd,
                                is_stdout(path) ? TP_TOKREC_STREAM : TP_TOKREC_FILE);
}

int tp_output_close(struct tp_output *output)
{
    int err = tp_tokrec_close(output->writer);

    output->writer = NULL;
    tp_prices_free(output->prices);
    output->prices = NULL;
    return output->error ? output->error : err;
}

static const char *text_of(const msgpack_object *event, const char *key, char *buf, size_t size)
{
    const msgpack_object *o = tp_unpack_get(event, key);

    buf[0] = 0;
    if (o && o->type == MSGPACK_OBJECT_STR)
        snprintf(buf, size, "%.*s", (int)o->via.str.size, o->via.str.ptr);
    return buf;
}

static int64_t tokens_of(const msgpack_object *usage, const char *key)
{
    uint64_t n;
    return tp_unpack_u64(tp_unpack_get(usage, key), &n) && n <= INT64_MAX ? (int64_t)n : -1;
}

static size_t uses_of(const msgpack_object *event, char names[][64], struct tp_price_use *uses,
                      size_t max)
{
    const msgpack_object *map = tp_unpack_get(event, TP_K_SERVER_TOOLS);
    size_t n = 0;
    for (uint32_t i = 0; map && map->type == MSGPACK_OBJECT_MAP && i < map->via.map.size; i++) {
        const msgpack_object *key = &map->via.map.ptr[i].key;
        uint64_t count;
        if (n == max || key->type != MSGPACK_OBJECT_STR ||
            !tp_unpack_u64(&map->via.map.ptr[i].val, &count) || count > INT64_MAX)
            continue;
        snprintf(names[n], 64, "%.*s", (int)key->via.str.size, key->via.str.ptr);
        uses[n] = (struct tp_price_use){names[n], (int64_t)count};
        n++;
    }
    return n;
}

static void cost_add(struct tp_output *o, const struct tp_cost *cost)
{
    if (!o->currency[0])
        memcpy(o->currency, cost->currency, sizeof(o->currency));
    if (strcmp(o->currency, cost->currency) != 0)
        o->mixed_currency_calls++;
    else
        o->cost_nano += cost->nano;
}

static void price_call(struct tp_output *o, const msgpack_object *event)
{
    char provider[128], server[256], model[256], asked[256];
    const msgpack_object *usage = tp_unpack_get(event, TP_K_USAGE);
    char names[USES_MAX][64];
    struct tp_price_use uses[USES_MAX];
    struct tp_cost cost;
    struct tp_price_query query = {
        .provider = text_of(event, TP_K_PROVIDER, provider, sizeof(provider)),
        .server = text_of(event, TP_K_SERVER, server, sizeof(server)),
        .model = text_of(event, TP_K_MODEL, model, sizeof(model)),
        .model_asked = text_of(event, TP_K_MODEL_REQ, asked, sizeof(asked)),
        .input_tokens = tokens_of(usage, TP_U_INPUT),
        .cache_read_tokens = tokens_of(usage, TP_U_CACHE_READ),
        .cache_write_tokens = tokens_of(usage, TP_U_CACHE_WRITE),
        .cache_write_5m_tokens = tokens_of(usage, TP_U_CACHE_WRITE_5M),
        .cache_write_1h_tokens = tokens_of(usage, TP_U_CACHE_WRITE_1H),
        .output_tokens = tokens_of(usage, TP_U_OUTPUT),
        .reasoning_tokens = tokens_of(usage, TP_U_REASONING),
        .uses = uses,
        .use_count = uses_of(event, names, uses, USES_MAX),
    };

    tp_unpack_u64(tp_unpack_get(event, TP_K_TIME), &query.time_unix_ns);
    if (tp_prices_cost(o->prices, &query, &cost))
        cost_add(o, &cost);
    else
        o->unpriced_calls++;
}

static void price_event(struct tp_output *o, const void *data, size_t n)
{
    msgpack_unpacked u;

    if (!o->prices)
        return;
    msgpack_unpacked_init(&u);
    if (msgpack_unpack_next(&u, data, n, NULL) == MSGPACK_UNPACK_SUCCESS &&
        tp_unpack_is(tp_unpack_get(&u.data, TP_K_KIND), TP_KIND_CALL))
        price_call(o, &u.data);
    msgpack_unpacked_destroy(&u);
}

static int on_event(void *cx, const void *data, size_t n)
{
    struct tp_output *o = cx;
    if (!o->writer)
        return -EBADF;
    int err = tp_tokrec_write(o->writer, data, n);

    if (err && !o->error)
        o->error = err;
    price_event(o, data, n);
    return err;
}

struct tp_sink tp_output_sink(struct tp_output *output)
{
    return (struct tp_sink){.cx = output, .event = on_event};
}

void tp_output_flush(struct tp_output *output)
{
    int err = tp_tokrec_flush(output->writer);
    if (err && !output->error)
        output->error = err;
}

bool tp_output_cost(const struct tp_output *output, uint64_t *ret_nano, char ret_currency[4])
{
    if (!output->currency[0] || output->mixed_currency_calls)
        return false;
    *ret_nano = output->cost_nano;
    memcpy(ret_currency, output->currency, sizeof(output->currency));
    return true;
}
