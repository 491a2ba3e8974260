/* SPDX-License-Identifier: MIT */
#include "collector/sse.h"

#include <criterion/criterion.h>
#include <string.h>

static char seen[1024];

static void add(const char *s, size_t n)
{
    size_t at = strlen(seen);
    memcpy(seen + at, s, n);
    seen[at + n] = '\0';
}

static void on_begin(void *cx, const char *event)
{
    (void)cx;
    add("<", 1);
    add(event, strlen(event));
    add("|", 1);
}

static void on_data(void *cx, const char *data, size_t n)
{
    (void)cx;
    add(data, n);
}

static void on_end(void *cx)
{
    (void)cx;
    add(">", 1);
}

static void on_abort(void *cx)
{
    (void)cx;
    add("!", 1);
}

static const struct tp_sse_handler handler = {
    .begin = on_begin, .data = on_data, .end = on_end, .abort = on_abort};

/* In pieces of `step`, with a hole in place of the byte '#'. */
static const char *parsed(const char *text, size_t step)
{
    struct tp_sse sse;
    seen[0] = '\0';
    tp_sse_init(&sse, &handler, NULL);
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "#");
        n = n < step ? n : step;
        tp_sse_feed(&sse, p, n);
        p += n;
        if (*p == '#') {
            tp_sse_hole(&sse);
            p++;
        }
    }
    tp_sse_end(&sse);
    return seen;
}

static void expect(const char *text, const char *events)
{
    for (size_t step = 1; step < 30; step += 4)
        cr_expect_str_eq(parsed(text, step), events, "%s in steps of %zu: %s", text, step, seen);
}

Test(sse, lines_may_end_in_any_way)
{
    expect("data: a\n\ndata: b\r\n\r\ndata: c\r\rdata:d\r\n\n", "<|a><|b><|c><|d>");
}

Test(sse, one_leading_space_goes_and_a_colon_may_be_missing)
{
    expect("data:  a\n\ndata\n\ndata:b\n\n", "<| a><|><|b>");
}

Test(sse, data_lines_are_joined)
{
    expect("data: {\ndata: }\n\n", "<|{\n}>");
}

Test(sse, names_belong_to_one_event)
{
    expect("event: x\ndata: 1\n\ndata: 2\n\nevent: y\n\ndata: 3\n\n", "<x|1><|2><|3>");
}

Test(sse, comments_ids_and_unknown_fields_are_passed_over)
{
    expect(": hi\nid: 1\nretry: 5\nfoo: data: x\ndatax: y\ndata: z\n\n", "<|z>");
}

Test(sse, a_byte_order_mark_may_lead)
{
    expect("\xef\xbb\xbf"
           "data: a\n\n",
           "<|a>");
}

Test(sse, an_event_that_is_not_closed_is_given_all_the_same)
{
    expect("data: a", "<|a>");
}

Test(sse, a_hole_gives_up_the_open_event_and_no_other)
{
    expect("data: {\"a#b\"}\n\ndata: c\n\n", "<|{\"a!<|c>");
    expect("data: a\n#\ndata: b\n\n", "<|a!<|b>");
    expect("data: a\n\n#xx: 1}\n\nevent: n\ndata: b\n\n", "<|a><n|b>");
}
