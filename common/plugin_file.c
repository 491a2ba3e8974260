/* SPDX-License-Identifier: MIT */
#include "common/plugin_file.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/trust.h"

#define FILES_MAX 64 /* of one directory */
#define SEGMENTS_MAX 64

struct search {
    tp_plugin_found *found;
    void *cx;
    bool privileged;
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static bool read_at(int fd, void *to, size_t n, uint64_t at)
{
    return at <= INT64_MAX && pread(fd, to, n, (off_t)at) == (ssize_t)n;
}

/* The dynamic linker maps what the headers promise; a file that holds less kills the program
 * (SIGBUS) when it reads there. So all that the headers name must be in the file. */
static const char *elf_problem(int fd)
{
    struct stat st;
    ElfW(Ehdr) e;
    ElfW(Phdr) p;
    if (fstat(fd, &st))
        return strerror(errno);
    uint64_t size = (uint64_t)st.st_size;
    if (!read_at(fd, &e, sizeof(e), 0) || memcmp(e.e_ident, ELFMAG, SELFMAG) != 0)
        return "not an ELF file";
    if (e.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
        e.e_type != ET_DYN || e.e_phentsize != sizeof(p) || e.e_phnum > SEGMENTS_MAX)
        return "not a shared object of this machine";
    if (e.e_shoff > size || (uint64_t)e.e_shnum * e.e_shentsize > size - e.e_shoff)
        return "file is cut short";
    for (size_t i = 0; i < e.e_phnum; i++)
        if (!read_at(fd, &p, sizeof(p), e.e_phoff + i * sizeof(p)) || p.p_offset > size ||
            p.p_filesz > size - p.p_offset)
            return "file is cut short";
    return NULL;
}

/* dlerror's text begins with the path that was given to dlopen, which says nothing here. */
static const char *linker_error(const char *path)
{
    const char *text = dlerror();
    size_t n = strlen(path);
    if (!text)
        return "cannot be loaded";
    return strncmp(text, path, n) == 0 && strncmp(text + n, ": ", 2) == 0 ? text + n + 2 : text;
}

/* Takes fd. It stays open once the object was loaded, even if the object is dropped: dlopen knows
 * objects by the path it was given, and a later file under the same number would be taken for this.
 */
static void load(const struct search *s, int fd, const char *name)
{
    char path[32];
    const char *problem = elf_problem(fd);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    void *object = problem ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!object) {
        s->found(s->cx, name, NULL, problem ? problem : linker_error(path));
        close(fd);
        return;
    }
    const void *entry = dlsym(object, TP_PLUGIN_SYMBOL);
    if (!s->found(s->cx, name, entry,
                  entry ? NULL : "not a tokprof plugin (no symbol " TP_PLUGIN_SYMBOL ")"))
        dlclose(object);
}

static void load_file(const struct search *s, int directory, const char *name)
{
    char reason[PATH_MAX + 64];
    int fd = tp_trusted_file(directory, name, s->privileged, reason, sizeof(reason));
    if (fd < 0)
        s->found(s->cx, name, NULL, reason);
    else
        load(s, fd, name);
}

static int is_shared_object(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 3 && e->d_name[0] != '.' && strcmp(e->d_name + n - 3, ".so") == 0;
}

static void load_files(const struct search *s, int directory)
{
    struct dirent **list = NULL;
    int n = scandirat(directory, ".", &list, is_shared_object, alphasort);
    for (int i = 0; i < n; i++) {
        if (i < FILES_MAX)
            load_file(s, directory, list[i]->d_name);
        else
            s->found(s->cx, list[i]->d_name, NULL, "too many plugins in one directory");
        free(list[i]);
    }
    free(list);
}

static void load_directory(const struct search *s, const char *path, bool optional)
{
    char reason[PATH_MAX + 64];
    int fd = tp_trusted_directory(path, s->privileged, reason, sizeof(reason));
    if (fd < 0) {
        if (!optional || fd != -ENOENT)
            s->found(s->cx, base_name(path), NULL, reason);
        return;
    }
    load_files(s, fd);
    close(fd);
}

/* TP_PLUGIN_DIRECTORY is relative to the directory of the programs, installed or in a build tree.
 */
static bool default_directory(char *ret_path, size_t size)
{
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (n <= 0)
        return false;
    program[n] = '\0';
    char *slash = strrchr(program, '/');
    if (!slash)
        return false;
    *slash = '\0';
    int len = snprintf(ret_path, size, "%s/%s", program, TP_PLUGIN_DIRECTORY);
    return len > 0 && (size_t)len < size;
}

void tp_plugin_files(const char *path, tp_plugin_found *found, void *cx)
{
    char directory[PATH_MAX];
    struct search s = {.found = found, .cx = cx, .privileged = tp_privileged()};
    while (path && *path) {
        size_t n = strcspn(path, ":");
        if (n > 0 && n < sizeof(directory)) {
            memcpy(directory, path, n);
            directory[n] = '\0';
            load_directory(&s, directory, false);
        }
        path += n + (path[n] == ':');
    }
    if (default_directory(directory, sizeof(directory)))
        load_directory(&s, directory, true);
}
