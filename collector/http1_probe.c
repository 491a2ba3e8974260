/* SPDX-License-Identifier: MIT */
#include "collector/http1_probe.h"

#include <string.h>

/* The longest registered method is UPDATEREDIRECTREF; a longer word is text. */
#define METHOD_BYTES_MAX 20
/* Text is told from heads by the first line, early: otherwise a body without line ends would be
 * held back to the ceiling, again and again. */
#define EARLY_BYTES 256 /* of an unfinished first line, this much is looked at */
#define REASON_BYTES_MAX 64
#define EXTENSION_BYTES_MAX 256
#define TRAILER_BYTES_MAX 4096 /* as many as are held back while a guess is judged */

int tp_hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* tchar of RFC 9110, 5.6.2 */
static bool is_token_char(uint8_t c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c && strchr("!#$%&'*+-.^_`|~", c);
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Compares with a pattern in which '#' is a digit. */
static enum tp_probe probe_pattern(const uint8_t *p, size_t n, const char *pattern)
{
    for (size_t i = 0; pattern[i]; i++) {
        if (i == n)
            return TP_PROBE_MORE;
        if (pattern[i] == '#' ? !is_digit(p[i]) : p[i] != (uint8_t)pattern[i])
            return TP_PROBE_NO;
    }
    return TP_PROBE_YES;
}

/* A quoted status line in JSON or source text has quotes or escapes near it. */
static bool reason_is_plain(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\')
            return false;
    return n <= REASON_BYTES_MAX;
}

/* `n` bytes without line end if `whole`. */
static enum tp_probe probe_status_line(const uint8_t *p, size_t n, bool whole, bool strict)
{
    enum tp_probe probe = probe_pattern(p, n, "HTTP/1.# ###");
    if (probe != TP_PROBE_YES)
        return whole ? TP_PROBE_NO : probe;
    if (n > 12 && p[12] != ' ' && p[12] != '\r')
        return TP_PROBE_NO;
    if (strict && whole && !reason_is_plain(p + 12, n - 12))
        return TP_PROBE_NO;
    return whole ? TP_PROBE_YES : TP_PROBE_MORE;
}

/* `whole`: all of the method is there. */
static bool method_is_known(const uint8_t *p, size_t n, bool whole)
{
    static const char *const methods[] = {"GET",    "POST",    "PUT",   "HEAD",   "PATCH",
                                          "DELETE", "OPTIONS", "TRACE", "CONNECT"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if ((whole ? strlen(methods[i]) == n : strlen(methods[i]) >= n) &&
            memcmp(methods[i], p, n) == 0)
            return true;
    return false;
}

/* RFC 9112, 3.2: path, absolute URI, asterisk; authority for CONNECT alone. */
static bool target_is_likely(const uint8_t *method, uint8_t first)
{
    return first == '/' || first == 'h' || first == '*' || *method == 'C';
}

static enum tp_probe probe_request_line(const uint8_t *p, size_t n, bool whole, bool strict)
{
    enum tp_probe more = whole ? TP_PROBE_NO : TP_PROBE_MORE;
    size_t i = 0;
    while (i < n && i < METHOD_BYTES_MAX &&
           ((p[i] >= 'A' && p[i] <= 'Z') || p[i] == '-' || p[i] == '_'))
        i++;
    if (strict && !method_is_known(p, i, i < n))
        return TP_PROBE_NO;
    if (i == n)
        return more;
    if (i == 0 || p[i] != ' ')
        return TP_PROBE_NO;
    size_t target = ++i;
    while (i < n && p[i] > ' ' && p[i] != 0x7f)
        i++;
    if (strict && target < n && !target_is_likely(p, p[target]))
        return TP_PROBE_NO;
    if (i == n)
        return more;
    if (i == target || p[i] != ' ')
        return TP_PROBE_NO;
    enum tp_probe probe = probe_pattern(p + i + 1, n - i - 1, "HTTP/1.#");
    if (probe != TP_PROBE_YES)
        return probe == TP_PROBE_MORE ? more : probe;
    i += 9;
    if (i < n && p[i] != '\r')
        return TP_PROBE_NO;
    return whole ? TP_PROBE_YES : TP_PROBE_MORE;
}

/* Before the role is known, either may come first: tried as an answer, whose start is fixed text.
 */
static enum tp_probe probe_first_line(enum tp_http1_role role, bool strict, const uint8_t *p,
                                      size_t n, bool whole)
{
    enum tp_probe probe = TP_PROBE_NO;
    if (role != TP_HTTP1_REQUESTS)
        probe = probe_status_line(p, n, whole, strict);
    if (probe == TP_PROBE_NO && role != TP_HTTP1_RESPONSES)
        probe = probe_request_line(p, n, whole, strict);
    return probe;
}

static bool is_field_line(const uint8_t *p, size_t n)
{
    size_t i = 0;
    while (i < n && is_token_char(p[i]))
        i++;
    return i > 0 && i < n && p[i] == ':' && !memchr(p, 0, n);
}

/* Where text is searched, bare LF is refused: real heads have CRLF, and text about HTTP mostly not.
 */
/* One whole line; NO where it cannot stand in this head, YES where it ends it. */
static enum tp_probe probe_line(struct tp_head_probe *state, enum tp_http1_role role, bool strict,
                                const uint8_t *p, size_t n)
{
    bool crlf = n > 0 && p[n - 1] == '\r';
    if (strict && !crlf)
        return TP_PROBE_NO;
    n -= crlf;
    if (state->line == 0)
        return probe_first_line(role, strict, p, n, true) == TP_PROBE_YES ? TP_PROBE_MORE
                                                                          : TP_PROBE_NO;
    if (n == 0)
        return strict && !state->fields ? TP_PROBE_NO : TP_PROBE_YES;
    if (strict && !is_field_line(p, n))
        return TP_PROBE_NO;
    state->fields = true;
    return TP_PROBE_MORE;
}

enum tp_probe tp_probe_head(struct tp_head_probe *state, enum tp_http1_role role, bool strict,
                            const uint8_t *data, size_t n, size_t *ret_len)
{
    for (;;) {
        const uint8_t *lf = memchr(data + state->seen, '\n', n - state->seen);
        if (!lf)
            break;
        size_t len = (size_t)(lf - data) - state->line;
        enum tp_probe probe = probe_line(state, role, strict, data + state->line, len);
        if (probe == TP_PROBE_NO)
            return TP_PROBE_NO;
        state->line = state->seen = (size_t)(lf - data) + 1;
        if (probe == TP_PROBE_YES) {
            *ret_len = state->line;
            return TP_PROBE_YES;
        }
    }
    bool early = state->line == 0 && state->seen < EARLY_BYTES;
    state->seen = n;
    if (!early)
        return TP_PROBE_MORE;
    return probe_first_line(role, strict, data, n < EARLY_BYTES ? n : EARLY_BYTES, false);
}

/* [;ext] CRLF; *at moves behind it. */
static enum tp_probe probe_size_end(const uint8_t *p, size_t n, size_t *at)
{
    size_t i = *at;
    while (i < n && (p[i] == ' ' || p[i] == '\t'))
        i++;
    if (i < n && p[i] == ';')
        while (i < n && p[i] >= ' ' && i - *at < EXTENSION_BYTES_MAX)
            i++;
    enum tp_probe probe = probe_pattern(p + i, n - i, "\r\n");
    *at = i + 2;
    return i - *at + 2 > EXTENSION_BYTES_MAX ? TP_PROBE_NO : probe;
}

/* Fields and an empty line (RFC 9112, 7.1.2); *at moves behind them. */
static enum tp_probe probe_trailer(const uint8_t *p, size_t n, size_t *at)
{
    for (size_t i = *at; i - *at < TRAILER_BYTES_MAX;) {
        enum tp_probe probe = probe_pattern(p + i, n - i, "\r\n");
        if (probe == TP_PROBE_YES)
            *at = i + 2;
        if (probe != TP_PROBE_NO)
            return probe;
        const uint8_t *lf = memchr(p + i, '\n', n - i);
        size_t len = lf ? (size_t)(lf - (p + i)) : n - i;
        size_t name = 0;
        while (name < len && is_token_char(p[i + name]))
            name++;
        if (name == 0 || (name < len && p[i + name] != ':'))
            return TP_PROBE_NO;
        if (!lf)
            return TP_PROBE_MORE;
        if (name == len || p[i + len - 1] != '\r')
            return TP_PROBE_NO;
        i += len + 1;
    }
    return TP_PROBE_NO;
}

/* Four anchors make a boundary: CRLF, a plausible size, CRLF, and what must stand behind the data
 * where that is at hand. In random bytes that is rarer than one in billions; text would need a line
 * that is a number, with a CRLF exactly that far behind it. */
enum tp_probe tp_probe_chunk(const uint8_t *data, size_t n, bool fresh, size_t *ret_len,
                             uint64_t *ret_size)
{
    size_t i = 0;
    enum tp_probe probe = probe_pattern(data, n, "\r\n");
    if (probe == TP_PROBE_MORE)
        return probe;
    if (probe == TP_PROBE_YES)
        i = 2;
    else if (!fresh)
        return TP_PROBE_NO;
    else if (data[0] == '\n')
        i = 1;
    size_t digits = i;
    uint64_t size = 0;
    while (i < n && i - digits < 8 && tp_hex_value(data[i]) >= 0)
        size = size * 16 + (uint64_t)tp_hex_value(data[i++]);
    if (i == n)
        return TP_PROBE_MORE;
    if (i == digits)
        return TP_PROBE_NO;
    probe = probe_size_end(data, n, &i);
    if (probe != TP_PROBE_YES)
        return probe;
    /* What must follow, as far as it is at hand: the trailer, or the CRLF behind the data. */
    if (size == 0) {
        probe = probe_trailer(data, n, &i);
        if (probe != TP_PROBE_YES)
            return probe;
    } else if (n - i > size &&
               probe_pattern(data + i + size, n - i - size, "\r\n") == TP_PROBE_NO) {
        return TP_PROBE_NO;
    }
    *ret_len = i;
    *ret_size = size;
    return TP_PROBE_YES;
}

bool tp_chunk_size(const uint8_t *p, size_t n, uint64_t *ret_size)
{
    uint64_t size = 0;
    size_t i = 0;
    for (; i < n && tp_hex_value(p[i]) >= 0; i++) {
        if (size >> 56)
            return false;
        size = size * 16 + (uint64_t)tp_hex_value(p[i]);
    }
    size_t digits = i;
    while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\r'))
        i++;
    *ret_size = size;
    return digits > 0 && (i == n || p[i] == ';');
}
