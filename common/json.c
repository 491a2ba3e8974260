/* SPDX-License-Identifier: MIT */
#include "common/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_run.h"

enum state {
    VALUE,      /* a value must come */
    FIRST_ITEM, /* a value or ']' */
    FIRST_KEY,  /* a key or '}' */
    NEXT_KEY,   /* a key */
    COLON,
    AFTER, /* ',' or the container's end */
    STRING,
    ESCAPE,
    HEX,
    LITERAL,
    NUMBER,
    DONE,
    FAILED,
};

enum number_state {
    MINUS,
    ZERO,
    INTEGER,
    POINT,
    FRACTION,
    EXPONENT,
    EXPONENT_SIGN,
    EXPONENT_DIGITS
};

#define LEVELS_FIRST_BYTES 64
/* Decoded bytes that go out together: text with an escape in every line would otherwise come in a
 * dozen bytes at a time. */
#define GATHER_BYTES 4096
#define FNV_BASIS 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

void tp_json_init(struct tp_json *json, const struct tp_json_handler *handler, void *cx, bool many)
{
    memset(json, 0, offsetof(struct tp_json, text));
    json->handler = handler;
    json->cx = cx;
    json->many = many;
    json->state = VALUE;
}

void tp_json_done(struct tp_json *json)
{
    if (!json)
        return;
    free(json->levels);
    json->levels = NULL;
    json->levels_bytes = 0;
}

void tp_json_reset(struct tp_json *json)
{
    struct tp_json kept = {.levels = json->levels, .levels_bytes = json->levels_bytes};
    tp_json_init(json, json->handler, json->cx, json->many);
    json->levels = kept.levels;
    json->levels_bytes = kept.levels_bytes;
}

bool tp_json_at_rest(const struct tp_json *json)
{
    return json->depth == 0 && (json->state == VALUE || json->state == DONE);
}

/* The scanner stays failed: a document that broke once has no place to go on from. */
static int fail(struct tp_json *json, enum tp_json_problem problem)
{
    json->problem = (uint8_t)problem;
    json->state = FAILED;
    return -EBADMSG;
}

static void give(struct tp_json *json, enum tp_json_type type)
{
    struct tp_json_event event = {.type = type, .first = true, .last = true};
    json->handler->value(json->cx, &event);
}

/* `many`: after a value at the top another may begin, as in NDJSON. */
static void value_ended(struct tp_json *json)
{
    if (json->depth) {
        json->state = AFTER;
        return;
    }
    json->state = json->many ? VALUE : DONE;
    if (json->handler->end)
        json->handler->end(json->cx);
}

/* ---- containers ---- */

/* A bit a level, grown by doubling: a million levels take 128 KiB, and no stack. */
static int level_push(struct tp_json *json, bool object)
{
    if (json->depth >= TP_JSON_DEPTH_MAX)
        return fail(json, TP_JSON_TOO_DEEP);
    if (json->depth / 8 >= json->levels_bytes) {
        size_t bytes = json->levels_bytes ? 2 * json->levels_bytes : LEVELS_FIRST_BYTES;
        uint8_t *levels = realloc(json->levels, bytes);
        if (!levels)
            return fail(json, TP_JSON_NO_MEMORY);
        json->levels = levels;
        json->levels_bytes = bytes;
    }
    uint8_t bit = (uint8_t)(1u << (json->depth % 8));
    if (object)
        json->levels[json->depth / 8] |= bit;
    else
        json->levels[json->depth / 8] &= (uint8_t)~bit;
    json->depth++;
    return 0;
}

/* Asked only with depth > 0. */
static bool in_object(const struct tp_json *json)
{
    size_t i = json->depth - 1;
    return json->levels[i / 8] >> (i % 8) & 1;
}

static int container_begin(struct tp_json *json, bool object)
{
    int err = level_push(json, object);
    if (err)
        return err;
    json->state = object ? FIRST_KEY : FIRST_ITEM;
    give(json, object ? TP_JSON_OBJECT_BEGIN : TP_JSON_ARRAY_BEGIN);
    return 0;
}

static int container_end(struct tp_json *json, bool object)
{
    if (json->depth == 0 || in_object(json) != object)
        return fail(json, TP_JSON_BAD_END);
    json->depth--;
    give(json, object ? TP_JSON_OBJECT_END : TP_JSON_ARRAY_END);
    value_ended(json);
    return 0;
}

/* ---- strings ---- */

/* Fragments point into the room of the feed at hand; nobody keeps them. */
static void give_string(struct tp_json *json, const char *data, size_t n, bool last)
{
    struct tp_json_event event = {
        .type = TP_JSON_STRING, .first = !json->string_begun, .last = last, .data = data, .len = n};
    json->string_begun = true;
    json->handler->value(json->cx, &event);
}

static void gathered_out(struct tp_json *json)
{
    if (json->gathered)
        give_string(json, json->gather, json->gathered, false);
    json->gathered = 0;
}

/* FNV-1a (public domain, Fowler, Noll and Vo): keys are short and come in any pieces. It only
 * keeps long keys apart. */
static void key_add(struct tp_json *json, const char *data, size_t n)
{
    size_t room = sizeof(json->text) - json->text_len;
    size_t kept = n < room ? n : room;
    for (size_t i = 0; i < n; i++)
        json->key_hash = (json->key_hash ^ (uint8_t)data[i]) * FNV_PRIME;
    memcpy(json->text + json->text_len, data, kept);
    json->text_len += kept;
    json->key_len += n;
}

static void string_add(struct tp_json *json, const char *data, size_t n)
{
    if (json->in_key) {
        key_add(json, data, n);
        return;
    }
    while (n) {
        size_t room = GATHER_BYTES - json->gathered, kept = n < room ? n : room;
        memcpy(json->gather + json->gathered, data, kept);
        json->gathered += kept;
        data += kept;
        n -= kept;
        if (n)
            gathered_out(json);
    }
}

/* UTF-8, RFC 3629. Halves of pairs never come here. */
static void code_add(struct tp_json *json, uint32_t c)
{
    char u[4];
    size_t n = 0;
    if (c < 0x80) {
        u[n++] = (char)c;
    } else if (c < 0x800) {
        u[n++] = (char)(0xc0 | c >> 6);
        u[n++] = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        u[n++] = (char)(0xe0 | c >> 12);
        u[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        u[n++] = (char)(0x80 | (c & 0x3f));
    } else {
        u[n++] = (char)(0xf0 | c >> 18);
        u[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        u[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        u[n++] = (char)(0x80 | (c & 0x3f));
    }
    string_add(json, u, n);
}

/* The first half of a pair, and no second: the grammar allows it, UTF-8 does not (RFC 8259
 * section 8.2). */
static void high_alone(struct tp_json *json)
{
    if (json->high)
        code_add(json, 0xfffd);
    json->high = 0;
}

/* One \u escape is whole (RFC 8259 section 7: pairs of halves stand for what lies past U+FFFF). */
static void unit_add(struct tp_json *json, uint32_t u)
{
    if (json->high && u >= 0xdc00 && u <= 0xdfff) {
        uint32_t c = 0x10000 + ((json->high - 0xd800) << 10) + (u - 0xdc00);
        json->high = 0;
        code_add(json, c);
        return;
    }
    high_alone(json);
    if (u >= 0xd800 && u <= 0xdbff)
        json->high = u;
    else
        code_add(json, u >= 0xdc00 && u <= 0xdfff ? 0xfffd : u);
}

static void key_out(struct tp_json *json)
{
    static const char hex[] = "0123456789abcdef";
    if (json->key_len > sizeof(json->text))
        for (int i = 0; i < 16; i++)
            json->text[sizeof(json->text) - 16 + i] = hex[json->key_hash >> (60 - 4 * i) & 15];
    json->handler->key(json->cx, json->text, json->text_len);
    json->text_len = 0;
    json->state = COLON;
}

/* The closing quote; [data, n) is what stood before it and was not added yet. */
static void string_close(struct tp_json *json, const char *data, size_t n)
{
    high_alone(json);
    if (json->in_key) {
        key_add(json, data, n);
        key_out(json);
        return;
    }
    string_add(json, data, n);
    give_string(json, json->gather, json->gathered, true);
    json->gathered = 0;
    value_ended(json);
}

static void string_begin(struct tp_json *json, bool key)
{
    json->state = STRING;
    json->in_key = key;
    json->string_begun = false;
    json->text_len = 0;
    json->gathered = 0;
    json->high = 0;
    json->key_len = 0;
    json->key_hash = FNV_BASIS;
}

/* First byte in [p, end) that a string does not simply contain. */
static const char *find_special(const char *p, const char *end)
{
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p > 0x1f)
        p++;
    return p;
}

/* Where runs end: takes what is left of one, then the byte that ended it. */
static const char *take_run_end(struct tp_json *json, const char *p, const char *end)
{
    const char *stop = find_special(p, end);
    if (stop != p)
        high_alone(json);
    if (stop == end) {
        string_add(json, p, (size_t)(end - p));
        return end;
    }
    if (*stop == '"') {
        string_close(json, p, (size_t)(stop - p));
    } else if (*stop == '\\') {
        string_add(json, p, (size_t)(stop - p));
        json->state = ESCAPE;
    } else {
        fail(json, TP_JSON_BAD_STRING);
        return stop;
    }
    return stop + 1;
}

/* Takes bytes of a string; returns where it stopped, with the state changed, or end. */
static const char *take_string(struct tp_json *json, const char *p, const char *end)
{
    while (!json->in_key && !json->high) {
        json->gathered +=
            tp_json_run(&p, end, json->gather + json->gathered, GATHER_BYTES - json->gathered);
        if (json->gathered + TP_JSON_RUN_ROOM <= GATHER_BYTES)
            break;
        gathered_out(json);
    }
    return p < end ? take_run_end(json, p, end) : p;
}

static int take_escape(struct tp_json *json, char c)
{
    char plain = tp_json_escapes[(unsigned char)c];
    if (c == 'u') {
        json->state = HEX;
        json->hex_left = 4;
        json->code = 0;
        return 0;
    }
    if (!plain)
        return fail(json, TP_JSON_BAD_STRING);
    high_alone(json);
    string_add(json, &plain, 1);
    json->state = STRING;
    return 0;
}

static int take_hex(struct tp_json *json, char c)
{
    uint32_t digit;
    if (c >= '0' && c <= '9')
        digit = (uint32_t)(c - '0');
    else if ((c | 32) >= 'a' && (c | 32) <= 'f')
        digit = (uint32_t)((c | 32) - 'a' + 10);
    else
        return fail(json, TP_JSON_BAD_STRING);
    json->code = json->code << 4 | digit;
    if (--json->hex_left)
        return 0;
    unit_add(json, json->code);
    json->state = STRING;
    return 0;
}

/* ---- literals and numbers ---- */

static void literal_begin(struct tp_json *json, const char *word)
{
    json->state = LITERAL;
    json->literal = word;
    json->literal_at = 1;
}

static int take_literal(struct tp_json *json, char c)
{
    if (c != json->literal[json->literal_at])
        return fail(json, TP_JSON_BAD_LITERAL);
    if (json->literal[++json->literal_at])
        return 0;
    give(json, json->literal[0] == 't'   ? TP_JSON_TRUE
               : json->literal[0] == 'f' ? TP_JSON_FALSE
                                         : TP_JSON_NULL);
    value_ended(json);
    return 0;
}

/* The rest of a longer number is checked and dropped; no count has 128 digits. */
static void number_keep(struct tp_json *json, char c)
{
    if (json->text_len < TP_JSON_NUMBER_MAX)
        json->text[json->text_len++] = c;
    else
        json->number_cut = true;
}

/* Numbers go out as written: a double would round 64-bit counts. */
static void number_begin(struct tp_json *json, char c)
{
    json->state = NUMBER;
    json->number_state = c == '-' ? MINUS : c == '0' ? ZERO : INTEGER;
    json->text_len = 0;
    json->number_cut = false;
    number_keep(json, c);
}

/* The state after byte c, or -1 where c does not belong to the number. */
static int number_next(int state, char c)
{
    bool digit = c >= '0' && c <= '9', exponent = c == 'e' || c == 'E';
    switch (state) {
    case MINUS:
        return !digit ? -1 : c == '0' ? ZERO : INTEGER;
    case ZERO:
        return c == '.' ? POINT : exponent ? EXPONENT : -1;
    case INTEGER:
        return digit ? INTEGER : c == '.' ? POINT : exponent ? EXPONENT : -1;
    case POINT:
        return digit ? FRACTION : -1;
    case FRACTION:
        return digit ? FRACTION : exponent ? EXPONENT : -1;
    case EXPONENT:
        return c == '+' || c == '-' ? EXPONENT_SIGN : digit ? EXPONENT_DIGITS : -1;
    default:
        return digit ? EXPONENT_DIGITS : -1;
    }
}

/* A number ends only at the byte after it, which belongs to what follows. */
static int number_end(struct tp_json *json)
{
    int s = json->number_state;
    if (s != ZERO && s != INTEGER && s != FRACTION && s != EXPONENT_DIGITS)
        return fail(json, TP_JSON_BAD_NUMBER);
    struct tp_json_event event = {.type = TP_JSON_NUMBER,
                                  .first = true,
                                  .last = !json->number_cut,
                                  .data = json->text,
                                  .len = json->text_len};
    json->handler->value(json->cx, &event);
    json->text_len = 0;
    value_ended(json);
    return 0;
}

/* Returns 1 if c was taken, 0 if the number ended before it, or negative. */
static int take_number(struct tp_json *json, char c)
{
    int next = number_next(json->number_state, c);
    if (next < 0)
        return number_end(json);
    json->number_state = (uint8_t)next;
    number_keep(json, c);
    return 1;
}

/* ---- structure ---- */

static int value_begin(struct tp_json *json, char c)
{
    if (c == '"')
        string_begin(json, false);
    else if (c == '{' || c == '[')
        return container_begin(json, c == '{');
    else if (c == '-' || (c >= '0' && c <= '9'))
        number_begin(json, c);
    else if (c == 't')
        literal_begin(json, "true");
    else if (c == 'f')
        literal_begin(json, "false");
    else if (c == 'n')
        literal_begin(json, "null");
    else
        return fail(json, TP_JSON_BAD_VALUE);
    return 0;
}

static int take_after(struct tp_json *json, char c)
{
    if (c == '}' || c == ']')
        return container_end(json, c == '}');
    if (c != ',')
        return fail(json, TP_JSON_BAD_VALUE);
    json->state = in_object(json) ? NEXT_KEY : VALUE;
    return 0;
}

/* One byte outside strings, numbers and literals. */
static int take_structure(struct tp_json *json, char c)
{
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t')
        return 0;
    switch (json->state) {
    case VALUE:
        return value_begin(json, c);
    case FIRST_ITEM:
        return c == ']' ? container_end(json, false) : value_begin(json, c);
    case FIRST_KEY:
        if (c == '}')
            return container_end(json, true);
        /* fall through */
    case NEXT_KEY:
        if (c != '"')
            return fail(json, TP_JSON_BAD_VALUE);
        string_begin(json, true);
        return 0;
    case COLON:
        if (c != ':')
            return fail(json, TP_JSON_BAD_VALUE);
        json->state = VALUE;
        return 0;
    case AFTER:
        return take_after(json, c);
    default:
        return fail(json, TP_JSON_BAD_END);
    }
}

/* Takes one byte, or for a number's end none. */
static int take_byte(struct tp_json *json, char c, const char **p)
{
    int took = 1;
    int err = 0;
    switch (json->state) {
    case ESCAPE:
        err = take_escape(json, c);
        break;
    case HEX:
        err = take_hex(json, c);
        break;
    case LITERAL:
        err = take_literal(json, c);
        break;
    case NUMBER:
        took = take_number(json, c);
        err = took < 0 ? took : 0;
        break;
    default:
        err = take_structure(json, c);
    }
    if (!err)
        *p += took;
    return err;
}

int tp_json_feed(struct tp_json *json, const char *data, size_t n)
{
    char room[GATHER_BYTES];
    const char *p = data, *end = data + n;
    json->gather = room;
    while (p < end && json->state != FAILED) {
        if (json->state == STRING)
            p = take_string(json, p, end);
        else if (take_byte(json, *p, &p))
            break;
    }
    json->offset += (uint64_t)(p - data);
    if (json->state != FAILED)
        gathered_out(json);
    json->gathered = 0;
    json->gather = NULL;
    return json->state == FAILED ? -EBADMSG : 0;
}

int tp_json_end(struct tp_json *json)
{
    if (json->state == NUMBER && json->depth == 0 && number_end(json))
        return -EBADMSG;
    if (json->state == FAILED)
        return -EBADMSG;
    if (json->state == DONE || (json->many && tp_json_at_rest(json)))
        return 0;
    return fail(json, TP_JSON_CUT);
}
