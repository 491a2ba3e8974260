/* SPDX-License-Identifier: MIT
 * The BPF programs: loads them, attaches them to files, reads their tables. Owns every link, so
 * that closing it, or the death of this process, leaves no probe behind.
 */
#ifndef TP_ATTACH_H
#define TP_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tokprof/plugin.h>

#include "bpf/shared/record.h"
#include "collector/locate.h"
#include "collector/ring.h"

struct tp_probes;

#define TP_RING_BYTES_DEFAULT (64u * 1024u * 1024u)
#define TP_RING_BYTES_MIN 4096u

struct tp_probes_options {
    size_t ring_bytes; /* a power of two, at least TP_RING_BYTES_MIN and a page; where the kernel
                          refuses so much memory, smaller ones are tried */
    bool plain;        /* the programs for plain sockets too; where the kernel takes them not, it
                          goes on without */
    bool oldest;       /* use nothing that is newer than TP_KERNEL_FLOOR */
};

/* Loads the programs and attaches those that follow processes. 0 or negative errno: -EPERM
 * without the capabilities, others as the kernel says (tp_features_explain() may tell why). */
int tp_probes_open(struct tp_probes **ret_probes, const struct tp_probes_options *options);
/* Which features newer than the floor are in use: bits 1 << enum tp_feature. */
uint32_t tp_probes_features(const struct tp_probes *probes);
/* Starts to look at the sockets of watched processes, which costs every process of the machine a
 * little on each system call. 0 or negative errno. */
int tp_probes_attach_plain(struct tp_probes *probes);
/* Detaches everything. NULL is fine. */
void tp_probes_close(struct tp_probes *probes);

struct tp_ring *tp_probes_data_ring(struct tp_probes *probes);
struct tp_ring *tp_probes_process_ring(struct tp_probes *probes);

/* Attaches all sites of the file open at fd, as of the TLS stack `stack`; all or none. ret_target
 * names what was attached: its records carry it. 0 or negative errno. */
int tp_probes_attach(struct tp_probes *probes, int fd, const struct tp_tls_site *sites,
                     size_t count, uint16_t stack, uint32_t *ret_target);
/* Removes them again. */
void tp_probes_detach(struct tp_probes *probes, uint32_t target);
/* What came by at its cipher functions so far. 0 or negative errno. */
int tp_probes_tally(const struct tp_probes *probes, uint32_t target, struct tp_tally *ret_tally);

/* pid, and whatever it forks from now on, is watched. */
int tp_probes_watch(struct tp_probes *probes, uint32_t pid);
bool tp_probes_watches(const struct tp_probes *probes, uint32_t pid);
/* No longer; what it forked before stays. */
void tp_probes_unwatch(struct tp_probes *probes, uint32_t pid);
/* Each that is watched now, in no order. */
void tp_probes_each_watched(const struct tp_probes *probes, void (*each)(void *cx, uint32_t pid),
                            void *cx);
/* How many processes are watched now. */
size_t tp_probes_watched_count(const struct tp_probes *probes);

/* The ledger, summed over all CPUs. */
int tp_probes_counters(const struct tp_probes *probes, struct tp_counters *ret_sum);

typedef void tp_stream_fn(void *cx, const struct tp_stream_key *key,
                          const struct tp_stream_state *state);

/* Takes streams out of the kernel's table, handing each to `each`: those of `pid` (0: of all) that
 * were first seen before before_ns. Plain connections count as streams. */
void tp_probes_take_streams(struct tp_probes *probes, uint32_t pid, uint64_t before_ns,
                            tp_stream_fn *each, void *cx);

#endif
