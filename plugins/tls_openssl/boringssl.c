/* SPDX-License-Identifier: MIT */
#include "exported.h"

static int locate(const struct tp_elf_view *elf, struct tp_tls_location *ret)
{
    if (!exported_has_both_ways(elf) || exported_has(elf, EXPORTED_BY_OPENSSL) ||
        !exported_has(elf, EXPORTED_BY_BORINGSSL))
        return 0;
    return exported_locate(elf, 100, ret);
}

static const struct tp_tls_ops ops = {
    .stack = "boringssl",
    .library = "boringssl",
    .layer = TP_TLS_STREAM,
    .locate = locate,
};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_TLS,
    .name = "tls_boringssl",
    .version = "1",
    .summary = "BoringSSL and AWS-LC where they export the API of OpenSSL",
    .ops.tls = &ops,
};

TP_PLUGIN(plugin);
