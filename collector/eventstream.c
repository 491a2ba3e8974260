/* SPDX-License-Identifier: MIT */
#include "collector/eventstream.h"

#include <string.h>
#include <zlib.h>

enum { PRELUDE, NAME_LEN, NAME, TYPE, VALUE_LEN, VALUE, PAYLOAD, CHECKSUM, SKIP };

#define PRELUDE_BYTES 12
#define FRAME_BYTES 16 /* prelude and checksum */

/* Value types: 0 and 1 are booleans without value, 6 and 7 bytes and string behind a u16 length. */
enum { TYPE_BYTES = 6, TYPE_STRING = 7, TYPES = 10 };
static const uint8_t fixed_bytes[TYPES] = {0, 0, 1, 2, 4, 8, 0, 0, 8, 16};

void tp_eventstream_init(struct tp_eventstream *es, const struct tp_sse_handler *handler, void *cx)
{
    memset(es, 0, sizeof(*es));
    es->handler = handler;
    es->cx = cx;
}

/* Network order, whatever the processor's. */
static uint32_t number_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void message_end(struct tp_eventstream *es, bool good)
{
    if (es->in_event && good)
        es->handler->end(es->cx);
    else if (es->in_event)
        es->handler->abort(es->cx);
    if (!good) {
        es->bad_messages++;
        es->bad_bytes += number_at(es->prelude);
    }
    es->in_event = false;
    es->state = PRELUDE;
    es->have = 0;
}

/* ---- prelude ---- */

/* Lengths are believed only with their checksum, and within limits even then: both may be made by
 * somebody hostile. */
static bool prelude_is_good(const uint8_t *p)
{
    uint32_t total = number_at(p), headers = number_at(p + 4);
    return total >= FRAME_BYTES && total <= TP_EVENTSTREAM_MESSAGE_MAX &&
           headers <= TP_EVENTSTREAM_HEADERS_MAX && headers <= total - FRAME_BYTES &&
           number_at(p + 8) == (uint32_t)crc32(0, p, 8);
}

/* Every event is begun, an empty one, too: its name alone may say something. */
static void payload_begin(struct tp_eventstream *es)
{
    es->name[es->event_len] = '\0';
    es->in_event = true;
    es->number = 0;
    es->have = 0;
    es->state = es->payload_left ? PAYLOAD : CHECKSUM;
    es->handler->begin(es->cx, es->name);
}

static void message_begin(struct tp_eventstream *es)
{
    es->headers_left = number_at(es->prelude + 4);
    es->payload_left = number_at(es->prelude) - FRAME_BYTES - es->headers_left;
    es->crc = (uint32_t)crc32(0, es->prelude, PRELUDE_BYTES);
    es->event_len = 0;
    es->failed = es->lost = false;
    es->state = NAME_LEN;
    if (!es->headers_left)
        payload_begin(es);
}

/* One byte at a time: where lengths cannot be believed, the next message may begin anywhere. */
static void take_prelude(struct tp_eventstream *es, uint8_t byte)
{
    es->prelude[es->have++] = byte;
    if (es->have < PRELUDE_BYTES)
        return;
    if (prelude_is_good(es->prelude)) {
        message_begin(es);
        return;
    }
    es->bad_messages += !es->lost;
    es->lost = true;
    es->have--;
    memmove(es->prelude, es->prelude + 1, es->have);
}

/* ---- headers ---- */

/* What the headers say makes no sense, but the prelude was good: the next message begins where it
 * says. */
static void message_skip(struct tp_eventstream *es)
{
    es->payload_left += es->headers_left + FRAME_BYTES - PRELUDE_BYTES;
    es->state = SKIP;
}

static bool header_is(const struct tp_eventstream *es, const char *name)
{
    return es->name_len == strlen(name) && memcmp(es->header, name, es->name_len) == 0;
}

/* Of a message's headers only its name matters. An exception has it in another header than an
 * event. */
static void value_begin(struct tp_eventstream *es, uint32_t bytes)
{
    es->value_is_name = header_is(es, ":event-type") || header_is(es, ":exception-type") ||
                        header_is(es, ":error-code");
    es->failed |= header_is(es, ":exception-type") || header_is(es, ":error-code");
    es->value_left = bytes;
    es->state = bytes ? VALUE : NAME_LEN;
}

static void take_type(struct tp_eventstream *es, uint8_t type)
{
    es->number = 0;
    es->have = 0;
    if (type >= TYPES)
        message_skip(es);
    else if (type == TYPE_BYTES || type == TYPE_STRING)
        es->state = VALUE_LEN;
    else
        value_begin(es, fixed_bytes[type]);
}

static void take_value(struct tp_eventstream *es, uint8_t byte)
{
    if (es->value_is_name && es->event_len < sizeof(es->name) - 1)
        es->name[es->event_len++] = (char)byte;
    if (--es->value_left == 0)
        es->state = NAME_LEN;
}

static void take_header_byte(struct tp_eventstream *es, uint8_t byte)
{
    switch (es->state) {
    case NAME_LEN:
        es->name_len = 0;
        es->value_left = byte;
        es->state = byte ? NAME : TYPE;
        break;
    case NAME:
        if (es->name_len < sizeof(es->header))
            es->header[es->name_len] = (char)byte;
        es->name_len++;
        if (--es->value_left == 0)
            es->state = TYPE;
        break;
    case TYPE:
        take_type(es, byte);
        break;
    case VALUE_LEN:
        es->number = es->number << 8 | byte;
        if (++es->have == 2)
            value_begin(es, es->number);
        break;
    default:
        take_value(es, byte);
    }
}

/* The headers' length must agree with what they say of themselves. */
static void take_header(struct tp_eventstream *es, uint8_t byte)
{
    es->crc = (uint32_t)crc32(es->crc, &byte, 1);
    es->headers_left--;
    take_header_byte(es, byte);
    if (es->state == SKIP || es->headers_left)
        return;
    if (es->state == NAME_LEN)
        payload_begin(es);
    else
        message_skip(es);
}

/* ---- payload ---- */

/* In runs, not by bytes: this is where nearly all bytes are. */
static size_t take_payload(struct tp_eventstream *es, const uint8_t *data, size_t n)
{
    if (n > es->payload_left)
        n = es->payload_left;
    es->crc = (uint32_t)crc32(es->crc, data, (uInt)n);
    es->payload_left -= (uint32_t)n;
    if (!es->payload_left)
        es->state = CHECKSUM;
    es->handler->data(es->cx, (const char *)data, n);
    return n;
}

static size_t skip(struct tp_eventstream *es, size_t n)
{
    if (n > es->payload_left)
        n = es->payload_left;
    es->payload_left -= (uint32_t)n;
    if (!es->payload_left)
        message_end(es, false);
    return n;
}

/* A payload was handed out before its checksum came; a wrong one takes the event back as far as
 * abort() can. */
static void take_checksum(struct tp_eventstream *es, uint8_t byte)
{
    es->number = es->number << 8 | byte;
    if (++es->have == 4)
        message_end(es, es->number == es->crc);
}

void tp_eventstream_feed(struct tp_eventstream *es, const void *data, size_t n)
{
    const uint8_t *p = data, *end = p + n;
    while (p < end) {
        if (es->state == PAYLOAD)
            p += take_payload(es, p, (size_t)(end - p));
        else if (es->state == SKIP)
            p += skip(es, (size_t)(end - p));
        else if (es->state == CHECKSUM)
            take_checksum(es, *p++);
        else if (es->state == PRELUDE)
            take_prelude(es, *p++);
        else
            take_header(es, *p++);
    }
}

void tp_eventstream_hole(struct tp_eventstream *es)
{
    if (es->in_event)
        es->handler->abort(es->cx);
    es->in_event = false;
    es->lost = true;
    es->state = PRELUDE;
    es->have = 0;
}

void tp_eventstream_end(struct tp_eventstream *es)
{
    if (es->in_event)
        es->handler->abort(es->cx);
    es->in_event = false;
}

bool tp_eventstream_failed(const struct tp_eventstream *es)
{
    return es->failed;
}
