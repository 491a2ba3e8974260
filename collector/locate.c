/* SPDX-License-Identifier: MIT */
#include "collector/locate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/plugins.h"

/* The last of enum tp_tls_site_kind. */
#define KIND_LAST TP_TLS_UP_REF

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

/* The plugin that is surest of this file, or NULL. */
static const struct tp_plugin *identify(const struct tp_elf_view *view, struct tp_location *l)
{
    const struct tp_plugin *plugin, *best = NULL;

    for (size_t i = 0; (plugin = tls_plugin(i)) && i < UINT16_MAX; i++) {
        int confidence = plugin->ops.tls->probe(view);
        if (confidence <= l->confidence)
            continue;
        best = plugin;
        l->confidence = confidence < 100 ? confidence : 100;
        l->stack = (int32_t)i;
    }
    return best;
}

int tp_locate(void *cx, int fd, const char *name, struct tp_location *ret_location)
{
    struct tp_location *l = ret_location;
    struct tp_elf *elf;
    int err = tp_elf_open(&elf, fd, name);

    (void)cx;
    if (err)
        return err;
    memset(l, 0, sizeof(*l));
    l->stack = -1;
    const struct tp_plugin *plugin = identify(tp_elf_view(elf), l);
    if (plugin) {
        int count = plugin->ops.tls->locate(tp_elf_view(elf), l->sites, TP_SITES_MAX);
        l->site_count = count > 0 ? (uint32_t)count : 0;
        for (uint32_t i = 0; i < l->site_count; i++)
            l->sites[i].symbol = NULL;
        tp_elf_build_id(elf, l->build_id);
    }
    tp_elf_close(elf);
    return 0;
}

static bool is_hex_text(const char *text, size_t size)
{
    size_t n = strnlen(text, size);
    return n < size && strspn(text, "0123456789abcdef") == n;
}

bool tp_location_sound(const struct tp_location *location, uint64_t file_bytes)
{
    const struct tp_location *l = location;

    if (l->stack < -1 || (l->stack >= 0 && !tls_plugin((size_t)l->stack)) || l->confidence < 0 ||
        l->confidence > 100 || l->site_count > TP_SITES_MAX ||
        !is_hex_text(l->build_id, sizeof(l->build_id)))
        return false;
    for (uint32_t i = 0; i < l->site_count; i++) {
        const struct tp_tls_site *site = &l->sites[i];
        if ((unsigned int)site->kind > KIND_LAST || site->symbol || site->file_offset >= file_bytes)
            return false;
    }
    return l->stack >= 0 || l->site_count == 0;
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
