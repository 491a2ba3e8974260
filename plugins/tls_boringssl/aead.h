/* SPDX-License-Identifier: MIT
 * The AEAD functions of BoringSSL, and of AWS-LC, which is an offspring of it.
 */
#ifndef TP_TLS_BORINGSSL_AEAD_H
#define TP_TLS_BORINGSSL_AEAD_H

#include <tokprof/plugin.h>

/* Whose source file it is, by its path: other libraries have some of that name, too. */
enum aead_maker { AEAD_NOBODY, AEAD_AWS, AEAD_GOOGLE };

extern const struct tp_elf_mark aead_marks[];

/* As struct tp_tls_ops.locate. */
int aead_locate(const struct tp_elf_view *elf, enum aead_maker maker, struct tp_tls_location *ret);

#endif
