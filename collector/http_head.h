/* SPDX-License-Identifier: MIT
 * One HTTP/1 message head, taken apart (RFC 9112 sections 2 to 5).
 */
#ifndef TP_HTTP_HEAD_H
#define TP_HTTP_HEAD_H

#include "collector/exchange.h"

#define TP_HEAD_FIELDS_MAX 512

struct tp_head_field {
    char *name, *value;
};

struct tp_head {
    struct tp_http_head http; /* what consumers see; .fields points to this struct */
    bool request;
    size_t count;
    struct tp_head_field *fields;
    char *text;   /* the head's bytes, cut into strings */
    char *joined; /* values of repeated fields, or NULL */
};

/* Takes n bytes, up to and with the empty line. 0, -EBADMSG (no head), -E2BIG (too many fields) or
 * -ENOMEM. Lines that are no fields are passed over; folded lines are joined. */
int tp_head_parse(struct tp_head *ret_head, const uint8_t *data, size_t n);
void tp_head_done(struct tp_head *head);

/* Makes a head of HTTP/2 fields (RFC 9113, 8.3): `text` is `count` pairs of NUL-terminated name and
 * value, n bytes in all; it becomes the head's, and is freed on errors too. ":authority" stands in
 * for a missing "host". 0, -EBADMSG (neither request nor answer), -E2BIG or -ENOMEM. */
int tp_head_of_fields(struct tp_head *ret_head, char *text, size_t n, size_t count);

/* Does the comma-separated value hold this token (lower case)? A NULL value holds none. */
bool tp_head_has_token(const char *value, const char *token);

/* Content-Length: the value, -1 if absent, -2 if it is no number or names two different ones. */
int64_t tp_head_content_length(const struct tp_head *head);

/* 0 or as tp_head_of_fields(); `head` is a request's or an answer's. */
int tp_head_copy(struct tp_head *ret_head, const struct tp_head *head);

#endif
