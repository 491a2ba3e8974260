/* SPDX-License-Identifier: MIT */
#include "exported.h"

/* SSL_CTX_set_ciphersuites and SSL_read_ex came with 1.1.1; SSL_CTX_get0_certificate is in all
 * of 1.1. */
static int probe(const struct tp_elf_view *elf)
{
    if (!exported_has_both_ways(elf) || exported_has(elf, "SSL_CTX_set_grease_enabled"))
        return 0;
    return exported_has(elf, "SSL_read_ex") || exported_has(elf, "SSL_CTX_get0_certificate") ? 100
                                                                                             : 80;
}

static const struct tp_tls_ops ops = {
    .stack = "openssl",
    .probe = probe,
    .locate = exported_locate,
};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_TLS,
    .name = "tls_openssl",
    .version = "1",
    .summary = "OpenSSL 1.1 and 3, shared or exported by an executable",
    .ops.tls = &ops,
};

TP_PLUGIN(plugin);
