/* SPDX-License-Identifier: MIT */
#include "collector/http_head.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *tp_http_field(const struct tp_http_head *head, const char *name)
{
    const struct tp_head *h = head ? head->fields : NULL;
    for (size_t i = 0; h && i < h->count; i++)
        if (strcmp(h->fields[i].name, name) == 0)
            return h->fields[i].value;
    return NULL;
}

/* OWS of RFC 9110, 5.6.3: nothing else may stand around a value. */
static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A lone LF ends a line too (RFC 9112, 2.2), as real parsers have it. */
/* Ends the line at p with a NUL and returns the start of the next one. */
static char *cut_line(char *p, char *end)
{
    char *lf = memchr(p, '\n', (size_t)(end - p));
    char *next = lf ? lf + 1 : end;
    char *stop = lf ? lf : end;
    if (stop > p && stop[-1] == '\r')
        stop--;
    *stop = '\0';
    return next;
}

static char *trim(char *s)
{
    while (is_blank(*s))
        s++;
    size_t n = strlen(s);
    while (n > 0 && is_blank(s[n - 1]))
        s[--n] = '\0';
    return s;
}

/* obs-fold (RFC 9112, 5.2): a line that starts with blank goes on with the one before. NULs would
 * end the strings early. */
static void unfold(char *p, char *end)
{
    for (; p < end; p++) {
        if (*p == '\0')
            *p = ' ';
        if (*p == '\n' && p + 1 < end && is_blank(p[1])) {
            if (p[-1] == '\r')
                p[-1] = ' ';
            *p = ' ';
        }
    }
}

/* A line without a name is passed over, not refused: the client or server at hand accepted this
 * head, and one odd line must not cost a call. */
static int add_field(struct tp_head *h, char *line)
{
    char *colon = strchr(line, ':');
    if (!colon || colon == line)
        return 0;
    if (h->count == TP_HEAD_FIELDS_MAX)
        return -E2BIG;
    *colon = '\0';
    char *name = trim(line);
    for (char *c = name; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    h->fields[h->count++] = (struct tp_head_field){name, trim(colon + 1)};
    return 0;
}

static bool repeated_later(const struct tp_head *h, size_t i)
{
    for (size_t k = i + 1; k < h->count; k++)
        if (strcmp(h->fields[k].name, h->fields[i].name) == 0)
            return true;
    return false;
}

static char *append(char *at, const char *s)
{
    size_t n = strlen(s);
    memcpy(at, s, n);
    return at + n;
}

/* Field i's values become one, joined with ", ", at `at`; the later ones leave the table. */
static char *join_field(struct tp_head *h, size_t i, char *at)
{
    char *start = at;
    at = append(at, h->fields[i].value);
    size_t kept = i + 1;
    for (size_t k = i + 1; k < h->count; k++) {
        if (strcmp(h->fields[k].name, h->fields[i].name) == 0) {
            at = append(at, ", ");
            at = append(at, h->fields[k].value);
        } else {
            h->fields[kept++] = h->fields[k];
        }
    }
    h->count = kept;
    *at++ = '\0';
    h->fields[i].value = start;
    return at;
}

/* RFC 9110, 5.3: a list may be split over fields of one name; a consumer must not see half of it.
 * In `joined` each value is copied once, with two bytes more between and one behind: 3 a field
 * suffice. */
static int join_repeated(struct tp_head *h, size_t n)
{
    char *at = NULL;
    for (size_t i = 0; i < h->count; i++) {
        if (!repeated_later(h, i))
            continue;
        if (!h->joined)
            at = h->joined = malloc(n + 3 * TP_HEAD_FIELDS_MAX);
        if (!h->joined)
            return -ENOMEM;
        at = join_field(h, i, at);
    }
    return 0;
}

/* Not atoi(): "200" may be followed by anything, and only 100 to 999 is a status (RFC 9110, 15). */
/* Three digits, or 0. */
static int status_of(const char *s)
{
    int status = 0;
    for (int i = 0; i < 3; i++) {
        if (s[i] < '0' || s[i] > '9')
            return 0;
        status = status * 10 + (s[i] - '0');
    }
    return status;
}

/* "HTTP/1.1 200 OK" or "POST /path HTTP/1.1"; the version's text stays in place. */
static int parse_start(struct tp_head *h, char *line)
{
    struct tp_http_head *http = &h->http;
    if (strncmp(line, "HTTP/", 5) == 0) {
        char *sp = strchr(line, ' ');
        if (!sp)
            return -EBADMSG;
        *sp = '\0';
        http->version = line + 5;
        http->status = status_of(sp + 1);
        http->method = http->target = "";
        return http->status < 100 ? -EBADMSG : 0;
    }
    char *sp = strchr(line, ' ');
    /* From both ends: a target with unescaped blanks is wrong, but servers take it. */
    char *last = strrchr(line, ' ');
    if (!sp || last == sp || strncmp(last + 1, "HTTP/", 5) != 0)
        return -EBADMSG;
    *sp = *last = '\0';
    h->request = true;
    http->method = line;
    http->target = sp + 1;
    http->version = last + 6;
    return 0;
}

static int parse_lines(struct tp_head *h, char *text, size_t n)
{
    char *end = text + n;
    char *p = text;
    while (p < end && (*p == '\r' || *p == '\n'))
        p++;
    unfold(p + (p < end), end);
    char *next = cut_line(p, end);
    int err = parse_start(h, p);
    while (!err && next < end) {
        p = next;
        next = cut_line(p, end);
        err = add_field(h, p);
    }
    return err ? err : join_repeated(h, n);
}

/* Two allocations for a head, whatever its size: the text, cut in place, and the table, sized by
 * the lines that there are. */
int tp_head_parse(struct tp_head *ret_head, const uint8_t *data, size_t n)
{
    struct tp_head h = {0};
    int err = -ENOMEM;
    size_t lines = 0;
    for (size_t i = 0; i < n; i++)
        lines += data[i] == '\n';
    if (lines > TP_HEAD_FIELDS_MAX)
        lines = TP_HEAD_FIELDS_MAX;
    h.text = malloc(n + 1);
    h.fields = calloc(lines + 1, sizeof(*h.fields));
    if (h.text && h.fields) {
        memcpy(h.text, data, n);
        h.text[n] = '\0';
        err = parse_lines(&h, h.text, n);
    }
    if (err) {
        tp_head_done(&h);
        return err;
    }
    *ret_head = h;
    ret_head->http.fields = ret_head;
    return 0;
}

static char *past(char *s)
{
    return s + strlen(s) + 1;
}

/* Pseudo-fields say what a start line says. */
static void add_pseudo(struct tp_head *h, const char *name, char *value, char **authority)
{
    if (strcmp(name, ":method") == 0)
        h->http.method = value;
    else if (strcmp(name, ":path") == 0)
        h->http.target = value;
    else if (strcmp(name, ":status") == 0)
        h->http.status = strlen(value) == 3 ? status_of(value) : 0;
    else if (strcmp(name, ":authority") == 0)
        *authority = value;
}

static int add_pairs(struct tp_head *h, size_t count)
{
    static char host[] = "host";
    char *authority = NULL;
    char *at = h->text;

    for (size_t i = 0; i < count; i++) {
        char *name = at, *value = past(at);
        at = past(value);
        if (*name == ':')
            add_pseudo(h, name, value, &authority);
        else if (h->count == TP_HEAD_FIELDS_MAX)
            return -E2BIG;
        else
            h->fields[h->count++] = (struct tp_head_field){name, value};
    }
    if (authority && !tp_http_field(&(struct tp_http_head){.fields = h}, host) &&
        h->count < TP_HEAD_FIELDS_MAX)
        h->fields[h->count++] = (struct tp_head_field){host, authority};
    return 0;
}

int tp_head_of_fields(struct tp_head *ret_head, char *text, size_t n, size_t count)
{
    struct tp_head h = {.text = text, .http = {.method = "", .target = "", .version = "2"}};
    size_t fields = count < TP_HEAD_FIELDS_MAX ? count + 1 : TP_HEAD_FIELDS_MAX;

    h.fields = calloc(fields, sizeof(*h.fields));
    int err = h.fields ? add_pairs(&h, count) : -ENOMEM;
    h.request = *h.http.method != '\0';
    if (!err && h.request == (h.http.status != 0))
        err = -EBADMSG;
    if (!err)
        err = join_repeated(&h, n);
    if (err) {
        tp_head_done(&h);
        return err;
    }
    *ret_head = h;
    ret_head->http.fields = ret_head;
    return 0;
}

static char *append_pair(char *at, const char *name, const char *value)
{
    at = append(at, name) + 1;
    return append(at, value) + 1;
}

int tp_head_copy(struct tp_head *ret_head, const struct tp_head *head)
{
    const struct tp_http_head *http = &head->http;
    char status[8];
    size_t n = sizeof(":method") + sizeof(":path") + strlen(http->method) + strlen(http->target) +
               sizeof(":status") + sizeof(status) + 2;
    for (size_t i = 0; i < head->count; i++)
        n += strlen(head->fields[i].name) + strlen(head->fields[i].value) + 2;
    char *text = calloc(1, n);
    if (!text)
        return -ENOMEM;
    char *at = text;
    snprintf(status, sizeof(status), "%d", http->status % 1000);
    if (head->request) {
        at = append_pair(at, ":method", http->method);
        at = append_pair(at, ":path", http->target);
    } else {
        at = append_pair(at, ":status", status);
    }
    for (size_t i = 0; i < head->count; i++)
        at = append_pair(at, head->fields[i].name, head->fields[i].value);
    return tp_head_of_fields(ret_head, text, (size_t)(at - text),
                             head->count + (head->request ? 2 : 1));
}

void tp_head_done(struct tp_head *head)
{
    free(head->fields);
    free(head->text);
    free(head->joined);
    *head = (struct tp_head){0};
}

/* Parameters (";q=1") belong to the token before them; coding names ignore case (RFC 9110, 8.4.1).
 */
bool tp_head_has_token(const char *value, const char *token)
{
    size_t n = strlen(token);
    while (value && *value) {
        while (is_blank(*value) || *value == ',')
            value++;
        size_t len = strcspn(value, ", \t;");
        if (len == n && strncasecmp(value, token, n) == 0)
            return true;
        value += strcspn(value, ",");
    }
    return false;
}

/* One number of a Content-Length list; -2 if it is none. */
static int64_t length_of(const char *s, const char **ret_end)
{
    int64_t value = 0;
    int digits = 0;
    for (; *s >= '0' && *s <= '9'; s++, digits++) {
        if (value > (INT64_MAX - 9) / 10)
            return -2;
        value = value * 10 + (*s - '0');
    }
    *ret_end = s;
    return digits ? value : -2;
}

/* RFC 9110, 8.6: "3, 3" may be read as 3; two different lengths are an attack or a fault, and where
 * this message ends is anybody's guess. */
int64_t tp_head_content_length(const struct tp_head *head)
{
    const char *s = tp_http_field(&head->http, "content-length");
    if (!s)
        return -1;
    int64_t first = length_of(s, &s);
    while (first >= 0 && *s) {
        if (*s != ',')
            return -2;
        s += 1 + strspn(s + 1, " \t");
        if (length_of(s, &s) != first)
            return -2;
    }
    return first;
}
