/* SPDX-License-Identifier: MIT */
#include "collector/packages.h"

#include <dirent.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DESCRIPTION_BYTES_MAX (256u * 1024u)
#define EXECUTABLE_BYTES_MIN (1024u * 1024u)
#define DEPTH_MAX 6
#define ENTRIES_MAX 4096
#define EXECUTABLES_MAX 8

#if defined(__x86_64__)
#define PLATFORM "*linux-x64*"
#elif defined(__aarch64__)
#define PLATFORM "*linux-arm64*"
#else
#define PLATFORM "*linux*"
#endif

struct search {
    void (*each)(void *cx, const char *path);
    void *cx;
    char *description;
    int entries, executables;
};

/* Where the name of the package around `path` ends: after "node_modules/name" or
 * "node_modules/@scope/name". NULL: it is in none. */
static const char *package_end(const char *path)
{
    static const char modules[] = "/node_modules/";
    const char *name = NULL;

    for (const char *at = path; (at = strstr(at, modules)); at++)
        name = at + sizeof(modules) - 1;
    const char *end = name ? strchr(name, '/') : NULL;
    return end && name[0] == '@' ? strchr(end + 1, '/') : end;
}

static char *read_description(const char *package)
{
    char path[PATH_MAX];
    char *text = NULL;

    if (snprintf(path, sizeof(path), "%s/package.json", package) >= (int)sizeof(path))
        return NULL;
    FILE *f = fopen(path, "re");
    if (f)
        text = calloc(1, DESCRIPTION_BYTES_MAX + 1);
    if (text && fread(text, 1, DESCRIPTION_BYTES_MAX, f) == 0)
        text[0] = 0;
    if (f)
        fclose(f);
    return text;
}

static void look_into(struct search *s, const char *directory, int depth);

static void look_at(struct search *s, const char *path, int depth)
{
    struct stat st;

    if (lstat(path, &st))
        return;
    if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
        look_into(s, path, depth + 1);
    } else if (S_ISREG(st.st_mode) && (st.st_mode & 0111) &&
               (uint64_t)st.st_size >= EXECUTABLE_BYTES_MIN && s->executables < EXECUTABLES_MAX) {
        s->executables++;
        s->each(s->cx, path);
    }
}

static void look_into(struct search *s, const char *directory, int depth)
{
    char path[PATH_MAX];
    struct dirent *entry;
    DIR *dir = opendir(directory);

    while (dir && (entry = readdir(dir)) && s->entries++ < ENTRIES_MAX)
        if (entry->d_name[0] != '.' &&
            snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name) < (int)sizeof(path))
            look_at(s, path, depth);
    if (dir)
        closedir(dir);
}

/* "name", or "@scope/name". */
static const char *package_name(const char *package)
{
    const char *slash = strrchr(package, '/'), *scope = slash;

    while (scope > package && scope[-1] != '/')
        scope--;
    return !slash ? package : *scope == '@' ? scope : slash + 1;
}

/* As it stands in the description: in quotes. */
static bool is_named(const struct search *s, const char *package)
{
    char quoted[2 * NAME_MAX + 4];

    if (snprintf(quoted, sizeof(quoted), "\"%s\"", package_name(package)) >= (int)sizeof(quoted))
        return false;
    return strstr(s->description, quoted) != NULL;
}

static void look_for(struct search *s, const char *directory, const char *pattern)
{
    char path[PATH_MAX];
    glob_t found;

    if (snprintf(path, sizeof(path), "%s/%s", directory, pattern) >= (int)sizeof(path) ||
        glob(path, 0, NULL, &found))
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char *real = is_named(s, found.gl_pathv[i]) ? realpath(found.gl_pathv[i], NULL) : NULL;
        if (real)
            look_into(s, real, 0);
        free(real);
    }
    globfree(&found);
}

/* The directory in which the package stands, its scope left out. */
static char *modules_end(char *package)
{
    char *slash = strrchr(package, '/');

    if (slash > package) {
        *slash = 0;
        char *scope = strrchr(package, '/');
        if (scope && scope[1] == '@')
            return scope;
    }
    return slash;
}

void tp_packages_of_script(const char *script, void (*each)(void *cx, const char *path), void *cx)
{
    struct search s = {.each = each, .cx = cx};
    char package[PATH_MAX];

    if (!realpath(script, package))
        return;
    char *end = (char *)package_end(package);
    if (!end)
        return;
    *end = 0;
    s.description = read_description(package);
    if (s.description) {
        look_for(&s, package, "node_modules/" PLATFORM);
        look_for(&s, package, "node_modules/@*/" PLATFORM);
        *modules_end(package) = 0;
        look_for(&s, package, PLATFORM);
        look_for(&s, package, "@*/" PLATFORM);
    }
    free(s.description);
}
