/* SPDX-License-Identifier: MIT
 * Attaches one program to many places of a file with one link (BPF_TRACE_UPROBE_MULTI, kernel 6.6).
 * It detaches them together too, where single probes wait some 100 ms each for running readers.
 */
#ifndef TP_MULTI_H
#define TP_MULTI_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The running kernel can. */
bool tp_multi_available(void);

/* Before load: the program will be attached by tp_multi_attach() alone. */
void tp_multi_prepare(struct bpf_program *program);

/* The link's descriptor, or negative errno. */
int tp_multi_attach(const struct bpf_program *program, const char *path, const uint64_t *offsets,
                    const uint64_t *cookies, size_t count, bool at_return);

#endif
