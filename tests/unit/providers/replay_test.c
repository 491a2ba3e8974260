/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "play.h"

#define LINE_MAX_BYTES 2048

/* One "key=value"; commas in the table stand for spaces. */
static void check_pair(const struct play *p, const char *file, unsigned cut, char *pair)
{
    char *value = strchr(pair, '=');
    cr_assert(value, "%s", pair);
    *value++ = '\0';
    const char *seen = play_value(p, 0, pair);
    if (strcmp(value, "-") == 0)
        value = "";
    for (char *c = value; *c; c++)
        if (*c == ',')
            *c = ' ';
    cr_expect_str_eq(seen, value, "%s, cut %u: %s is '%s', not '%s'", file, cut, pair, seen, value);
}

static void check_line(const char *line, unsigned cut)
{
    char copy[LINE_MAX_BYTES], *rest;
    struct play p;
    snprintf(copy, sizeof(copy), "%s", line);
    char *file = strtok_r(copy, " ", &rest);
    play_begin(&p, cut);
    cr_assert(play_file(&p, file), "%s", file);
    char *pair = strtok_r(NULL, " |\n", &rest);
    cr_expect_eq(p.count, pair ? 1 : 0, "%s, cut %u: %zu events", file, cut, p.count);
    for (; pair; pair = strtok_r(NULL, " |\n", &rest))
        check_pair(&p, file, cut, pair);
    play_end(&p);
}

static void check_table(unsigned cut)
{
    char line[LINE_MAX_BYTES];
    FILE *f = fopen(TP_TEST_DATA "/providers/expected.txt", "r");
    cr_assert(f);
    unsigned cases = 0;
    while (fgets(line, sizeof(line), f))
        if (*line != '#') {
            check_line(line, cut);
            cases++;
        }
    fclose(f);
    cr_expect_gt(cases, 15);
}

Test(replay, whole_answers_give_the_table)
{
    check_table(0);
}

Test(replay, byte_by_byte_gives_the_same)
{
    check_table(1);
}

Test(replay, any_cut_gives_the_same)
{
    for (unsigned seed = 2; seed < 40; seed++)
        check_table(seed);
}
