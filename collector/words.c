/* SPDX-License-Identifier: MIT */
#include "collector/words.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/elf.h"

#define HEAD_BYTES 65536 /* of a script that are searched for commands */

bool tp_is_shell(const char *path)
{
    static const char *const shells[] = {"sh", "bash", "dash", "zsh", "ksh", "ash", "busybox"};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (strcmp(name, shells[i]) == 0)
            return true;
    }
    return false;
}

static void add(struct tp_words *w, enum tp_word_kind kind, const char *text)
{
    size_t n = strlen(text) + 1;

    if (w->bytes + 1 + n > sizeof(w->text))
        return;
    w->text[w->bytes] = (char)kind;
    memcpy(w->text + w->bytes + 1, text, n);
    w->bytes += (uint32_t)(1 + n);
}

/* Programs have names of these characters; the shell's own words have not always. */
static bool may_be_program(const char *word)
{
    static const char *const own[] = {"if",    "then",  "else",   "elif",   "fi",    "do",
                                      "done",  "while", "for",    "case",   "esac",  "local",
                                      "echo",  "exit",  "export", "set",    "unset", "cd",
                                      "shift", "read",  "return", "printf", "test",  "in"};

    if (word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-./@")])
        return false;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(word, own[i]) == 0)
            return false;
    }
    return true;
}

/* Near enough: quotes and operators end a word. */
static void add_shell(struct tp_words *w, char *text)
{
    const char *word;

    while ((word = strsep(&text, " \t\r\n\"'`;|&()<>="))) {
        const char *slash = strchr(word, '/');
        if (!word[0] || word[0] == '-' || word[0] == '#' || isdigit((unsigned char)word[0]))
            continue;
        if (word[0] == '$' && slash)
            add(w, TP_WORD_BESIDE, slash + 1);
        else if (may_be_program(word))
            add(w, TP_WORD_PROGRAM, word);
    }
}

void tp_words_of_shell(char *text, struct tp_words *ret_words)
{
    ret_words->is_elf = ret_words->bytes = 0;
    add_shell(ret_words, text);
}

/* "#! interpreter [words]" (execve(2)); env's words name the real one. */
static void add_script(struct tp_words *w, char *text)
{
    char *line = text + 2;
    char *body = line + strcspn(line, "\n");
    bool shell = false;
    const char *word;

    if (*body)
        *body++ = 0;
    while ((word = strsep(&line, " \t\r"))) {
        if (!word[0] || word[0] == '-' || strchr(word, '='))
            continue;
        shell = shell || tp_is_shell(word);
        add(w, TP_WORD_PROGRAM, word);
    }
    if (shell)
        add_shell(w, body);
}

static void add_dynamic(void *cx, enum tp_elf_dynamic what, const char *text)
{
    add(cx, what == TP_ELF_NEEDED ? TP_WORD_NEEDED : TP_WORD_RUNPATH, text);
}

static void add_elf(struct tp_words *w, int fd)
{
    struct tp_elf *elf;

    w->is_elf = 1;
    if (tp_elf_open(&elf, fd, ""))
        return;
    tp_elf_dynamic(elf, add_dynamic, w);
    tp_elf_close(elf);
}

int tp_words_read(void *cx, int fd, struct tp_words *ret_words)
{
    char *text = malloc(HEAD_BYTES + 1);
    (void)cx;

    ret_words->is_elf = ret_words->bytes = 0;
    if (!text)
        return -ENOMEM;
    ssize_t n = pread(fd, text, HEAD_BYTES, 0);
    if (n > 4 && memcmp(text, "\177ELF", 4) == 0) {
        add_elf(ret_words, fd);
    } else if (n > 2 && text[0] == '#' && text[1] == '!') {
        text[n] = 0;
        add_script(ret_words, text);
    }
    free(text);
    return 0;
}

bool tp_words_sound(const struct tp_words *words)
{
    return words->is_elf <= 1 && words->bytes <= sizeof(words->text) &&
           (words->bytes == 0 || words->text[words->bytes - 1] == 0);
}

/* A kind without a text can only stand at the end of what is not ours. */
const char *tp_words_next(const struct tp_words *words, const char *at)
{
    const char *end = words->text + words->bytes;

    at = at ? at + 1 + strlen(at + 1) + 1 : words->text;
    return at + 1 < end ? at : NULL;
}
