/* SPDX-License-Identifier: MIT */
#include "collector/mmaps.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

/* The rings see the mappings of the whole machine, thousands a second where something is built. 128
 * pages are what any user may lock for each CPU (perf_event_mlock_kb). */
#define DATA_PAGES_MIN 16
#define DATA_PAGES_MAX 128
#define DATA_PAGES_TOTAL 1024
#define RECORD_BYTES_MAX 8192 /* a path is at most PATH_MAX */
#define CPUS_MAX 4096
#define DELETED " (deleted)" /* what is appended to the path of an unlinked file */
#define PROCESS_MAPPINGS_MAX 65536

struct cpu_ring {
    int fd;
    struct perf_event_mmap_page *page;
};

struct tp_mmaps {
    struct cpu_ring *cpu;
    size_t cpus;
    size_t map_bytes, data_bytes;
};

/* The fixed part of PERF_RECORD_MMAP2; the file name and the sample_id trailer {pid, tid; time}
 * follow. */
struct mmap2_record {
    struct perf_event_header header;
    uint32_t pid, tid;
    uint64_t addr, len, pgoff;
    uint32_t maj, min;
    uint64_t ino, ino_generation;
    uint32_t prot, flags;
    char filename[];
};

struct sample_id {
    uint32_t pid, tid;
    uint64_t time;
};

static int event_open(int cpu)
{
    struct perf_event_attr attr = {
        .size = sizeof(attr),
        .type = PERF_TYPE_SOFTWARE,
        .config = PERF_COUNT_SW_DUMMY,
        .sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME,
        .mmap = 1,
        .mmap2 = 1,
        .sample_id_all = 1,
        .watermark = 1,
        .wakeup_watermark = 1,
        .use_clockid = 1,
        .clockid = CLOCK_MONOTONIC,
    };
    int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int cpu_open(struct tp_mmaps *m, int cpu, int epoll_fd, uint64_t tag)
{
    struct cpu_ring *ring = &m->cpu[m->cpus];
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = tag};
    int fd = event_open(cpu);
    if (fd < 0)
        return fd;
    void *page = mmap(NULL, m->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev)) {
        int err = -errno;
        if (page != MAP_FAILED)
            munmap(page, m->map_bytes);
        close(fd);
        return err;
    }
    *ring = (struct cpu_ring){.fd = fd, .page = page};
    m->cpus++;
    return 0;
}

/* A power of two. */
static size_t pages_of(long cpus)
{
    size_t pages = DATA_PAGES_MAX;
    while (pages > DATA_PAGES_MIN && pages * (size_t)cpus > DATA_PAGES_TOTAL)
        pages /= 2;
    return pages;
}

static int open_sized(struct tp_mmaps **ret_mmaps, int epoll_fd, uint64_t tag, long cpus,
                      size_t pages)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int err = 0;

    struct tp_mmaps *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    m->data_bytes = pages * page;
    m->map_bytes = page + m->data_bytes;
    m->cpu = calloc((size_t)cpus, sizeof(*m->cpu));
    if (!m->cpu)
        err = -ENOMEM;
    for (int i = 0; i < cpus && !err; i++) {
        err = cpu_open(m, i, epoll_fd, tag);
        if (err == -ENODEV) /* offline */
            err = 0;
    }
    if (err) {
        tp_mmaps_close(m);
        return err;
    }
    *ret_mmaps = m;
    return 0;
}

int tp_mmaps_open(struct tp_mmaps **ret_mmaps, int epoll_fd, uint64_t tag)
{
    long cpus = sysconf(_SC_NPROCESSORS_CONF);

    if (cpus < 1 || cpus > CPUS_MAX)
        return -ERANGE;
    int err = open_sized(ret_mmaps, epoll_fd, tag, cpus, pages_of(cpus));
    if (err == -EPERM) /* what may be locked is used up by others */
        err = open_sized(ret_mmaps, epoll_fd, tag, cpus, DATA_PAGES_MIN);
    return err;
}

void tp_mmaps_close(struct tp_mmaps *mmaps)
{
    if (!mmaps)
        return;
    for (size_t i = 0; i < mmaps->cpus; i++) {
        munmap(mmaps->cpu[i].page, mmaps->map_bytes);
        close(mmaps->cpu[i].fd);
    }
    free(mmaps->cpu);
    free(mmaps);
}

static void copy_out(const struct tp_mmaps *m, const uint8_t *data, uint64_t at, void *to, size_t n)
{
    size_t start = at & (m->data_bytes - 1);
    size_t first = n < m->data_bytes - start ? n : m->data_bytes - start;

    memcpy(to, data + start, first);
    memcpy((uint8_t *)to + first, data, n - first);
}

static void hand_out_mmap2(const struct mmap2_record *r, tp_mapping_fn *each, void *cx)
{
    struct sample_id id;
    size_t n = r->header.size;

    if (n < sizeof(*r) + sizeof(id) || r->filename[0] != '/' || r->filename[1] == '/')
        return;
    size_t name_bytes = n - sizeof(*r) - sizeof(id);
    if (!memchr(r->filename, 0, name_bytes))
        return;
    memcpy(&id, (const uint8_t *)r + n - sizeof(id), sizeof(id));
    const struct tp_mapping mapping = {
        .pid = r->pid,
        .time_ns = id.time,
        .start = r->addr,
        .end = r->addr + r->len,
        .device = makedev(r->maj, r->min),
        .inode = r->ino,
        .path = r->filename,
    };
    each(cx, &mapping);
}

static uint64_t cpu_read(const struct tp_mmaps *m, struct perf_event_mmap_page *page,
                         tp_mapping_fn *each, void *cx)
{
    const uint8_t *data = (const uint8_t *)page + page->data_offset;
    uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
    uint64_t at = page->data_tail, lost = 0;
    union {
        struct perf_event_header header;
        struct mmap2_record mmap2;
        struct {
            struct perf_event_header header;
            uint64_t id, lost;
        } lost;
        uint8_t bytes[RECORD_BYTES_MAX];
    } record;

    while (at < head) {
        copy_out(m, data, at, &record.header, sizeof(record.header));
        size_t n = record.header.size;
        if (n < sizeof(record.header))
            break;
        if (n <= sizeof(record)) {
            copy_out(m, data, at, &record, n);
            if (record.header.type == PERF_RECORD_MMAP2)
                hand_out_mmap2(&record.mmap2, each, cx);
            else if (record.header.type == PERF_RECORD_LOST)
                lost += record.lost.lost;
        }
        at += n;
    }
    __atomic_store_n(&page->data_tail, at, __ATOMIC_RELEASE);
    return lost;
}

uint64_t tp_mmaps_read(struct tp_mmaps *mmaps, tp_mapping_fn *each, void *cx)
{
    uint64_t lost = 0;

    for (size_t i = 0; i < mmaps->cpus; i++)
        lost += cpu_read(mmaps, mmaps->cpu[i].page, each, cx);
    return lost;
}

/* A number and the character that must follow it. */
static bool take_number(const char **at, int base, char then, uint64_t *ret_number)
{
    char *end;

    if (!isxdigit((unsigned char)**at))
        return false;
    errno = 0;
    *ret_number = strtoull(*at, &end, base);
    if (errno || end == *at || *end != then)
        return false;
    *at = end + 1;
    return true;
}

/* "start-end perms offset major:minor inode path" (proc_pid_maps(5)). */
static bool parse_line(const char *line, struct tp_mapping *mapping, bool *ret_executable)
{
    uint64_t offset, major_no, minor_no;
    const char *at = line;

    if (!take_number(&at, 16, '-', &mapping->start) || !take_number(&at, 16, ' ', &mapping->end) ||
        strnlen(at, 5) < 5)
        return false;
    *ret_executable = at[2] == 'x';
    at += 5;
    if (!take_number(&at, 16, ' ', &offset) || !take_number(&at, 16, ':', &major_no) ||
        !take_number(&at, 16, ' ', &minor_no) || !take_number(&at, 10, ' ', &mapping->inode))
        return false;
    mapping->device = makedev((unsigned int)major_no, (unsigned int)minor_no);
    mapping->path = at + strspn(at, " ");
    return true;
}

static void hand_out_line(char *line, uint32_t pid, uint64_t time_ns, tp_mapping_fn *each, void *cx)
{
    struct tp_mapping mapping = {.pid = pid, .time_ns = time_ns};
    bool executable;

    line[strcspn(line, "\n")] = 0;
    if (!parse_line(line, &mapping, &executable))
        return;
    size_t n = strlen(mapping.path), tail = sizeof(DELETED) - 1;
    if (n > tail && strcmp(mapping.path + n - tail, DELETED) == 0)
        line[(size_t)(mapping.path - line) + n - tail] = 0;
    if (executable && mapping.path[0] == '/' && mapping.inode != 0)
        each(cx, &mapping);
}

void tp_mmaps_of_process(uint32_t pid, uint64_t time_ns, tp_mapping_fn *each, void *cx)
{
    char path[64], line[RECORD_BYTES_MAX];

    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/maps", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    for (int i = 0; i < PROCESS_MAPPINGS_MAX && fgets(line, sizeof(line), f); i++)
        hand_out_line(line, pid, time_ns, each, cx);
    fclose(f);
}

static int open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

static bool same_inode(int fd, const struct tp_mapping *m)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_ino == m->inode;
}

static int open_same(const char *path, const struct tp_mapping *m)
{
    int fd = open_file(path);

    if (fd < 0 || same_inode(fd, m))
        return fd;
    close(fd);
    return -ESTALE;
}

/* By the mapping itself, which needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN (proc(5)); else by the
 * process's program, if that is the mapped file. */
static int open_by_process(const struct tp_mapping *m)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/map_files/%" PRIx64 "-%" PRIx64, m->pid,
             m->start, m->end);
    int fd = open_file(path);
    if (fd >= 0)
        return fd;
    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/exe", m->pid);
    return open_same(path, m);
}

/* First as the process sees the path. That may be another file by now (replaced, unlinked, or in a
 * mount namespace that is gone), or behind another user's closed directory: then by the process;
 * last by our own view of the path, for a process that is gone already. Another inode alone proves
 * nothing, for some file systems tell two numbers. */
int tp_mapping_open(const struct tp_mapping *m)
{
    char path[4200];

    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/root%s", m->pid, m->path);
    int as_seen = open_file(path);
    if (as_seen >= 0 && same_inode(as_seen, m))
        return as_seen;
    int fd = open_by_process(m);
    if (fd < 0 && as_seen < 0)
        fd = open_same(m->path, m);
    if (fd < 0)
        return as_seen;
    if (as_seen >= 0)
        close(as_seen);
    return fd;
}
