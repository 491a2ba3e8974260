/* SPDX-License-Identifier: MIT */
#include "analyzer/format/json.h"

#include <inttypes.h>
#include <string.h>

#include "common/prices.h"

bool tp_json_init(struct tp_json *j, FILE *file, bool pretty)
{
    j->file = file;
    j->gen = yajl_gen_alloc(NULL);
    if (!j->gen)
        return false;
    yajl_gen_config(j->gen, yajl_gen_beautify, pretty);
    yajl_gen_config(j->gen, yajl_gen_indent_string, "  ");
    return true;
}

void tp_json_done(struct tp_json *j)
{
    if (j->gen)
        yajl_gen_free(j->gen);
    j->gen = NULL;
}

void tp_json_flush(struct tp_json *j)
{
    const unsigned char *text;
    size_t n;
    yajl_gen_get_buf(j->gen, &text, &n);
    fwrite(text, 1, n, j->file);
    if (n > 0 && text[n - 1] != '\n')
        fputc('\n', j->file);
    yajl_gen_clear(j->gen);
    yajl_gen_reset(j->gen, NULL);
}

void tp_json_map(struct tp_json *j)
{
    yajl_gen_map_open(j->gen);
}

void tp_json_map_end(struct tp_json *j)
{
    yajl_gen_map_close(j->gen);
}

void tp_json_array(struct tp_json *j)
{
    yajl_gen_array_open(j->gen);
}

void tp_json_array_end(struct tp_json *j)
{
    yajl_gen_array_close(j->gen);
}

void tp_json_key(struct tp_json *j, const char *key)
{
    yajl_gen_string(j->gen, (const unsigned char *)key, strlen(key));
}

void tp_json_text(struct tp_json *j, const char *s)
{
    if (s)
        tp_json_key(j, s);
    else
        yajl_gen_null(j->gen);
}

void tp_json_u64(struct tp_json *j, uint64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%" PRIu64, value);
    yajl_gen_number(j->gen, text, (size_t)n);
}

void tp_json_int(struct tp_json *j, int64_t value)
{
    if (value < 0)
        yajl_gen_null(j->gen);
    else
        tp_json_u64(j, (uint64_t)value);
}

void tp_json_truth(struct tp_json *j, int64_t value)
{
    if (value < 0)
        yajl_gen_null(j->gen);
    else
        yajl_gen_bool(j->gen, value != 0);
}

void tp_json_nano(struct tp_json *j, bool known, uint64_t nano)
{
    char text[40];
    if (!known) {
        yajl_gen_null(j->gen);
        return;
    }
    tp_prices_format(nano, text, sizeof(text));
    yajl_gen_number(j->gen, text, strlen(text));
}

void tp_json_kv_text(struct tp_json *j, const char *key, const char *s)
{
    tp_json_key(j, key);
    tp_json_text(j, s);
}

void tp_json_kv_int(struct tp_json *j, const char *key, int64_t value)
{
    tp_json_key(j, key);
    tp_json_int(j, value);
}

void tp_json_kv_u64(struct tp_json *j, const char *key, uint64_t value)
{
    tp_json_key(j, key);
    tp_json_u64(j, value);
}

void tp_json_kv_truth(struct tp_json *j, const char *key, int64_t value)
{
    tp_json_key(j, key);
    tp_json_truth(j, value);
}

void tp_json_kv_nano(struct tp_json *j, const char *key, bool known, uint64_t nano)
{
    tp_json_key(j, key);
    tp_json_nano(j, known, nano);
}
