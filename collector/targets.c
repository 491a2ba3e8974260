/* SPDX-License-Identifier: MIT */
#include "collector/targets.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX 65536u /* slots of the table of files seen; a power of two */
#define FILES_FILL_MAX (FILES_MAX / 2)

/* A probed inode cannot be reused while its probes stand. One without probes can, so that size and
 * time of change tell the files apart. */
struct seen_file {
    uint64_t device, inode;
    int64_t mtime_ns, size;
    bool used, probed;
};

/* Places that were found by what is around them stand to be confirmed by what comes by. */
#define DOUBTFUL_MAX 256
#define CERTAIN 100
/* So much of it, and nothing else, is too much. */
#define WRONG_MAX 64

struct doubtful {
    struct tp_target target;
    char file[64];
};

struct tp_targets {
    struct doubtful doubtful[DOUBTFUL_MAX];
    size_t doubtful_count;
    struct tp_probes *probes;
    tp_locate_fn *locate;
    void *locate_cx;
    tp_target_fn *each;
    void *cx;
    struct seen_file *seen;
    size_t seen_count;
    bool nobody_looks; /* and that was told */
};

/* A file that is being looked at. */
struct candidate {
    int fd;
    const char *name;
    const char *how;
    uint64_t mapped_ns; /* 0: not yet mapped by anyone watched */
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

struct tp_targets *tp_targets_new(struct tp_probes *probes, tp_locate_fn *locate, void *locate_cx,
                                  tp_target_fn *each, void *cx)
{
    struct tp_targets *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->seen = calloc(FILES_MAX, sizeof(*t->seen));
    if (!t->seen) {
        free(t);
        return NULL;
    }
    t->probes = probes;
    t->locate = locate;
    t->locate_cx = locate_cx;
    t->each = each;
    t->cx = cx;
    return t;
}

void tp_targets_free(struct tp_targets *targets)
{
    if (!targets)
        return;
    free(targets->seen);
    free(targets);
}

static struct seen_file *slot_of(struct tp_targets *t, uint64_t device, uint64_t inode)
{
    uint64_t h = (inode ^ device << 40 ^ device) * 0x9e3779b97f4a7c15u;
    size_t i = (size_t)(h >> 32) & (FILES_MAX - 1);

    while (t->seen[i].used && (t->seen[i].device != device || t->seen[i].inode != inode))
        i = (i + 1) & (FILES_MAX - 1);
    return &t->seen[i];
}

static bool is_probed(struct tp_targets *t, uint64_t device, uint64_t inode)
{
    const struct seen_file *f = slot_of(t, device, inode);
    return f->used && f->probed;
}

/* When the table fills up, files that are no targets are forgotten and would be looked at again. */
static void forget_unprobed(struct tp_targets *t)
{
    struct seen_file *old = t->seen;
    struct seen_file *fresh = calloc(FILES_MAX, sizeof(*fresh));

    if (!fresh)
        return;
    t->seen = fresh;
    t->seen_count = 0;
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (!old[i].used || !old[i].probed)
            continue;
        *slot_of(t, old[i].device, old[i].inode) = old[i];
        t->seen_count++;
    }
    free(old);
}

/* The file's entry, and whether it needs no second look; NULL when the table is full of probed
 * files. */
static struct seen_file *remember(struct tp_targets *t, const struct stat *st, bool *ret_known)
{
    if (t->seen_count >= FILES_FILL_MAX)
        forget_unprobed(t);
    if (t->seen_count >= FILES_FILL_MAX)
        return NULL;
    struct seen_file *f = slot_of(t, st->st_dev, st->st_ino);
    int64_t mtime_ns = st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
    *ret_known = f->used && (f->probed || (f->mtime_ns == mtime_ns && f->size == st->st_size));
    if (!f->used)
        t->seen_count++;
    if (!*ret_known)
        *f = (struct seen_file){.device = st->st_dev,
                                .inode = st->st_ino,
                                .mtime_ns = mtime_ns,
                                .size = st->st_size,
                                .used = true};
    return f;
}

static const char *attach_error(int err)
{
    switch (err) {
    case -EACCES:
    case -EPERM:
        return "the kernel refused the probe: missing capability";
    case -EINVAL:
    case -EIO:
        return "the file system or the code at this place takes no probe";
    case -EMFILE:
    case -ENFILE:
        return "too many open files";
    default:
        return strerror(-err);
    }
}

/* A file that killed its reader is told, whatever is in it. */
static const char *locate_error(int err, const struct tp_location *location)
{
    return location->why[0] ? location->why : strerror(-err);
}

static void tell(struct tp_targets *t, const struct candidate *c, struct tp_target *target)
{
    target->file = c->name;
    target->how = c->how;
    if (c->mapped_ns) {
        uint64_t now = now_ns();
        target->late_ns = now > c->mapped_ns ? now - c->mapped_ns : 1;
    }
    t->each(t->cx, target);
}

/* Once: what is mapped after that is most often no target. */
static void tell_nobody_looks(struct tp_targets *t, const struct candidate *c)
{
    struct tp_target target = {
        .stack = "unknown",
        .error = "no locator is left, neither for this file nor for those that come after it"};

    if (!t->nobody_looks)
        tell(t, c, &target);
    t->nobody_looks = true;
}

static void doubt(struct tp_targets *t, const struct candidate *c, const struct tp_target *target)
{
    struct doubtful *d = &t->doubtful[t->doubtful_count];

    if (target->confidence == CERTAIN || t->doubtful_count == DOUBTFUL_MAX)
        return;
    d->target = *target;
    snprintf(d->file, sizeof(d->file), "%s", c->name);
    d->target.file = d->file;
    t->doubtful_count++;
}

/* True: it need not be looked at again. */
static bool settled(struct tp_targets *t, struct doubtful *d)
{
    struct tp_tally tally;

    if (tp_probes_tally(t->probes, d->target.id, &tally))
        return false;
    if (tally.passed || tally.failed < WRONG_MAX)
        return tally.passed;
    tp_probes_detach(t->probes, d->target.id);
    d->target.file = d->file;
    d->target.confidence = 0;
    d->target.error = "what came by there was no HTTP and no record of TLS: its probes are removed";
    t->each(t->cx, &d->target);
    return true;
}

void tp_targets_check(struct tp_targets *targets)
{
    size_t kept = 0;

    for (size_t i = 0; i < targets->doubtful_count; i++)
        if (!settled(targets, &targets->doubtful[i]))
            targets->doubtful[kept++] = targets->doubtful[i];
    targets->doubtful_count = kept;
}

static bool attach_found(struct tp_targets *t, const struct candidate *c,
                         const struct tp_location *location, const struct tp_found *f)
{
    uint16_t stack = (uint16_t)f->stack;
    struct tp_target target = {.stack = tp_stack_name(stack),
                               .confidence = f->at.confidence,
                               .error = f->at.count ? NULL : f->at.reason};

    memcpy(target.build_id, location->build_id, sizeof(target.build_id));
    if (!target.error) {
        int err = tp_probes_attach(t->probes, c->fd, f->at.sites, f->at.count, stack, &target.id);
        target.error = err ? attach_error(err) : NULL;
    }
    tell(t, c, &target);
    if (!target.error)
        doubt(t, c, &target);
    return !target.error;
}

/* Which of several stacks a program uses cannot be told from its file: all are probed. */
static bool look_inside(struct tp_targets *t, const struct candidate *c)
{
    struct tp_location *location = calloc(1, sizeof(*location));
    bool probed = false;

    if (!location)
        return false;
    int err = t->locate(t->locate_cx, c->fd, c->name, location);
    if (err == -ESHUTDOWN) {
        tell_nobody_looks(t, c);
    } else if (err && err != -ENOEXEC && err != -EINTR) {
        struct tp_target target = {.stack = "unknown", .error = locate_error(err, location)};
        tell(t, c, &target);
    }
    for (uint32_t i = 0; !err && i < location->found_count; i++)
        probed |= attach_found(t, c, location, &location->found[i]);
    free(location);
    return probed;
}

static void look_at(struct tp_targets *t, const struct candidate *c)
{
    struct stat st;
    bool known;

    if (fstat(c->fd, &st) || !S_ISREG(st.st_mode))
        return;
    struct seen_file *f = remember(t, &st, &known);
    if (!f || known)
        return;
    f->probed = look_inside(t, c);
}

/* Of files that cannot be opened, those with such names are worth a word. */
static bool may_be_tls(const char *name)
{
    static const char *const parts[] = {"libssl", "boringssl", "gnutls", "libnode"};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strstr(name, parts[i]))
            return true;
    }
    return false;
}

/* Told once for each file. */
static void refuse_closed(struct tp_targets *t, const struct candidate *c,
                          const struct tp_mapping *mapping)
{
    const struct stat st = {.st_dev = mapping->device, .st_ino = mapping->inode};
    struct tp_target target = {.stack = "unknown", .error = strerror(-c->fd)};
    bool known;

    if (remember(t, &st, &known) && !known)
        tell(t, c, &target);
}

int tp_targets_add_path(struct tp_targets *targets, const char *path)
{
    char real[PATH_MAX];
    struct candidate c = {.name = base_name(realpath(path, real) ? real : path), .how = "prescan"};

    c.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (c.fd < 0)
        return -errno;
    look_at(targets, &c);
    close(c.fd);
    return 0;
}

void tp_targets_add_mapping(struct tp_targets *targets, const struct tp_mapping *mapping,
                            const char *how)
{
    struct candidate c = {
        .name = base_name(mapping->path), .how = how, .mapped_ns = mapping->time_ns};

    if (is_probed(targets, mapping->device, mapping->inode))
        return;
    c.fd = tp_mapping_open(mapping);
    if (c.fd >= 0) {
        look_at(targets, &c);
        close(c.fd);
    } else if ((c.fd == -EACCES || c.fd == -EPERM) && may_be_tls(c.name)) {
        refuse_closed(targets, &c, mapping);
    }
}
