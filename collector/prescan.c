/* SPDX-License-Identifier: MIT */
#include "collector/prescan.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/packages.h"
#include "collector/words.h"

#define FILES_MAX 128         /* files looked into */
#define DEPTH_MAX 8           /* script that runs a script that ... */
#define SHELL_BYTES_MAX 65536 /* of what a shell gets by -c */
#define WORDS_MAX 512         /* different words tried; a power of two, half of it is used */
#define LIBRARY_DEPTH_MAX 3   /* executable -> library -> libssl */

/* What a walk has seen; ends when `left` is used up. */
struct walk {
    struct tp_prescan_ops ops;
    struct {
        dev_t device;
        ino_t inode;
    } seen[FILES_MAX];
    size_t seen_count;
    uint32_t word[WORDS_MAX]; /* hashes of the words that were tried; 0: free */
    size_t word_count;
};

static void look_at_file(struct walk *w, const char *path, int depth);

static bool is_regular(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int tp_command_find(const char *name, char ret_path[TP_PRESCAN_PATH_MAX])
{
    const char *dirs = getenv("PATH");
    int err = -ENOENT;

    if (!name[0])
        return -ENOENT;
    if (strchr(name, '/')) {
        if (snprintf(ret_path, TP_PRESCAN_PATH_MAX, "%s", name) >= TP_PRESCAN_PATH_MAX)
            return -ENAMETOOLONG;
        if (access(name, F_OK))
            return errno == EACCES ? -EACCES : -ENOENT;
        return is_regular(name) && access(name, X_OK) == 0 ? 0 : -EACCES;
    }
    for (const char *at = dirs ? dirs : "/usr/local/bin:/usr/bin:/bin"; at;
         at = *at ? at + 1 : NULL) {
        size_t n = strcspn(at, ":");
        int len =
            snprintf(ret_path, TP_PRESCAN_PATH_MAX, "%.*s/%s", n ? (int)n : 1, n ? at : ".", name);
        at += n;
        if (len >= TP_PRESCAN_PATH_MAX || !is_regular(ret_path))
            continue;
        if (access(ret_path, X_OK) == 0)
            return 0;
        err = -EACCES;
    }
    return err;
}

/* True the first time that this file comes. */
static bool is_new(struct walk *w, int fd)
{
    struct stat st;

    if (w->seen_count == FILES_MAX || fstat(fd, &st) || !S_ISREG(st.st_mode))
        return false;
    for (size_t i = 0; i < w->seen_count; i++) {
        if (w->seen[i].device == st.st_dev && w->seen[i].inode == st.st_ino)
            return false;
    }
    w->seen[w->seen_count].device = st.st_dev;
    w->seen[w->seen_count++].inode = st.st_ino;
    return true;
}

/* A word of a command line or script: looked at if it names a program, or a script by its path. */
static void look_at_word(struct walk *w, const char *word, int depth)
{
    char path[TP_PRESCAN_PATH_MAX];
    int err = tp_command_find(word, path);

    if (err == 0 || (err == -EACCES && strchr(word, '/')))
        look_at_file(w, path, depth);
}

/* A word relative to the script's own directory: "$basedir/../x.js", "node_modules/.bin/x". */
static void look_beside(struct walk *w, const char *script, const char *rest, int depth)
{
    char path[TP_PRESCAN_PATH_MAX];
    const char *slash = strrchr(script, '/');
    int dir = slash ? (int)(slash - script) : 1;

    if (snprintf(path, sizeof(path), "%.*s/%s", dir, slash ? script : ".", rest) <
            (int)sizeof(path) &&
        is_regular(path))
        look_at_file(w, path, depth);
}

/* A script repeats its words: each is looked for in all of PATH once. FNV-1a. */
static bool is_new_word(struct walk *w, const char *word)
{
    uint32_t h = 2166136261u, i;

    for (const char *c = word; *c; c++)
        h = (h ^ (uint8_t)*c) * 16777619u;
    h |= 1;
    for (i = h % WORDS_MAX; w->word[i]; i = (i + 1) % WORDS_MAX) {
        if (w->word[i] == h)
            return false;
    }
    if (w->word_count == WORDS_MAX / 2)
        return false;
    w->word[i] = h;
    w->word_count++;
    return true;
}

/* Only libraries that are, or may bring, a TLS stack are worth opening. */
static bool may_bring_tls(const char *library)
{
    static const char *const patterns[] = {"libssl*",    "libnode*",   "libcurl*",
                                           "libpython*", "libruby*",   "*boringssl*",
                                           "libgnutls*", "libcrypto*", "libpq*"};

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        if (fnmatch(patterns[i], library, 0) == 0)
            return true;
    }
    return false;
}

/* `user`: the file that needs it. */
static void look_at_needed(struct walk *w, const char *user, const char *library, int depth)
{
    static const char *const from_user[] = {".", "../lib", "../lib64"};
    char rest[TP_PRESCAN_PATH_MAX];

    if (!may_bring_tls(library))
        return;
    if (strchr(library, '/')) {
        look_at_file(w, library, depth);
        return;
    }
    for (size_t i = 0; i < sizeof(from_user) / sizeof(from_user[0]); i++) {
        if (snprintf(rest, sizeof(rest), "%s/%s", from_user[i], library) < (int)sizeof(rest))
            look_beside(w, user, rest, depth);
    }
}

static void look_at_runpath(struct walk *w, const char *user, const char *directory, int depth)
{
    char rest[TP_PRESCAN_PATH_MAX];

    if (strncmp(directory, "$ORIGIN/", 8) == 0 &&
        snprintf(rest, sizeof(rest), "%s/libssl.so.3", directory + 8) < (int)sizeof(rest))
        look_beside(w, user, rest, depth);
}

/* `path`: the file that has these words. */
static void look_at_words(struct walk *w, const char *path, const struct tp_words *words, int depth)
{
    for (const char *at = NULL; (at = tp_words_next(words, at)) && w->seen_count < FILES_MAX;) {
        const char *text = at + 1;
        if (*at == TP_WORD_NEEDED)
            look_at_needed(w, path, text, depth);
        else if (*at == TP_WORD_RUNPATH)
            look_at_runpath(w, path, text, depth);
        else if (*at == TP_WORD_BESIDE)
            look_beside(w, path, text, depth);
        else if (*at == TP_WORD_PROGRAM && is_new_word(w, text))
            look_at_word(w, text, depth);
    }
}

/* Libraries beside the program (virtual environments, version managers): its libssl is often not
 * the system's. */
static void look_at_elf(struct walk *w, const char *path, const struct tp_words *words, int depth)
{
    char real[TP_PRESCAN_PATH_MAX], pattern[TP_PRESCAN_PATH_MAX + 32];
    glob_t found;

    w->ops.file(w->ops.cx, path);
    if (depth > LIBRARY_DEPTH_MAX || !realpath(path, real))
        return;
    look_at_words(w, real, words, depth + 1);
    *strrchr(real, '/') = 0;
    snprintf(pattern, sizeof(pattern), "%s/../lib*/libssl.so*", real);
    if (glob(pattern, 0, NULL, &found))
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        look_at_file(w, found.gl_pathv[i], depth + 1);
    globfree(&found);
}

struct in_package {
    struct walk *walk;
    int depth;
};

static void look_at_executable(void *cx, const char *path)
{
    struct in_package *p = cx;
    look_at_file(p->walk, path, p->depth);
}

/* What it names; and, of a package that npm installed, the executables for this platform. */
static void look_at_script(struct walk *w, const char *path, const struct tp_words *words,
                           int depth)
{
    struct in_package in_package = {w, depth};

    look_at_words(w, path, words, depth);
    if (words->bytes > 0)
        tp_packages_of_script(path, look_at_executable, &in_package);
}

static void look_at_file(struct walk *w, const char *path, int depth)
{
    int fd = depth <= DEPTH_MAX ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;

    if (fd < 0)
        return;
    struct tp_words *words = is_new(w, fd) ? malloc(sizeof(*words)) : NULL;
    if (words && w->ops.read(w->ops.cx, fd, words) == 0) {
        if (words->is_elf)
            look_at_elf(w, path, words, depth);
        else
            look_at_script(w, path, words, depth + 1);
    }
    free(words);
    close(fd);
}

static void look_at_glob(struct walk *w, const char *dir)
{
    static const char *const libraries[] = {"libssl.so*", "libgnutls.so*"};
    char pattern[TP_PRESCAN_PATH_MAX];
    glob_t found;

    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        if (snprintf(pattern, sizeof(pattern), "%s/%s", dir, libraries[i]) >=
                (int)sizeof(pattern) ||
            glob(pattern, 0, NULL, &found))
            continue;
        for (size_t k = 0; k < found.gl_pathc; k++)
            look_at_file(w, found.gl_pathv[k], LIBRARY_DEPTH_MAX + 1);
        globfree(&found);
    }
}

/* Directories of ld.so.conf(5) files: one a line; "include" lines are covered by the caller's
 * pattern. */
static void look_at_ld_conf(struct walk *w, const char *conf)
{
    char line[TP_PRESCAN_PATH_MAX];
    FILE *f = fopen(conf, "re");

    if (!f)
        return;
    for (int i = 0; i < 256 && fgets(line, sizeof(line), f); i++) {
        line[strcspn(line, " \t\r\n#")] = 0;
        if (line[0] == '/')
            look_at_glob(w, line);
    }
    fclose(f);
}

static void look_at_system_libraries(struct walk *w)
{
    static const char *const dirs[] = {
        "/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*", "/lib64",           "/usr/lib64", "/lib",
        "/usr/lib",          "/usr/local/lib",        "/usr/local/lib64", "/opt/*/lib"};
    const char *extra = getenv("LD_LIBRARY_PATH");
    glob_t confs;
    char dir[TP_PRESCAN_PATH_MAX];

    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
        look_at_glob(w, dirs[i]);
    look_at_ld_conf(w, "/etc/ld.so.conf");
    if (glob("/etc/ld.so.conf.d/*.conf", 0, NULL, &confs) == 0) {
        for (size_t i = 0; i < confs.gl_pathc; i++)
            look_at_ld_conf(w, confs.gl_pathv[i]);
        globfree(&confs);
    }
    while (extra && *extra) {
        size_t n = strcspn(extra, ":;");
        if (n > 0 && snprintf(dir, sizeof(dir), "%.*s", (int)n, extra) < (int)sizeof(dir))
            look_at_glob(w, dir);
        extra += n + (extra[n] != 0);
    }
}

/* What a shell gets by -c. */
static void look_at_shell(struct walk *w, const char *text)
{
    char *copy = strndup(text, SHELL_BYTES_MAX);
    struct tp_words *words = malloc(sizeof(*words));

    if (copy && words) {
        tp_words_of_shell(copy, words);
        look_at_words(w, "./", words, 1);
    }
    free(words);
    free(copy);
}

/* Every word of the command is tried, so that env, timeout, nice, xargs and their like need no rule
 * each; what a shell gets by -c is split. */
static void look_at_command(struct walk *w, char *const *argv)
{
    bool shell = false;

    for (size_t i = 0; argv[i] && i < 32; i++) {
        if (shell && strpbrk(argv[i], " \t\n;"))
            look_at_shell(w, argv[i]);
        else if (argv[i][0] != '-')
            look_at_word(w, argv[i], 0);
        shell = shell || tp_is_shell(argv[i]);
    }
    w->seen_count = w->seen_count > FILES_MAX / 2 ? FILES_MAX / 2 : w->seen_count;
}

void tp_prescan(char *const *argv, const struct tp_prescan_ops *ops)
{
    struct walk *w = calloc(1, sizeof(*w));

    if (!w)
        return;
    w->ops = *ops;
    look_at_command(w, argv);
    look_at_system_libraries(w);
    /* Interpreters that a tool of the agent is likely to start. */
    look_at_word(w, "node", 1);
    look_at_word(w, "python3", 1);
    free(w);
}
