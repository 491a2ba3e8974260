/* SPDX-License-Identifier: MIT */
#include "collector/sse.h"

#include <string.h>

enum { LINE_START, FIELD, SPACE_AFTER, VALUE };
enum { OTHER_FIELD, DATA_FIELD, EVENT_FIELD };

void tp_sse_init(struct tp_sse *sse, const struct tp_sse_handler *handler, void *cx)
{
    memset(sse, 0, sizeof(*sse));
    sse->handler = handler;
    sse->cx = cx;
}

/* A name without data is no event (WHATWG: dispatch). */
static void event_end(struct tp_sse *sse)
{
    sse->name_len = 0;
    if (!sse->in_event)
        return;
    sse->in_event = false;
    sse->handler->end(sse->cx);
}

static void data_begin(struct tp_sse *sse)
{
    if (sse->in_event) {
        sse->handler->data(sse->cx, "\n", 1);
        return;
    }
    sse->in_event = true;
    sse->name[sse->name_len] = '\0';
    sse->handler->begin(sse->cx, sse->name);
}

/* The field's name is whole: which is it? */
static void field_known(struct tp_sse *sse)
{
    if (sse->field_len == 4 && memcmp(sse->field_name, "data", 4) == 0) {
        sse->field = DATA_FIELD;
        data_begin(sse);
    } else if (sse->field_len == 5 && memcmp(sse->field_name, "event", 5) == 0) {
        sse->field = EVENT_FIELD;
        sse->name_len = 0;
    } else {
        sse->field = OTHER_FIELD;
    }
}

/* An empty line ends an event; one that ends inside a field's name has no value. */
static void line_end(struct tp_sse *sse)
{
    if (sse->state == LINE_START)
        event_end(sse);
    else if (sse->state == FIELD)
        field_known(sse); /* a field without colon has an empty value */
    sse->state = LINE_START;
}

static void value(struct tp_sse *sse, const char *data, size_t n)
{
    if (sse->field == DATA_FIELD) {
        sse->handler->data(sse->cx, data, n);
    } else if (sse->field == EVENT_FIELD) {
        size_t room = sizeof(sse->name) - 1 - sse->name_len;
        size_t kept = n < room ? n : room;
        memcpy(sse->name + sse->name_len, data, kept);
        sse->name_len += kept;
    }
}

/* One byte of a field's name, a colon, or (in a value) the space that may lead. */
static void take_byte(struct tp_sse *sse, char c)
{
    if (sse->state == LINE_START) {
        sse->field_len = 0;
        sse->state = FIELD;
    }
    if (c == ':') {
        field_known(sse);
        sse->state = SPACE_AFTER;
        return;
    }
    if (sse->field_len < sizeof(sse->field_name))
        sse->field_name[sse->field_len++] = c;
}

/* Lines end in LF, CR or CR LF, and one stream may mix them. */
static const char *find_line_end(const char *p, const char *end)
{
    const char *lf = memchr(p, '\n', (size_t)(end - p));
    const char *stop = lf ? lf : end;
    const char *cr = memchr(p, '\r', (size_t)(stop - p));
    return cr ? cr : stop;
}

/* The mark that may stand before all (EF BB BF). Returns how many bytes of it were taken. */
static size_t skip_mark(struct tp_sse *sse, const char *data, size_t n)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t i = 0;
    while (sse->bom < 3 && i < n && data[i] == mark[sse->bom]) {
        sse->bom++;
        i++;
    }
    if (i < n)
        sse->bom = 3;
    return i;
}

void tp_sse_feed(struct tp_sse *sse, const char *data, size_t n)
{
    const char *p = data, *end = data + n;
    if (sse->bom < 3)
        p += skip_mark(sse, data, n);
    while (p < end) {
        bool after_cr = sse->cr;
        sse->cr = false;
        if (*p == '\n' && after_cr) {
            p++;
        } else if (*p == '\n' || *p == '\r') {
            sse->cr = *p == '\r';
            line_end(sse);
            p++;
        } else if (sse->state == SPACE_AFTER) {
            sse->state = VALUE;
            p += *p == ' ';
        } else if (sse->state == VALUE) {
            const char *stop = find_line_end(p, end);
            value(sse, p, (size_t)(stop - p));
            p = stop;
        } else {
            take_byte(sse, *p++);
        }
    }
}

void tp_sse_hole(struct tp_sse *sse)
{
    if (sse->in_event)
        sse->handler->abort(sse->cx);
    sse->in_event = false;
    sse->state = LINE_START;
    sse->name_len = 0;
    sse->cr = false;
    sse->bom = 3;
}

void tp_sse_end(struct tp_sse *sse)
{
    if (sse->in_event)
        event_end(sse);
}
