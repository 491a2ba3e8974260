/* SPDX-License-Identifier: MIT */
#include "collector/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/features.h"
#include "collector/multi.h"
#include "collector/sites.h"
#include "common/log.h"
#include "tls.skel.h"

#define DROP_THREADS_MAX 32

/* Targets count from 1; links of no target have 0. */
#define NO_TARGET 0u

/* One of libbpf's, or a bare descriptor. */
struct link {
    struct bpf_link *link;
    int fd;
    uint32_t target;
};

struct tp_probes {
    struct tls_bpf *skel;
    struct tp_ring data, process;
    struct link *links;
    size_t links_len, links_cap;
    struct tp_site_row *rows; /* as in the kernel's table */
    size_t row_count;
    uint32_t targets; /* how many there were */
    bool multi;
    bool syscalls;    /* the programs at system calls are loaded */
    bool at_syscalls; /* ... and attached */
};

_Static_assert((int)TP_SITE_WRITE == TP_TLS_WRITE && (int)TP_SITE_READ == TP_TLS_READ &&
                   (int)TP_SITE_NEW == TP_TLS_NEW && (int)TP_SITE_FREE == TP_TLS_FREE &&
                   (int)TP_SITE_UP_REF == TP_TLS_UP_REF && (int)TP_SITE_SEAL == TP_TLS_SEAL &&
                   (int)TP_SITE_OPEN == TP_TLS_OPEN && (int)TP_SITE_LEAVE == TP_TLS_LEAVE,
               "kinds of sites");
_Static_assert((int)TP_RESULT_INT == TP_TLS_INT && (int)TP_RESULT_LONG == TP_TLS_LONG &&
                   (int)TP_RESULT_COUNT_AT == TP_TLS_COUNT_AT && (int)TP_RESULT_ALL == TP_TLS_ALL &&
                   (int)TP_RESULT_AT_ONCE == TP_TLS_AT_ONCE,
               "kinds of results");

static int libbpf_says(enum libbpf_print_level level, const char *fmt, va_list args)
{
    char line[1024];

    if (level > LIBBPF_INFO)
        return 0;
    vsnprintf(line, sizeof(line), fmt, args);
    line[strcspn(line, "\n")] = 0;
    tp_debug("%s", line);
    return 0;
}

static void link_drop(struct link link)
{
    if (link.link)
        bpf_link__destroy(link.link);
    else
        close(link.fd);
}

static int link_keep(struct tp_probes *p, struct link link)
{
    if (p->links_len == p->links_cap) {
        size_t cap = p->links_cap ? 2 * p->links_cap : 64;
        struct link *grown = reallocarray(p->links, cap, sizeof(*grown));
        if (!grown) {
            link_drop(link);
            return -ENOMEM;
        }
        p->links = grown;
        p->links_cap = cap;
    }
    p->links[p->links_len++] = link;
    return 0;
}

/* Links that several threads take from, each the next one. */
struct dropping {
    const struct link *links;
    size_t count;
    size_t next;
};

static void *drop_some(void *arg)
{
    struct dropping *d = arg;
    size_t i;

    while ((i = __atomic_fetch_add(&d->next, 1, __ATOMIC_RELAXED)) < d->count)
        link_drop(d->links[i]);
    return NULL;
}

/* Each waits in the kernel for its readers, some 50 to 100 ms: they wait together. */
static void links_drop(struct tp_probes *p, size_t keep)
{
    struct dropping d = {.links = p->links + keep, .count = p->links_len - keep};
    pthread_t thread[DROP_THREADS_MAX];
    size_t threads = 0;

    while (threads < DROP_THREADS_MAX && threads + 1 < d.count &&
           pthread_create(&thread[threads], NULL, drop_some, &d) == 0)
        threads++;
    drop_some(&d);
    for (size_t i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    p->links_len = keep;
}

/* The row of the kernel's table that says how such a site is read; a new one where there is none.
 */
static int row_number(struct tp_probes *p, const struct tp_tls_site *site, uint16_t stack)
{
    struct tp_site_row row;
    int err = tp_site_row_make(&row, site, stack);

    if (err)
        return err;
    for (size_t i = 0; i < p->row_count; i++)
        if (memcmp(&p->rows[i], &row, sizeof(row)) == 0)
            return (int)i;
    if (p->row_count == TP_SITE_ROWS_MAX)
        return -ENOSPC;
    uint32_t number = (uint32_t)p->row_count;
    if (bpf_map_update_elem(bpf_map__fd(p->skel->maps.sites), &number, &row, BPF_ANY))
        return -errno;
    p->rows[p->row_count++] = row;
    return (int)number;
}

/* The sites of one file that are probed at entry, or at return. */
struct places {
    uint64_t offset[TP_TLS_SITES_MAX], cookie[TP_TLS_SITES_MAX];
    size_t count;
    bool at_return;
};

static bool has_place(const struct tp_tls_site *site, bool at_return)
{
    switch (site->kind) {
    case TP_TLS_NEW:
        return at_return;
    case TP_TLS_FREE:
    case TP_TLS_UP_REF:
    case TP_TLS_LEAVE:
        return !at_return;
    default:
        return !at_return || (site->result != TP_TLS_AT_ONCE && site->thread.base == TP_BASE_NONE);
    }
}

static int places_pick(struct tp_probes *p, struct places *places, const struct tp_tls_site *sites,
                       size_t count, uint16_t stack)
{
    for (size_t i = 0; i < count; i++) {
        if (!has_place(&sites[i], places->at_return))
            continue;
        int row = row_number(p, &sites[i], stack);
        if (row < 0)
            return row;
        places->offset[places->count] = sites[i].file_offset;
        places->cookie[places->count++] = TP_COOKIE((uint32_t)row, p->targets);
    }
    return 0;
}

static int attach_each(struct tp_probes *p, struct bpf_program *program, const char *path,
                       const struct places *places)
{
    for (size_t i = 0; i < places->count; i++) {
        LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = places->at_return,
                    .bpf_cookie = places->cookie[i]);
        struct link link = {
            .link = bpf_program__attach_uprobe_opts(program, -1, path, places->offset[i], &opts),
            .target = p->targets};
        int err = link.link ? link_keep(p, link) : -errno;
        if (err)
            return err;
    }
    return 0;
}

static int attach_places(struct tp_probes *p, const char *path, const struct places *places)
{
    struct bpf_program *program =
        places->at_return ? p->skel->progs.on_return : p->skel->progs.on_entry;

    if (places->count == 0)
        return 0;
    if (!p->multi)
        return attach_each(p, program, path, places);
    struct link link = {.fd = tp_multi_attach(program, path, places->offset, places->cookie,
                                              places->count, places->at_return),
                        .target = p->targets};
    return link.fd < 0 ? link.fd : link_keep(p, link);
}

static bool wants_sockets(const struct tp_tls_site *sites, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (sites[i].kind == TP_TLS_SEAL || sites[i].kind == TP_TLS_OPEN)
            return true;
    return false;
}

/* Returns first: a call that enters in between is then counted (no entry), not missed. */
int tp_probes_attach(struct tp_probes *probes, int fd, const struct tp_tls_site *sites,
                     size_t count, uint16_t stack, uint32_t *ret_target)
{
    size_t before = probes->links_len;
    struct places returns = {.at_return = true}, entries = {.at_return = false};
    char path[64];

    if (count > TP_TLS_SITES_MAX || probes->targets + 1 >= TP_TARGETS_MAX)
        return -E2BIG;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    probes->targets++;
    int err = places_pick(probes, &returns, sites, count, stack);
    if (!err)
        err = places_pick(probes, &entries, sites, count, stack);
    if (!err && wants_sockets(sites, count))
        tp_probes_attach_plain(probes);
    if (!err)
        err = attach_places(probes, path, &returns);
    if (!err)
        err = attach_places(probes, path, &entries);
    if (err)
        links_drop(probes, before);
    else
        *ret_target = probes->targets;
    return err;
}

/* Its links are moved to the end, to be dropped together. */
void tp_probes_detach(struct tp_probes *probes, uint32_t target)
{
    size_t keep = 0;

    for (size_t i = 0; i < probes->links_len; i++) {
        if (probes->links[i].target == target)
            continue;
        struct link other = probes->links[keep];
        probes->links[keep++] = probes->links[i];
        probes->links[i] = other;
    }
    links_drop(probes, keep);
}

int tp_probes_tally(const struct tp_probes *probes, uint32_t target, struct tp_tally *ret_tally)
{
    int fd = bpf_map__fd(probes->skel->maps.tallies);
    return bpf_map_lookup_elem(fd, &target, ret_tally) ? -errno : 0;
}

/* Before 5.11, maps count against RLIMIT_MEMLOCK. */
static void raise_limits(void)
{
    const struct rlimit endless = {RLIM_INFINITY, RLIM_INFINITY};
    struct rlimit files;

    setrlimit(RLIMIT_MEMLOCK, &endless);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* The first one has a fixed inode number, PROC_PID_INIT_INO (include/linux/proc_ns.h). */
static bool in_first_pid_namespace(void)
{
    struct stat st;
    return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == 0xEFFFFFFCu;
}

/* The program sees this very thread, so that it finds our namespace; it returns our number there.
 */
static int pid_namespace_find(struct tls_bpf *skel)
{
    LIBBPF_OPTS(bpf_test_run_opts, opts);
    int err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.find_pid_namespace), &opts);

    if (err)
        return err;
    return opts.retval == (uint32_t)gettid() ? 0 : -ESRCH;
}

/* Before loading: leaves out what looks at plain sockets. */
static void plain_omit(struct tls_bpf *skel)
{
    struct bpf_program *programs[] = {skel->progs.on_syscall_entry, skel->progs.on_syscall_return,
                                      skel->progs.on_io_uring_request, skel->progs.on_io_uring_sqe};

    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
        bpf_program__set_autoload(programs[i], false);
    bpf_map__set_max_entries(skel->maps.sockets, 1);
    bpf_map__set_max_entries(skel->maps.clients, 1);
    bpf_map__set_max_entries(skel->maps.entered, 1);
}

/* Which programs to load. */
struct programs {
    size_t ring_bytes;
    bool multi;
    bool syscalls; /* those at system calls */
    bool plain;    /* ... are to look for plain HTTP */
};

static int skeleton_load(struct tls_bpf **ret_skel, const struct programs *programs)
{
    struct tls_bpf *skel = tls_bpf__open();
    if (!skel)
        return -errno;
    bpf_map__set_max_entries(skel->maps.data_ring, (uint32_t)programs->ring_bytes);
    skel->rodata->wake_bytes = programs->ring_bytes / 16;
    skel->rodata->first_pid_namespace = in_first_pid_namespace();
    skel->rodata->plain_wanted = programs->plain;
    if (!programs->syscalls)
        plain_omit(skel);
    if (programs->multi) {
        tp_multi_prepare(skel->progs.on_entry);
        tp_multi_prepare(skel->progs.on_return);
    }
    int err = tls_bpf__load(skel);
    if (!err && !skel->rodata->first_pid_namespace)
        err = pid_namespace_find(skel);
    if (err) {
        tls_bpf__destroy(skel);
        return err;
    }
    *ret_skel = skel;
    return 0;
}

static int skeleton_load_fitting(struct tls_bpf **ret_skel, struct programs programs)
{
    for (;;) {
        int err = skeleton_load(ret_skel, &programs);
        if (err != -ENOMEM && err != -EPERM)
            return err;
        if (programs.ring_bytes < 2 * 1024 * 1024)
            return err;
        programs.ring_bytes /= 4;
        tp_debug("no room for the ring buffer: trying %zu bytes", programs.ring_bytes);
    }
}

static int processes_attach(struct tp_probes *p)
{
    struct bpf_program *programs[] = {p->skel->progs.on_fork, p->skel->progs.on_exec,
                                      p->skel->progs.on_exit};

    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        struct link link = {.link = bpf_program__attach(programs[i])};
        int err = link.link ? link_keep(p, link) : -errno;
        if (err)
            return err;
    }
    return 0;
}

/* How io_uring names its requests differs by kernel: at most one of the two is there. Once. */
int tp_probes_attach_plain(struct tp_probes *probes)
{
    struct bpf_program *needed[] = {probes->skel->progs.on_syscall_return,
                                    probes->skel->progs.on_syscall_entry};
    struct bpf_program *wanted[] = {probes->skel->progs.on_io_uring_request,
                                    probes->skel->progs.on_io_uring_sqe};
    size_t before = probes->links_len;
    int err = probes->syscalls ? 0 : -EOPNOTSUPP;

    if (probes->at_syscalls)
        return 0;
    for (size_t i = 0; i < 2 && !err; i++) {
        struct link link = {.link = bpf_program__attach(needed[i])};
        err = link.link ? link_keep(probes, link) : -errno;
    }
    for (size_t i = 0; i < 2 && !err; i++) {
        struct link link = {.link = bpf_program__attach(wanted[i])};
        err = link.link ? link_keep(probes, link) : 0;
    }
    if (err)
        links_drop(probes, before);
    probes->at_syscalls = !err;
    return err;
}

static int ring_init(struct tp_ring *ring, const struct bpf_map *map)
{
    return tp_ring_init(ring, bpf_map__fd(map), bpf_map__max_entries(map));
}

int tp_probes_open(struct tp_probes **ret_probes, const struct tp_probes_options *options)
{
    struct tp_probes *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    libbpf_set_print(libbpf_says);
    raise_limits();
    p->multi = tp_feature_is_here(TP_FEATURE_MULTI, options->oldest);
    tp_debug("probes by %s%s", p->multi ? "uprobe_multi" : "perf events, one a place",
             options->oldest ? ", as on kernel " TP_KERNEL_FLOOR : "");
    struct programs programs = {.ring_bytes = options->ring_bytes,
                                .multi = p->multi,
                                .syscalls = true,
                                .plain = options->plain};
    int err = skeleton_load_fitting(&p->skel, programs);
    if (err && err != -EPERM) {
        programs.syscalls = false;
        err = skeleton_load_fitting(&p->skel, programs);
    }
    p->syscalls = programs.syscalls;
    p->rows = err ? NULL : calloc(TP_SITE_ROWS_MAX, sizeof(*p->rows));
    if (!err && !p->rows)
        err = -ENOMEM;
    if (!err)
        err = ring_init(&p->data, p->skel->maps.data_ring);
    if (!err)
        err = ring_init(&p->process, p->skel->maps.process_ring);
    if (!err)
        err = processes_attach(p);
    if (err) {
        tp_probes_close(p);
        return err;
    }
    *ret_probes = p;
    return 0;
}

void tp_probes_close(struct tp_probes *probes)
{
    if (!probes)
        return;
    links_drop(probes, 0);
    free(probes->links);
    free(probes->rows);
    tp_ring_done(&probes->data);
    tp_ring_done(&probes->process);
    tls_bpf__destroy(probes->skel);
    free(probes);
}

uint32_t tp_probes_features(const struct tp_probes *probes)
{
    return probes->multi ? 1u << TP_FEATURE_MULTI : 0;
}

struct tp_ring *tp_probes_data_ring(struct tp_probes *probes)
{
    return &probes->data;
}

struct tp_ring *tp_probes_process_ring(struct tp_probes *probes)
{
    return &probes->process;
}

int tp_probes_watch(struct tp_probes *probes, uint32_t pid)
{
    if (bpf_map_update_elem(bpf_map__fd(probes->skel->maps.watched), &pid, &pid, BPF_ANY))
        return -errno;
    return 0;
}

void tp_probes_unwatch(struct tp_probes *probes, uint32_t pid)
{
    bpf_map_delete_elem(bpf_map__fd(probes->skel->maps.watched), &pid);
}

bool tp_probes_watches(const struct tp_probes *probes, uint32_t pid)
{
    uint32_t root;
    return bpf_map_lookup_elem(bpf_map__fd(probes->skel->maps.watched), &pid, &root) == 0;
}

void tp_probes_each_watched(const struct tp_probes *probes, void (*each)(void *cx, uint32_t pid),
                            void *cx)
{
    int fd = bpf_map__fd(probes->skel->maps.watched);
    uint32_t pid, next;
    int more = bpf_map_get_next_key(fd, NULL, &pid) == 0;

    for (; more; pid = next) {
        more = bpf_map_get_next_key(fd, &pid, &next) == 0;
        each(cx, pid);
    }
}

static void count_one(void *cx, uint32_t pid)
{
    (void)pid;
    ++*(size_t *)cx;
}

size_t tp_probes_watched_count(const struct tp_probes *probes)
{
    size_t count = 0;

    tp_probes_each_watched(probes, count_one, &count);
    return count;
}

static void counters_add(struct tp_counters *sum, const struct tp_counters *c)
{
    sum->seen_bytes += c->seen_bytes;
    sum->copied_bytes += c->copied_bytes;
    sum->records += c->records;
    sum->lost_processes += c->lost_processes;
    for (int i = 0; i < TP_LOSS_REASONS; i++) {
        sum->lost_bytes[i] += c->lost_bytes[i];
        sum->lost_records[i] += c->lost_records[i];
    }
    for (int i = 0; i < TP_UNSEEN_WAYS; i++)
        sum->unseen[i] += c->unseen[i];
}

int tp_probes_counters(const struct tp_probes *probes, struct tp_counters *ret_sum)
{
    int cpus = libbpf_num_possible_cpus();
    const uint32_t zero = 0;

    if (cpus < 1)
        return -EINVAL;
    struct tp_counters *each = calloc((size_t)cpus, sizeof(*each));
    if (!each)
        return -ENOMEM;
    int err =
        bpf_map_lookup_elem(bpf_map__fd(probes->skel->maps.counters), &zero, each) ? -errno : 0;
    if (!err) {
        memset(ret_sum, 0, sizeof(*ret_sum));
        for (int i = 0; i < cpus; i++)
            counters_add(ret_sum, &each[i]);
    }
    free(each);
    return err;
}

/* The next key is found before this one is deleted: a deleted key would start the walk again. */
static void take_tls(struct tp_probes *probes, uint32_t pid, uint64_t before_ns, tp_stream_fn *each,
                     void *cx)
{
    int fd = bpf_map__fd(probes->skel->maps.streams);
    struct tp_stream_key key, next;
    int more = bpf_map_get_next_key(fd, NULL, &key) == 0;

    while (more) {
        struct tp_stream_state state;
        more = bpf_map_get_next_key(fd, &key, &next) == 0;
        if ((pid == 0 || key.pid == pid) && bpf_map_lookup_elem(fd, &key, &state) == 0 &&
            state.generation < before_ns && bpf_map_delete_elem(fd, &key) == 0)
            each(cx, &key, &state);
        key = next;
    }
}

static void take_plain(struct tp_probes *probes, uint32_t pid, uint64_t before_ns,
                       tp_stream_fn *each, void *cx)
{
    int fd = bpf_map__fd(probes->skel->maps.sockets);
    uint64_t conn, next;
    int more = bpf_map_get_next_key(fd, NULL, &conn) == 0;

    while (more) {
        struct tp_socket_state state;
        more = bpf_map_get_next_key(fd, &conn, &next) == 0;
        if (bpf_map_lookup_elem(fd, &conn, &state) == 0 && (pid == 0 || state.pid == pid) &&
            state.stream.generation < before_ns && bpf_map_delete_elem(fd, &conn) == 0 &&
            state.verdict == TP_SOCKET_HTTP) {
            const struct tp_stream_key key = {.conn = conn, .pid = state.pid};
            each(cx, &key, &state.stream);
        }
        conn = next;
    }
}

void tp_probes_take_streams(struct tp_probes *probes, uint32_t pid, uint64_t before_ns,
                            tp_stream_fn *each, void *cx)
{
    take_tls(probes, pid, before_ns, each, cx);
    if (probes->syscalls)
        take_plain(probes, pid, before_ns, each, cx);
}
