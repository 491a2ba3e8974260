/* SPDX-License-Identifier: MIT
 * What a file names that it will run or load: libraries of an ELF file, the programs in a script's
 * text. Pure: bytes in, words out; where a word leads is prescan.h's. The bytes are anyone's, so
 * that the programs do this in a process that can do nothing else (locator.h).
 */
#ifndef TP_WORDS_H
#define TP_WORDS_H

#include <stdbool.h>
#include <stdint.h>

enum tp_word_kind {
    TP_WORD_PROGRAM = 'p', /* perhaps a program's name or path */
    TP_WORD_BESIDE = 'b',  /* a path relative to the script's own directory */
    TP_WORD_NEEDED = 'n',  /* DT_NEEDED */
    TP_WORD_RUNPATH = 'r', /* DT_RUNPATH or DT_RPATH, $ORIGIN not expanded */
};

/* Bytes for all words of one file; what is beyond is left out. */
#define TP_WORDS_BYTES_MAX 65536

/* For each word its kind (a byte) and its text with a NUL. */
struct tp_words {
    uint32_t is_elf;
    uint32_t bytes;
    char text[TP_WORDS_BYTES_MAX];
};

/* How the words of the file open at fd are read. 0 or negative errno. */
typedef int tp_words_fn(void *cx, int fd, struct tp_words *ret_words);

/* In this very process; cx is not used. */
tp_words_fn tp_words_read;

/* Shell text: `text` is taken apart. */
void tp_words_of_shell(char *text, struct tp_words *ret_words);

/* Whether words that another process made are well formed. */
bool tp_words_sound(const struct tp_words *words);

/* The word after `at` (NULL: the first), or NULL: *at is its kind, at + 1 its text. */
const char *tp_words_next(const struct tp_words *words, const char *at);

/* The base name of `path` is a shell's. */
bool tp_is_shell(const char *path);

#endif
