/* SPDX-License-Identifier: MIT
 * What the stacks of the OpenSSL family have in common: plaintext passes through functions whose
 * names and signatures are public API (SSL_read(3), SSL_write(3)) and that a shared library, or an
 * executable that lends its OpenSSL to add-ons, exports.
 */
#ifndef TP_TLS_OPENSSL_EXPORTED_H
#define TP_TLS_OPENSSL_EXPORTED_H

#include <tokprof/plugin.h>

/* Functions that tell the two apart: early data is done by other means in BoringSSL and its
 * offspring, which alone let a caller switch GREASE (RFC 8701) on. */
#define EXPORTED_BY_OPENSSL "SSL_write_early_data"
#define EXPORTED_BY_BORINGSSL "SSL_CTX_set_grease_enabled"

/* The file defines both SSL_read and SSL_write. */
bool exported_has_both_ways(const struct tp_elf_view *elf);

/* The file defines `name`. */
bool exported_has(const struct tp_elf_view *elf, const char *name);

/* As struct tp_tls_ops.locate, for a file that has both. */
int exported_locate(const struct tp_elf_view *elf, int confidence, struct tp_tls_location *ret);

#endif
