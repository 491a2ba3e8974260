/* SPDX-License-Identifier: MIT */
#include "collector/program.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CMDLINE_BYTES_MAX 16384
#define DELETED " (deleted)" /* what /proc/PID/exe appends (proc_pid_exe(5)) */

/* Programs that run scripts, with what may follow the name: "python3.11". */
static const char *const interpreters[] = {
    "node", "nodejs", "python", "pypy", "bun",  "deno", "ruby",  "perl",  "php", "sh",     "bash",
    "dash", "zsh",    "ksh",    "tsx",  "java", "lua",  "guile", "tclsh", "uv",  "busybox"};

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

void tp_program_name(const char *exe, const char *cmdline, size_t n,
                     char ret_name[TP_PROGRAM_BYTES])
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
    snprintf(ret_name, TP_PROGRAM_BYTES, "%s", name);
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

void tp_program_of_process(uint32_t pid, const char *comm, char ret_name[TP_PROGRAM_BYTES])
{
    char path[64], exe[4096], cmdline[CMDLINE_BYTES_MAX];

    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/exe", pid);
    ssize_t n = readlink(path, exe, sizeof(exe) - 1);
    if (n <= 0) {
        snprintf(ret_name, TP_PROGRAM_BYTES, "%s", comm);
        return;
    }
    exe[n] = 0;
    size_t tail = sizeof(DELETED) - 1;
    if ((size_t)n > tail && strcmp(exe + n - tail, DELETED) == 0)
        exe[(size_t)n - tail] = 0;
    size_t len = read_proc(pid, "cmdline", cmdline, sizeof(cmdline));
    tp_program_name(exe, cmdline, len, ret_name);
}
