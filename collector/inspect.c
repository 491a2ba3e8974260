/* SPDX-License-Identifier: MIT */
#include "collector/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/mmaps.h"
#include "collector/privilege.h"

#define VERDICTS_MAX 8192

/* One stack of a file. */
struct opinion {
    const char *stack;
    int confidence;
    char reason[sizeof(((struct tp_tls_location *)0)->reason)]; /* empty: it can be attached */
};

/* What one file turned out to be; for as long as this run takes, an inode is the same file. */
struct verdict {
    uint64_t device, inode;
    size_t count;
    struct opinion opinion[TP_STACKS_MAX];
};

struct tp_inspector {
    struct tp_locator *locator;
    struct verdict *verdict;
    size_t count;
};

struct scan {
    struct tp_inspector *inspector;
    void (*each)(void *cx, const struct tp_finding *finding);
    void *cx;
    size_t count;
    uint64_t told[64]; /* inodes: a file has several mappings */
    size_t told_count;
};

/* Libraries that carry TLS by an API for which there is no plugin. */
static const struct {
    const char *prefix, *stack;
} foreign_libraries[] = {{"libssl3.so", "nss"},
                         {"libmbedtls.so", "mbedtls"},
                         {"libwolfssl.so", "wolfssl"},
                         {"libs2n.so", "s2n"}};

struct tp_inspector *tp_inspector_new(struct tp_locator *locator)
{
    struct tp_inspector *in = calloc(1, sizeof(*in));
    if (!in)
        return NULL;
    in->locator = locator;
    in->verdict = calloc(VERDICTS_MAX, sizeof(*in->verdict));
    if (in->verdict)
        return in;
    tp_inspector_free(in);
    return NULL;
}

void tp_inspector_free(struct tp_inspector *inspector)
{
    if (!inspector)
        return;
    free(inspector->verdict);
    free(inspector);
}

static void opine(struct verdict *v, const char *stack, int confidence, const char *reason)
{
    struct opinion *o = &v->opinion[v->count];

    if (!stack || v->count == TP_STACKS_MAX)
        return;
    o->stack = stack;
    o->confidence = confidence;
    snprintf(o->reason, sizeof(o->reason), "%s", reason);
    v->count++;
}

static void judge_foreign(struct tp_inspector *in, int fd, const char *name, struct verdict *v)
{
    for (size_t i = 0; i < sizeof(foreign_libraries) / sizeof(foreign_libraries[0]); i++) {
        const char *prefix = foreign_libraries[i].prefix;
        if (strncmp(name, prefix, strlen(prefix)) != 0)
            continue;
        opine(v, foreign_libraries[i].stack, 90, "this stack is not supported yet");
        return;
    }
    if (!strstr(name, ".so"))
        opine(v, tp_trace_stack(tp_locator_trace(in->locator, fd)), 50,
              "inside the executable, without symbols to find it by");
}

static void judge(struct tp_inspector *in, int fd, const char *name, struct verdict *v)
{
    struct tp_location *location = calloc(1, sizeof(*location));

    int err = location ? tp_locator_locate(in->locator, fd, name, location) : -ENOMEM;
    if (err == -ECANCELED) {
        opine(v, "unknown", 0, location->why);
    } else if (!err) {
        for (uint32_t i = 0; i < location->found_count; i++) {
            const struct tp_found *f = &location->found[i];
            opine(v, tp_stack_name((uint16_t)f->stack), f->at.confidence, f->at.reason);
        }
        if (location->found_count == 0)
            judge_foreign(in, fd, name, v);
    }
    free(location);
}

static const struct verdict *verdict_of(struct tp_inspector *in, const struct tp_mapping *m,
                                        const char *name)
{
    for (size_t i = 0; i < in->count; i++) {
        if (in->verdict[i].inode == m->inode && in->verdict[i].device == m->device)
            return &in->verdict[i];
    }
    int fd = in->count < VERDICTS_MAX ? tp_mapping_open(m) : -1;
    if (fd < 0)
        return NULL;
    struct verdict *v = &in->verdict[in->count++];
    *v = (struct verdict){.device = m->device, .inode = m->inode};
    judge(in, fd, name, v);
    close(fd);
    return v;
}

static bool is_told(struct scan *scan, uint64_t inode)
{
    for (size_t i = 0; i < scan->told_count; i++) {
        if (scan->told[i] == inode)
            return true;
    }
    if (scan->told_count < sizeof(scan->told) / sizeof(scan->told[0]))
        scan->told[scan->told_count++] = inode;
    return false;
}

static void tell(struct scan *scan, const struct tp_finding *finding)
{
    scan->each(scan->cx, finding);
    scan->count++;
}

static void on_mapping(void *cx, const struct tp_mapping *m)
{
    struct scan *scan = cx;
    const char *slash = strrchr(m->path, '/'), *name = slash ? slash + 1 : m->path;
    const struct verdict *v = verdict_of(scan->inspector, m, name);

    if (!v || v->count == 0 || is_told(scan, m->inode))
        return;
    for (size_t i = 0; i < v->count; i++) {
        const struct opinion *o = &v->opinion[i];
        const struct tp_finding finding = {.pid = m->pid,
                                           .file = name,
                                           .stack = o->stack,
                                           .confidence = o->confidence,
                                           .attachable = !o->reason[0],
                                           .reason = o->reason[0] ? o->reason : NULL};
        tell(scan, &finding);
    }
}

size_t tp_inspector_process(struct tp_inspector *inspector, uint32_t pid,
                            void (*each)(void *cx, const struct tp_finding *finding), void *cx)
{
    struct scan scan = {.inspector = inspector, .each = each, .cx = cx};
    char path[64];

    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/maps", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        tp_mmaps_of_process(pid, 0, on_mapping, &scan);
    } else if (errno == EACCES || errno == EPERM) {
        const struct tp_finding finding = {
            .pid = pid,
            .reason = tp_privilege_sees_others()
                          ? "the kernel refuses to tell what it has mapped"
                          : "what it has mapped cannot be read; that needs CAP_SYS_PTRACE"};
        tell(&scan, &finding);
    }
    return scan.count;
}
