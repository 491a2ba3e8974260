/* SPDX-License-Identifier: MIT
 * JSON on a stream, through yajl_gen. Integers are written exactly; what is unknown is null.
 */
#ifndef TP_FORMAT_JSON_H
#define TP_FORMAT_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <yajl/yajl_gen.h>

/* A generator and the stream that it is flushed to. One document is open at a time. */
struct tp_json {
    yajl_gen gen;
    FILE *file;
};

/* `pretty`: indented. False without memory. */
bool tp_json_init(struct tp_json *j, FILE *file, bool pretty);
/* Frees; what was not flushed is dropped. The stream stays open: it is the caller's. */
void tp_json_done(struct tp_json *j);
/* Writes the finished document and a newline; the next may follow. */
void tp_json_flush(struct tp_json *j);

/* Structure. Ends pair with begins; a key stands before each value of a map. */
void tp_json_map(struct tp_json *j);
void tp_json_map_end(struct tp_json *j);
void tp_json_array(struct tp_json *j);
void tp_json_array_end(struct tp_json *j);
void tp_json_key(struct tp_json *j, const char *key);

/* Values. NULL text and negative numbers are null. */
void tp_json_text(struct tp_json *j, const char *s);
void tp_json_int(struct tp_json *j, int64_t value);
void tp_json_u64(struct tp_json *j, uint64_t value);
/* 0 is false, 1 is true, a negative number null. */
void tp_json_truth(struct tp_json *j, int64_t value);
/* 10^-9 of a currency, as a decimal fraction. */
void tp_json_nano(struct tp_json *j, bool known, uint64_t nano);

/* Key and value. */
void tp_json_kv_text(struct tp_json *j, const char *key, const char *s);
void tp_json_kv_int(struct tp_json *j, const char *key, int64_t value);
void tp_json_kv_u64(struct tp_json *j, const char *key, uint64_t value);
void tp_json_kv_truth(struct tp_json *j, const char *key, int64_t value);
void tp_json_kv_nano(struct tp_json *j, const char *key, bool known, uint64_t nano);

#endif
