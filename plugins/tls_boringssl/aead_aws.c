/* SPDX-License-Identifier: MIT */
#include "aead.h"

static int locate(const struct tp_elf_view *elf, struct tp_tls_location *ret)
{
    return aead_locate(elf, AEAD_AWS, ret);
}

static const struct tp_tls_ops ops = {
    .stack = "rustls",
    .library = "boringssl",
    .layer = TP_TLS_RECORD,
    .marks = aead_marks,
    .locate = locate,
};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_TLS,
    .name = "tls_aead",
    .version = "1",
    .summary = "rustls over AWS-LC inside executables without symbols, at the cipher",
    .ops.tls = &ops,
};

TP_PLUGIN(plugin);
