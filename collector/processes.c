/* SPDX-License-Identifier: MIT */
#include "collector/processes.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS 4096u
#define PROCESSES_MAX 65536u
#define CMDLINE_BYTES_MAX 16384
#define DELETED " (deleted)" /* what /proc/PID/exe appends (proc_pid_exe(5)) */

struct entry {
    struct tp_process process;
    struct entry *next;
};

struct tp_processes {
    struct entry *bucket[BUCKETS];
    size_t count;
    char tree[17];
};

/* Programs that run scripts, with what may follow the name: "python3.11". */
static const char *const interpreters[] = {
    "node", "nodejs", "python", "pypy", "bun",  "deno", "ruby",  "perl",  "php", "sh",     "bash",
    "dash", "zsh",    "ksh",    "tsx",  "java", "lua",  "guile", "tclsh", "uv",  "busybox"};

struct tp_processes *tp_processes_new(const char *tree)
{
    struct tp_processes *p = calloc(1, sizeof(*p));
    if (p)
        snprintf(p->tree, sizeof(p->tree), "%s", tree);
    return p;
}

void tp_processes_free(struct tp_processes *processes)
{
    if (!processes)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *e = processes->bucket[i], *next; e; e = next) {
            next = e->next;
            free(e);
        }
    }
    free(processes);
}

static struct entry **place_of(const struct tp_processes *p, uint32_t pid)
{
    struct entry *const *at = &p->bucket[pid % BUCKETS];
    while (*at && (*at)->process.pid != pid)
        at = &(*at)->next;
    return (struct entry **)at;
}

static struct tp_process *obtain(struct tp_processes *p, uint32_t pid)
{
    struct entry **at = place_of(p, pid);
    if (*at)
        return &(*at)->process;
    if (p->count == PROCESSES_MAX)
        return NULL;
    struct entry *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    *at = e;
    p->count++;
    return &e->process;
}

static void fill(const struct tp_processes *p, struct tp_process *process,
                 const struct tp_process_record *r)
{
    process->pid = r->head.pid;
    process->parent_pid = r->parent_pid;
    process->start_ns = r->start_ns;
    memcpy(process->comm, r->comm, sizeof(process->comm));
    process->comm[sizeof(process->comm) - 1] = 0;
    memcpy(process->tree, p->tree, sizeof(process->tree));
}

struct tp_process *tp_processes_fork(struct tp_processes *processes,
                                     const struct tp_process_record *record)
{
    struct tp_process *child = obtain(processes, record->head.pid);
    if (!child)
        return NULL;
    const struct tp_process *parent = tp_processes_find(processes, record->parent_pid);
    fill(processes, child, record);
    if (parent)
        memcpy(child->program, parent->program, sizeof(child->program));
    else
        snprintf(child->program, sizeof(child->program), "%s", child->comm);
    return child;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static bool is_interpreter(const char *name)
{
    for (size_t i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++) {
        size_t n = strlen(interpreters[i]);
        if (strncmp(name, interpreters[i], n) != 0)
            continue;
        if (name[n + strspn(name + n, "0123456789.-")] == 0)
            return true;
    }
    return false;
}

/* The NUL-separated word after `at`, or NULL; the buffer ends in a NUL. */
static const char *word_after(const char *at, const char *end)
{
    at += strlen(at) + 1;
    return at < end ? at : NULL;
}

/* The first word that is no option; of inline code (-c, -e) there is no script, of -m the module.
 */
static const char *script_of(const char *words, const char *end)
{
    for (const char *w = word_after(words, end); w; w = word_after(w, end)) {
        if (w[0] != '-')
            return w[0] ? w : NULL;
        if (strcmp(w, "-m") == 0 || strcmp(w, "--") == 0)
            return word_after(w, end);
        if (strcmp(w, "-") == 0 || (w[1] != '-' && strpbrk(w + 1, "cep") == w + 1))
            return NULL;
        if (strcmp(w, "-r") == 0 || strcmp(w, "--require") == 0 || strcmp(w, "--import") == 0 ||
            strcmp(w, "-W") == 0 || strcmp(w, "-X") == 0)
            w = word_after(w, end) ? word_after(w, end) : w;
    }
    return NULL;
}

void tp_program_name(const char *exe, const char *cmdline, size_t n, char ret_name[64])
{
    const char *name = base_name(exe);
    char words[CMDLINE_BYTES_MAX + 1];

    if (n > CMDLINE_BYTES_MAX)
        n = CMDLINE_BYTES_MAX;
    if (n > 0 && is_interpreter(name)) {
        memcpy(words, cmdline, n);
        words[n] = 0;
        const char *script = script_of(words, words + n);
        if (script)
            name = base_name(script);
    }
    snprintf(ret_name, 64, "%s", name);
    for (char *c = ret_name; *c; c++) {
        if (iscntrl((unsigned char)*c))
            *c = '?';
    }
}

static size_t read_proc(uint32_t pid, const char *what, char *buf, size_t size)
{
    char path[64];
    size_t len = 0;
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/%s", pid, what);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    while (len < size && (n = read(fd, buf + len, size - len)) > 0)
        len += (size_t)n;
    close(fd);
    return len;
}

static void name_program(struct tp_process *process)
{
    char path[64], exe[4096], cmdline[CMDLINE_BYTES_MAX];

    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/exe", process->pid);
    ssize_t n = readlink(path, exe, sizeof(exe) - 1);
    if (n <= 0) {
        snprintf(process->program, sizeof(process->program), "%s", process->comm);
        return;
    }
    exe[n] = 0;
    size_t tail = sizeof(DELETED) - 1;
    if ((size_t)n > tail && strcmp(exe + n - tail, DELETED) == 0)
        exe[(size_t)n - tail] = 0;
    size_t len = read_proc(process->pid, "cmdline", cmdline, sizeof(cmdline));
    tp_program_name(exe, cmdline, len, process->program);
}

struct tp_process *tp_processes_exec(struct tp_processes *processes,
                                     const struct tp_process_record *record)
{
    struct tp_process *process = obtain(processes, record->head.pid);
    if (!process)
        return NULL;
    fill(processes, process, record);
    name_program(process);
    return process;
}

void tp_processes_drop(struct tp_processes *processes, uint32_t pid)
{
    struct entry **at = place_of(processes, pid);
    struct entry *e = *at;

    if (!e)
        return;
    *at = e->next;
    free(e);
    processes->count--;
}

const struct tp_process *tp_processes_find(const struct tp_processes *processes, uint32_t pid)
{
    struct entry *e = *place_of(processes, pid);
    return e ? &e->process : NULL;
}

static const struct tp_process *source_find(void *cx, uint32_t pid)
{
    return tp_processes_find(cx, pid);
}

struct tp_process_source tp_processes_source(struct tp_processes *processes)
{
    return (struct tp_process_source){.cx = processes, .find = source_find};
}

void tp_processes_each(const struct tp_processes *processes,
                       void (*each)(void *cx, const struct tp_process *process), void *cx)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct entry *e = processes->bucket[i]; e; e = e->next)
            each(cx, &e->process);
    }
}
