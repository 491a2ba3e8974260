/* SPDX-License-Identifier: MIT
 * SSL_read and SSL_write of a BoringSSL that was linked into an executable without symbols.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"

/* Reasons, from openssl/err.h and openssl/ssl.h: numbers that cannot change without breaking those
 * who compare them. */
enum {
    SHOULD_NOT_HAVE_BEEN_CALLED = 66,
    BAD_LENGTH = 111,
    HANDSHAKE_FAILURE = 215,
    UNINITIALIZED = 226,
};

#define PATH(text)                                                                                 \
    {                                                                                              \
        "/ssl/" text, sizeof("/ssl/" text) - 1, TP_MARK_ENDING                                     \
    }
static const struct tp_elf_mark marks[] = {PATH("ssl_lib.cc"), PATH("ssl_lib.cc.inc"), {0}};

/* All three of these are refused before a handshake, or without one. */
static bool is_write(const struct error_function *f)
{
    return error_reported(f, SHOULD_NOT_HAVE_BEEN_CALLED) && error_reported(f, UNINITIALIZED) &&
           error_reported(f, HANDSHAKE_FAILURE) && error_reported(f, BAD_LENGTH);
}

/* ssl_read_impl */
static bool is_read_inside(const struct error_function *f)
{
    return error_reported(f, UNINITIALIZED) && error_reported(f, HANDSHAKE_FAILURE) &&
           !error_reported(f, BAD_LENGTH);
}

/* SSL_read reports one error and calls what does the work; or has taken that in. */
static bool is_read(const struct error_function *f, const struct error_function *inside)
{
    if (!error_reported(f, SHOULD_NOT_HAVE_BEEN_CALLED))
        return false;
    return f == inside || (errors_reported(f) == 1 && error_calls(f, inside->start));
}

static const struct error_function *only(const struct error_functions *all,
                                         bool (*is)(const struct error_function *f))
{
    const struct error_function *found = NULL;
    for (size_t i = 0; i < all->count; i++) {
        if (!is(&all->function[i]))
            continue;
        if (found)
            return NULL;
        found = &all->function[i];
    }
    return found;
}

static const struct error_function *only_read(const struct error_functions *all)
{
    const struct error_function *inside = only(all, is_read_inside), *found = NULL;

    for (size_t i = 0; inside && i < all->count; i++) {
        if (!is_read(&all->function[i], inside))
            continue;
        if (found)
            return NULL;
        found = &all->function[i];
    }
    return found;
}

static int refuse(struct tp_tls_location *ret, const char *why)
{
    ret->count = 0;
    snprintf(ret->reason, sizeof(ret->reason), "%s", why);
    return -ENOENT;
}

static int add_site(const struct tp_elf_view *elf, const struct error_function *f,
                    enum tp_tls_site_kind kind, const char *name, struct tp_tls_location *ret)
{
    struct tp_tls_site *site = &ret->sites[ret->count];

    if (!error_function_certain(elf, f) || elf->code(elf->host, f->start, &site->file_offset))
        return -ENOENT;
    site->kind = (uint8_t)kind;
    site->result = TP_TLS_INT;
    site->conn = (struct tp_tls_value)TP_ARGUMENT(1);
    site->data = (struct tp_tls_value)TP_ARGUMENT(2);
    site->length = (struct tp_tls_value)TP_ARGUMENT(3);
    snprintf(site->name, sizeof(site->name), "%s", name);
    ret->count++;
    return 0;
}

static int choose(const struct tp_elf_view *elf, const struct error_functions *all,
                  struct tp_tls_location *ret)
{
    const struct error_function *read = only_read(all), *write = only(all, is_write);

    if (!read || !write || read == write)
        return refuse(ret, "no function is SSL_read, or none SSL_write, for certain");
    if (add_site(elf, read, TP_TLS_READ, "SSL_read", ret) ||
        add_site(elf, write, TP_TLS_WRITE, "SSL_write", ret))
        return refuse(ret, "it is not certain where its functions begin");
    ret->confidence = 90;
    return 1;
}

static int locate(const struct tp_elf_view *elf, struct tp_tls_location *ret)
{
    int result = 0;

    for (size_t i = 0; marks[i].text && result == 0; i++) {
        struct error_functions *all;
        int err = errors_collect(elf, &marks[i], &all);
        if (err == -EOPNOTSUPP || err == -ENOMEM)
            return 0;
        if (err)
            return refuse(ret, "more functions report its errors than it has");
        if (all->count > 0)
            result = choose(elf, all, ret);
        free(all);
    }
    return result;
}

static const struct tp_tls_ops ops = {
    .stack = "boringssl",
    .library = "boringssl",
    .layer = TP_TLS_STREAM,
    .marks = marks,
    .locate = locate,
};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_TLS,
    .name = "tls_boringssl_stripped",
    .version = "1",
    .summary = "BoringSSL inside executables without symbols (Bun), by the errors it reports",
    .ops.tls = &ops,
};

TP_PLUGIN(plugin);
