/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "play.h"

#define CASE_MAX 8192

static const char *const answer = "200\ncontent-type: application/json\n\n"
                                  "{\"id\":\"a\",\"choices\":[],\"usage\":{\"input_tokens\":1}}";

struct one_case {
    char name[128], path[128], headers[CASE_MAX], body[CASE_MAX], expected[CASE_MAX];
};

static void add_line(char *to, const char *line)
{
    size_t n = strlen(to);
    snprintf(to + n, CASE_MAX - n, "%s\n", line);
}

static void case_begin(struct one_case *c, const char *name)
{
    *c = (struct one_case){.path = "/v1/chat/completions"};
    snprintf(c->name, sizeof(c->name), "%.100s", name);
}

/* Up to the next empty line; false at the file's end. */
static bool case_read(struct one_case *c, FILE *f)
{
    char line[CASE_MAX];
    case_begin(c, "");
    while (fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        if (*line == '\0' && *c->name)
            return true;
        if (strncmp(line, "case ", 5) == 0)
            case_begin(c, line + 5);
        else if (strncmp(line, "path: ", 6) == 0)
            snprintf(c->path, sizeof(c->path), "%.100s", line + 6);
        else if (strncmp(line, "= ", 2) == 0)
            add_line(c->expected, line + 2);
        else if (*line == '{')
            add_line(c->body, line);
        else if (*line && *line != '#')
            add_line(c->headers, line);
    }
    return *c->name;
}

static void check_pair(const struct play *p, const char *name, char *pair)
{
    char *value = strchr(pair, '=');
    cr_assert(value, "%s: %s", name, pair);
    *value++ = '\0';
    const char *seen = play_value(p, 0, pair);
    if (strcmp(value, "#") == 0)
        cr_expect(*seen == '#' && strlen(seen) == 17, "%s: %s is '%s', no hash", name, pair, seen);
    else
        cr_expect_str_eq(seen, strcmp(value, "-") == 0 ? "" : value, "%s: %s is '%s', not '%s'",
                         name, pair, seen, value);
}

static void check_case(const struct one_case *c, unsigned cut)
{
    char request[3 * CASE_MAX], expected[CASE_MAX], *rest;
    struct play p;
    snprintf(request, sizeof(request), "POST %s\nhost: h\n%s\n%s", c->path, c->headers, c->body);
    memcpy(expected, c->expected, sizeof(expected));
    play_begin(&p, cut);
    play_exchange(&p, request, answer, TP_END_CLOSED);
    cr_assert_eq(p.count, 1, "%s: %zu events", c->name, p.count);
    for (char *at = strtok_r(expected, " \n", &rest); at; at = strtok_r(NULL, " \n", &rest))
        check_pair(&p, c->name, at);
    cr_expect_not(play_leaks(&p, "alice"), "%s", c->name);
    cr_expect_not(play_leaks(&p, "aaaa"), "%s", c->name);
    play_end(&p);
}

static void check_table(unsigned cut)
{
    struct one_case c;
    FILE *f = fopen(TP_TEST_DATA "/agents/cases.txt", "r");
    cr_assert(f);
    unsigned cases = 0;
    for (; case_read(&c, f); cases++)
        check_case(&c, cut);
    fclose(f);
    cr_expect_gt(cases, 25);
}

Test(agents, requests_as_agents_send_them_give_the_table)
{
    check_table(0);
}

Test(agents, byte_by_byte_gives_the_same)
{
    check_table(1);
}

Test(agents, what_the_head_said_stays_said_where_the_body_has_a_hole)
{
    struct play p;
    play_begin(&p, 0);
    play_exchange_request_hole(&p,
                               "POST /v1/responses\nhost: h\nuser-agent: codex_exec/1\n"
                               "session-id: s-1\n\n{\"input\":\"Q\",\"client_metadata\":"
                               "{\"turn_id\":\"t-1\"}}",
                               "200\ncontent-type: application/json\n\n{\"output\":[]}", 14, 10);
    cr_assert_geq(p.count, 1);
    cr_expect_str_eq(play_value(&p, 0, "sess"), "s-1");
    cr_expect_str_eq(play_value(&p, 0, "turn"), "");
    play_end(&p);
}
