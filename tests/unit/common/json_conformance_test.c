/* SPDX-License-Identifier: MIT
 * The cases of tests/data/json, of which its README tells the form.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

#define TEXT_BYTES_MAX (4u << 20)

/* Bytes that grow to a ceiling; a case that goes past it is a fault of the table. */
struct text {
    char *data;
    size_t len;
};

static void put(struct text *t, const char *data, size_t n)
{
    cr_assert_leq(t->len + n, TEXT_BYTES_MAX);
    memcpy(t->data + t->len, data, n);
    t->len += n;
}

static struct text text_new(void)
{
    struct text t = {.data = malloc(TEXT_BYTES_MAX)};
    cr_assert(t.data);
    return t;
}

static unsigned hex(const char *s)
{
    unsigned byte;
    cr_assert_eq(sscanf(s, "%2x", &byte), 1, "not two hex digits: %s", s);
    return byte;
}

static void decode(const char *s, size_t n, struct text *to);

/* "%(N:TEXT)": returns what it took. */
static size_t decode_repeat(const char *s, size_t n, struct text *to)
{
    char *colon;
    size_t times = strtoul(s + 2, &colon, 10);
    const char *end = memchr(s, ')', n);
    cr_assert(*colon == ':' && end, "not %%(N:TEXT): %s", s);
    for (size_t i = 0; i < times; i++)
        decode(colon + 1, (size_t)(end - colon - 1), to);
    return (size_t)(end - s) + 1;
}

static void decode(const char *s, size_t n, struct text *to)
{
    for (size_t i = 0; i < n;) {
        if (s[i] != '%') {
            put(to, &s[i++], 1);
        } else if (s[i + 1] == '(') {
            i += decode_repeat(s + i, n - i, to);
        } else {
            char byte = (char)hex(s + i + 1);
            put(to, &byte, 1);
            i += 3;
        }
    }
}

static void on_value(void *cx, const struct tp_json_event *e)
{
    static const char marks[] = "{}[]sntf0";
    bool text = e->type == TP_JSON_STRING || e->type == TP_JSON_NUMBER;
    if (e->first)
        put(cx, &marks[e->type], 1);
    if (e->len)
        put(cx, e->data, e->len);
    if (text && e->last)
        put(cx, ";", 1);
}

static void on_key(void *cx, const char *key, size_t n)
{
    put(cx, "k", 1);
    put(cx, key, n);
    put(cx, ";", 1);
}

static const struct tp_json_handler handler = {.value = on_value, .key = on_key};

static int scan(const struct text *json, size_t step, struct text *events)
{
    struct tp_json scanner;
    int err = 0;
    events->len = 0;
    tp_json_init(&scanner, &handler, events, false);
    for (size_t i = 0; i < json->len && !err; i += step)
        err = tp_json_feed(&scanner, json->data + i, step < json->len - i ? step : json->len - i);
    if (!err)
        err = tp_json_end(&scanner);
    tp_json_done(&scanner);
    return err;
}

struct json_case {
    const char *name;
    bool accept;
    struct text json;
    struct text events; /* data NULL: any */
};

static void check(const struct json_case *c)
{
    static const size_t steps[] = {TEXT_BYTES_MAX, 1, 2, 3, 7, 64};
    struct text seen = text_new();
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        int err = scan(&c->json, steps[i], &seen);
        cr_expect_eq(err, c->accept ? 0 : -EBADMSG, "%s in steps of %zu: %d", c->name, steps[i],
                     err);
        if (c->accept && !err && c->events.data)
            cr_expect(seen.len == c->events.len && !memcmp(seen.data, c->events.data, seen.len),
                      "%s in steps of %zu gave %.*s", c->name, steps[i], (int)seen.len, seen.data);
    }
    free(seen.data);
}

/* Splits off the next word of a line; "" at its end. */
static char *next_word(char **line)
{
    char *word = *line;
    size_t n = strcspn(word, " ");
    *line = word + n + (word[n] != '\0');
    word[n] = '\0';
    return word;
}

static void check_line(char *line)
{
    char *verdict = next_word(&line);
    struct json_case c = {.name = next_word(&line), .accept = strcmp(verdict, "accept") == 0};
    cr_assert(c.accept || strcmp(verdict, "reject") == 0, "no verdict: %s", verdict);
    char *json = next_word(&line);
    c.json = text_new();
    decode(json, strlen(json), &c.json);
    if (strncmp(line, "=> ", 3) == 0) {
        c.events = text_new();
        decode(line + 3, strlen(line + 3), &c.events);
    }
    check(&c);
    free(c.json.data);
    free(c.events.data);
}

static void check_file(const char *name, unsigned at_least)
{
    char path[4096], *line = NULL;
    size_t room = 0;
    unsigned cases = 0;
    snprintf(path, sizeof(path), "%s/json/%s", TP_TEST_DATA, name);
    FILE *f = fopen(path, "r");
    cr_assert(f, "%s", path);
    while (getline(&line, &room, f) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (*line && *line != '#') {
            check_line(line);
            cases++;
        }
    }
    free(line);
    fclose(f);
    cr_expect_geq(cases, at_least, "%u cases in %s", cases, name);
}

Test(json_conformance, numbers)
{
    check_file("numbers.txt", 80);
}

Test(json_conformance, strings)
{
    check_file("strings.txt", 110);
}

Test(json_conformance, structure)
{
    check_file("structure.txt", 140);
}
