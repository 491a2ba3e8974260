/* SPDX-License-Identifier: MIT
 * Executable mappings as they are made, told by perf (perf_event_open(2): a dummy software event on
 * each CPU whose PERF_RECORD_MMAP2 records come for every process). And the mappings that a process
 * has.
 */
#ifndef TP_MMAPS_H
#define TP_MMAPS_H

#include <stddef.h>
#include <stdint.h>

struct tp_mmaps;

struct tp_mapping {
    uint32_t pid;
    uint64_t time_ns; /* CLOCK_MONOTONIC, when it was made */
    uint64_t start, end;
    uint64_t device; /* as dev_t; may differ from stat's on overlayfs and btrfs */
    uint64_t inode;
    const char *path; /* as the process sees it */
};

typedef void tp_mapping_fn(void *cx, const struct tp_mapping *mapping);

/* Adds its descriptors to the epoll set, with `tag` as their data. 0 or negative errno (-EACCES
 * where perf events are refused). */
int tp_mmaps_open(struct tp_mmaps **ret_mmaps, int epoll_fd, uint64_t tag);
void tp_mmaps_close(struct tp_mmaps *mmaps);

/* Hands out what is there. Returns how many records the kernel had to drop since the last call. */
uint64_t tp_mmaps_read(struct tp_mmaps *mmaps, tp_mapping_fn *each, void *cx);

/* The executable file mappings that pid has now, from /proc/PID/maps; time_ns is passed on. */
void tp_mmaps_of_process(uint32_t pid, uint64_t time_ns, tp_mapping_fn *each, void *cx);

/* Opens the file that is mapped. Its descriptor, or negative errno. */
int tp_mapping_open(const struct tp_mapping *mapping);

#endif
