/* SPDX-License-Identifier: MIT */
#include "collector/processes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096u
#define PROCESSES_MAX 65536u

struct entry {
    struct tp_process process;
    struct entry *next;
};

struct tp_processes {
    struct entry *bucket[BUCKETS];
    size_t count;
    char tree[17];
};

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

struct tp_process *tp_processes_exec(struct tp_processes *processes,
                                     const struct tp_process_record *record, const char *program)
{
    struct tp_process *process = obtain(processes, record->head.pid);
    if (!process)
        return NULL;
    fill(processes, process, record);
    snprintf(process->program, sizeof(process->program), "%s", program);
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
