/* SPDX-License-Identifier: MIT */
#include "collector/locate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/plugins.h"

#define PIECE_BYTES (256u * 1024u)
#define OVERLAP_BYTES 64u                     /* more than any text that is looked for */
#define SEARCH_BYTES_MAX (512u * 1024 * 1024) /* of one executable */

/* Names of source files and functions. */
static const struct {
    const char *text, *stack;
} traces[] = {{"crypto/tls.(*Conn)", "go"},
              {"rustls-", "rustls"},
              {"boringssl/ssl/ssl_lib", "boringssl"},
              {"ssl/record/rec_layer_s3.c", "openssl"}};

static const struct tp_plugin *tls_plugin(size_t n)
{
    const struct tp_plugin *plugin;

    for (size_t i = 0; (plugin = tp_plugin_at(i)); i++) {
        if (plugin->kind == TP_PLUGIN_TLS && n-- == 0)
            return plugin;
    }
    return NULL;
}

const char *tp_stack_name(uint16_t cookie)
{
    const struct tp_plugin *plugin = tls_plugin(cookie);
    return plugin ? plugin->ops.tls->stack : "unknown";
}

/* Text of plugins is shown to people. */
static void settle(struct tp_tls_location *at, int result)
{
    at->reason[sizeof(at->reason) - 1] = 0;
    if (result < 0 || at->count == 0 || at->count > TP_TLS_SITES_MAX) {
        at->count = 0;
        at->confidence = 0;
    } else {
        at->reason[0] = 0;
    }
    if (at->confidence > 100)
        at->confidence = 100;
    if (at->count == 0 && !at->reason[0])
        snprintf(at->reason, sizeof(at->reason), "its read and write functions were not found");
}

static bool is_over(const struct tp_tls_ops *ops, const char *library)
{
    for (const char *const *l = ops->over; l && *l; l++)
        if (strcmp(*l, library) == 0)
            return true;
    return false;
}

/* Both would see the same bytes: the program's own calls tell more than the cipher below them. */
static bool yields(const struct tp_found *f, const struct tp_found *to)
{
    const struct tp_tls_ops *ops = tls_plugin((size_t)f->stack)->ops.tls;
    const struct tp_tls_ops *other = tls_plugin((size_t)to->stack)->ops.tls;

    if (f == to)
        return false;
    if (ops->layer == TP_TLS_RECORD && to->at.count > 0 && is_over(other, ops->library))
        return true;
    if (strcmp(ops->library, other->library) != 0)
        return false;
    if ((f->at.count == 0) != (to->at.count == 0))
        return f->at.count == 0;
    if (ops->layer != other->layer)
        return ops->layer == TP_TLS_RECORD;
    return f->at.confidence < to->at.confidence ||
           (f->at.confidence == to->at.confidence && f > to);
}

static void drop_lesser(struct tp_location *l)
{
    bool keep[TP_STACKS_MAX];
    uint32_t kept = 0;

    for (uint32_t i = 0; i < l->found_count; i++) {
        keep[i] = true;
        for (uint32_t k = 0; k < l->found_count; k++)
            keep[i] = keep[i] && !yields(&l->found[i], &l->found[k]);
    }
    for (uint32_t i = 0; i < l->found_count; i++) {
        if (keep[i] && kept != i)
            l->found[kept] = l->found[i];
        kept += keep[i];
    }
    l->found_count = kept;
}

/* Its program's own calls are found for certain: nothing that is found otherwise can be better, and
 * a search takes time in which a process may begin to talk. */
static bool is_certain(const struct tp_location *l, const struct tp_tls_ops *ops)
{
    for (uint32_t i = 0; i < l->found_count; i++) {
        const struct tp_found *f = &l->found[i];
        const struct tp_tls_ops *found = tls_plugin((size_t)f->stack)->ops.tls;
        if (f->at.count > 0 && f->at.confidence == 100 && found->layer == TP_TLS_STREAM &&
            strcmp(found->library, ops->library) == 0)
            return true;
    }
    return false;
}

static void ask_plugins(struct tp_elf *elf, struct tp_location *l)
{
    const struct tp_plugin *plugin;

    for (size_t i = 0; (plugin = tls_plugin(i)) && i < UINT16_MAX; i++)
        tp_elf_add_marks(elf, plugin->ops.tls->marks);
    for (size_t i = 0; (plugin = tls_plugin(i)) && i < UINT16_MAX; i++) {
        if (l->found_count == TP_STACKS_MAX)
            return;
        if (is_certain(l, plugin->ops.tls))
            continue;
        struct tp_found *f = &l->found[l->found_count];
        memset(f, 0, sizeof(*f));
        f->stack = (int32_t)i;
        int result = plugin->ops.tls->locate(tp_elf_view(elf), &f->at);
        if (result == 0)
            continue;
        settle(&f->at, result);
        l->found_count++;
    }
}

int tp_locate(void *cx, int fd, const char *name, struct tp_location *ret_location)
{
    struct tp_elf *elf;
    int err = tp_elf_open(&elf, fd, name);

    (void)cx;
    if (err)
        return err;
    memset(ret_location, 0, sizeof(*ret_location));
    ask_plugins(elf, ret_location);
    drop_lesser(ret_location);
    if (ret_location->found_count > 0)
        tp_elf_build_id(elf, ret_location->build_id);
    tp_elf_close(elf);
    return 0;
}

static bool is_hex_text(const char *text, size_t size)
{
    size_t n = strnlen(text, size);
    return n < size && strspn(text, "0123456789abcdef") == n;
}

static bool is_plain_text(const char *text, size_t size)
{
    size_t n = strnlen(text, size);

    for (size_t i = 0; i < n; i++) {
        if (text[i] < ' ' || text[i] > '~')
            return false;
    }
    return n < size;
}

static bool value_sound(const struct tp_tls_value *v)
{
    return v->loads <= 2 && v->base < TP_BASE_REGISTER + 64;
}

static bool site_sound(const struct tp_tls_site *s, uint64_t file_bytes)
{
    const struct tp_tls_value *const values[] = {
        &s->conn,      &s->data, &s->length, &s->count, &s->thread,       &s->stack_top, &s->ad,
        &s->ad_length, &s->wire, &s->nonce,  &s->extra, &s->extra_length, &s->tag};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (!value_sound(values[i]))
            return false;
    return s->kind < TP_TLS_SITE_KINDS && s->result < TP_TLS_RESULTS &&
           s->file_offset < file_bytes && is_plain_text(s->name, sizeof(s->name));
}

static bool found_sound(const struct tp_found *f, uint64_t file_bytes)
{
    if (f->stack < 0 || !tls_plugin((size_t)f->stack) || f->at.confidence < 0 ||
        f->at.confidence > 100 || f->at.count > TP_TLS_SITES_MAX ||
        !is_plain_text(f->at.reason, sizeof(f->at.reason)))
        return false;
    for (uint32_t i = 0; i < f->at.count; i++)
        if (!site_sound(&f->at.sites[i], file_bytes))
            return false;
    return true;
}

bool tp_location_sound(const struct tp_location *location, uint64_t file_bytes)
{
    if (location->found_count > TP_STACKS_MAX ||
        !is_hex_text(location->build_id, sizeof(location->build_id)) || location->why[0])
        return false;
    for (uint32_t i = 0; i < location->found_count; i++)
        if (!found_sound(&location->found[i], file_bytes))
            return false;
    return true;
}

static int trace_in(const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++) {
        if (memmem(data, n, traces[i].text, strlen(traces[i].text)))
            return (int)i;
    }
    return -1;
}

int tp_trace_search(int fd)
{
    uint8_t *piece = malloc(PIECE_BYTES);
    int found = -1;
    ssize_t n;

    for (off_t at = 0; piece && found < 0 && at < (off_t)SEARCH_BYTES_MAX;
         at += n - (off_t)OVERLAP_BYTES) {
        n = pread(fd, piece, PIECE_BYTES, at);
        if (n <= (ssize_t)OVERLAP_BYTES)
            break;
        found = trace_in(piece, (size_t)n);
    }
    free(piece);
    return found;
}

const char *tp_trace_stack(int number)
{
    bool known = number >= 0 && (size_t)number < sizeof(traces) / sizeof(traces[0]);
    return known ? traces[number].stack : NULL;
}
