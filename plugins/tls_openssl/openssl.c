/* SPDX-License-Identifier: MIT */
#include "exported.h"

/* The early-data API of 1.1.1 and 3 settles it at once. 1.1.0 has none, as BoringSSL has none. */
static int locate(const struct tp_elf_view *elf, struct tp_tls_location *ret)
{
    if (!exported_has_both_ways(elf))
        return 0;
    if (exported_has(elf, EXPORTED_BY_OPENSSL))
        return exported_locate(elf, 100, ret);
    return exported_has(elf, EXPORTED_BY_BORINGSSL) ? 0 : exported_locate(elf, 80, ret);
}

static const struct tp_tls_ops ops = {
    .stack = "openssl",
    .library = "openssl",
    .layer = TP_TLS_STREAM,
    .locate = locate,
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
