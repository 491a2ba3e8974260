/* SPDX-License-Identifier: MIT */
#include "collector/http1.h"

#include <string.h>

/* Chunk extensions count into the line; nobody sends this many. */
#define CHUNK_LINE_BYTES_MAX 4096
/* While searching, a head may have to be held back in full before it is known to be one: shorter
 * than where a head must stand, so that text that looks like one cannot hold much back. */
#define SEARCH_HEAD_BYTES_MAX (16u * 1024u)
/* Held bytes are judged again with this many more, not with all that came: a candidate that fails
 * soon must not cost a copy of a whole record. */
#define HOLD_STEP_BYTES 4096

void tp_http1_init(struct tp_http1 *f, const struct tp_http1_ops *ops, void *cx,
                   size_t head_bytes_max)
{
    *f = (struct tp_http1){.ops = ops, .cx = cx, .head_bytes_max = head_bytes_max};
    size_t hold_max =
        head_bytes_max > SEARCH_HEAD_BYTES_MAX ? head_bytes_max : SEARCH_HEAD_BYTES_MAX;
    tp_buf_init(&f->held, hold_max + HOLD_STEP_BYTES);
}

void tp_http1_done(struct tp_http1 *f)
{
    tp_buf_done(&f->held);
}

static size_t least(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

/* ---- messages ---- */

static void forget_probe(struct tp_http1 *f)
{
    f->probe = (struct tp_head_probe){0};
    f->marked = false;
}

/* Search runs inside messages (their body) and between them (nobody's). */
static void pass(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    if (n == 0)
        return;
    if (f->open)
        f->ops->body(f->cx, data, n);
    else
        f->ops->skipped(f->cx, n);
}

/* open is cleared before the owner hears of it: the owner may stop or abandon the framer from
 * there. */
static void end_message(struct tp_http1 *f, bool lost)
{
    f->state = TP_HTTP1_START;
    f->unsure = f->fresh = false;
    forget_probe(f);
    if (!f->open)
        return;
    f->open = false;
    f->ops->end(f->cx, lost);
    f->guessed = false;
}

/* From here on each boundary is a guess until the next one stands where it says, and the message
 * stays `guessed` to its end, whatever is proven later: its end may be that of another. */
static void go_loose(struct tp_http1 *f)
{
    f->state = TP_HTTP1_LOOSE;
    f->guessed = true;
    f->fresh = false;
    f->unsure = false;
    forget_probe(f);
}

/* The framing breaks the rules though nothing is missing. */
static void break_framing(struct tp_http1 *f)
{
    if (!f->guessed)
        f->lost_at = f->at;
    if (!f->unsure)
        f->ops->hole(f->cx, 0);
    go_loose(f);
}

static void begin_length(struct tp_http1 *f, uint64_t length)
{
    f->left = length;
    f->state = TP_HTTP1_LENGTH;
    if (length == 0)
        end_message(f, false);
}

/* RFC 9112, 6.3. A head that contradicts itself leaves us searching. */
static void begin_body(struct tp_http1 *f, const struct tp_head *head)
{
    const char *coding = tp_http_field(&head->http, "transfer-encoding");
    int64_t length = tp_head_content_length(head);
    if (tp_head_has_token(coding, "chunked"))
        f->state = TP_HTTP1_CHUNK_LINE;
    else if (coding && !head->request)
        f->state = TP_HTTP1_UNTIL_CLOSE;
    else if (coding || length == -2)
        break_framing(f);
    else if (length >= 0)
        begin_length(f, (uint64_t)length);
    else if (head->request)
        end_message(f, false);
    else
        f->state = TP_HTTP1_UNTIL_CLOSE;
}

/* Something was asked or answered here, and nobody can be told what: as good as a hole. */
static void give_up_head(struct tp_http1 *f, size_t n)
{
    f->state = TP_HTTP1_SKIP;
    f->lost_at = f->at;
    f->ops->gap(f->cx, 0);
    f->ops->skipped(f->cx, n);
}

/* DOUBTED: to HEAD, an answer announces a body and sends none (RFC 9112, 6.3, rule 1). Where the
 * request was lost, only the next bytes tell: a head means that there was no body. */
static void take_verdict(struct tp_http1 *f, const struct tp_head *head, size_t n)
{
    enum tp_http1_verdict verdict = f->ops->head(f->cx, head);
    if (verdict == TP_HTTP1_REJECT) {
        give_up_head(f, n);
        return;
    }
    if (verdict == TP_HTTP1_INTERIM || f->state == TP_HTTP1_OPAQUE)
        return;
    f->open = true;
    if (verdict == TP_HTTP1_NO_BODY)
        end_message(f, false);
    else
        begin_body(f, head);
    if (verdict == TP_HTTP1_DOUBTED && f->open) {
        f->doubted = f->state;
        f->state = TP_HTTP1_DOUBT;
    }
}

/* A message that is still open here had its end in a hole: two are never glued together. */
static size_t take_head(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    end_message(f, true);
    struct tp_head head;
    if (tp_head_parse(&head, data, n)) {
        give_up_head(f, n);
        return n;
    }
    take_verdict(f, &head, n);
    tp_head_done(&head);
    return n;
}

/* ---- one step of each state: takes some of the bytes; 0 in the same state: more are needed ----
 */

static void mark_once(struct tp_http1 *f, size_t skip)
{
    if (!f->marked)
        f->ops->mark(f->cx, f->at + skip);
    f->marked = true;
}

/* RFC 9112, 2.2: empty lines may stand before a head. */
static size_t step_start(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    size_t blank = 0;
    if (!f->marked) {
        while (blank < n && (data[blank] == '\r' || data[blank] == '\n'))
            blank++;
        if (blank)
            return blank;
    }
    mark_once(f, 0);
    size_t len = 0;
    enum tp_probe probe = tp_probe_head(&f->probe, f->role, false, data, n, &len);
    if (probe == TP_PROBE_YES && len <= f->head_bytes_max)
        return take_head(f, data, len);
    if (probe == TP_PROBE_MORE && n <= f->head_bytes_max)
        return 0;
    forget_probe(f);
    f->state = TP_HTTP1_GAP;
    f->gap = false;
    if (probe == TP_PROBE_NO)
        return 0;
    if (probe == TP_PROBE_YES)
        n = len;
    give_up_head(f, n);
    return n;
}

/* Probes at data + skip, where a head may or may not stand. */
static enum tp_probe probe_head(struct tp_http1 *f, const uint8_t *data, size_t n, size_t skip,
                                size_t *ret_len)
{
    mark_once(f, skip);
    data += skip;
    n -= skip;
    enum tp_probe probe = tp_probe_head(&f->probe, f->role, true, data, n, ret_len);
    if (probe == TP_PROBE_YES && *ret_len > SEARCH_HEAD_BYTES_MAX)
        probe = TP_PROBE_NO;
    if (probe == TP_PROBE_MORE && n >= SEARCH_HEAD_BYTES_MAX)
        probe = TP_PROBE_NO;
    if (probe == TP_PROBE_NO) {
        *ret_len = f->probe.line ? f->probe.line : 1;
        forget_probe(f);
    }
    return probe;
}

static size_t step_doubt(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    size_t len = 0;
    enum tp_probe probe = probe_head(f, data, n, 0, &len);
    if (probe == TP_PROBE_NO)
        f->state = f->doubted;
    if (probe != TP_PROBE_YES)
        return 0;
    end_message(f, false);
    return take_head(f, data, len);
}

static size_t step_length(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    n = least(f->left, n);
    f->left -= n;
    pass(f, data, n);
    if (f->left == 0)
        end_message(f, false);
    return n;
}

/* Not searched for heads even after a hole: nothing can follow on this connection. */
static size_t step_until_close(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    pass(f, data, n);
    return n;
}

/* RFC 9112, 7.1. Bare LF is taken where the framing is certain; a size that says so is the second
 * of two boundaries in a row and ends all doubt. */
static size_t step_chunk_line(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    const uint8_t *lf = memchr(data, '\n', n);
    if (!lf && n <= CHUNK_LINE_BYTES_MAX && tp_hex_value(data[0]) >= 0)
        return 0;
    uint64_t size = 0;
    if (!lf || !tp_chunk_size(data, (size_t)(lf - data), &size)) {
        break_framing(f);
        return 0;
    }
    f->unsure = false;
    f->left = size;
    f->trailer_bytes = 0;
    f->state = size ? TP_HTTP1_CHUNK_DATA : TP_HTTP1_TRAILER;
    return (size_t)(lf - data) + 1;
}

/* A chunk that was found by guess may reach over a message's end: a head in it ends it. */
static bool find_head(const struct tp_http1 *f, const uint8_t *data, size_t n, size_t *ret_at)
{
    for (const uint8_t *p = data; p < data + n; p++) {
        struct tp_head_probe probe = {0};
        size_t rest = (size_t)(data + n - p), len = 0;
        if (f->role == TP_HTTP1_RESPONSES && !(p = memchr(p, 'H', rest)))
            return false;
        rest = (size_t)(data + n - p);
        if (tp_probe_head(&probe, f->role, true, p, rest, &len) == TP_PROBE_YES) {
            *ret_at = (size_t)(p - data);
            return true;
        }
        if (probe.line > 0)
            p += probe.line - 1;
    }
    return false;
}

static size_t step_chunk_data(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    size_t at;
    n = least(f->left, n);
    if (f->unsure && find_head(f, data, n, &at)) {
        pass(f, data, at);
        go_loose(f);
        return at;
    }
    f->left -= n;
    pass(f, data, n);
    if (f->left == 0)
        f->state = TP_HTTP1_CHUNK_END;
    return n;
}

static size_t step_chunk_end(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    size_t len = data[0] == '\r' ? 2 : 1;
    if (n < len)
        return 0;
    if (data[len - 1] != '\n') {
        break_framing(f);
        return 0;
    }
    f->state = TP_HTTP1_CHUNK_LINE;
    return len;
}

/* Trailer fields are not told: no API puts usage there. */
static size_t step_trailer(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    const uint8_t *lf = memchr(data, '\n', n);
    size_t len = lf ? (size_t)(lf - data) + 1 : n;
    if (f->trailer_bytes + len > f->head_bytes_max) {
        break_framing(f);
        return 0;
    }
    if (!lf)
        return 0;
    f->trailer_bytes += len;
    if (len == 1 || (len == 2 && data[0] == '\r'))
        end_message(f, false);
    return len;
}

/* First place from `i` on where a head, or in a message a boundary, may begin. */
static size_t next_candidate(const struct tp_http1 *f, const uint8_t *data, size_t n, size_t i)
{
    for (; i < n; i++) {
        switch (data[i]) {
        case '\r':
            if (f->open)
                return i;
            break;
        case 'H':
            return i;
        case 'G':
        case 'P':
        case 'D':
        case 'O':
        case 'T':
        case 'C':
            if (f->role != TP_HTTP1_RESPONSES)
                return i;
            break;
        default:
            break;
        }
    }
    return n;
}

/* A boundary of f->left bytes was found, `len` bytes long. */
static size_t take_boundary(struct tp_http1 *f, size_t len)
{
    f->fresh = false;
    f->unsure = true;
    f->state = TP_HTTP1_CHUNK_DATA;
    if (f->left == 0)
        end_message(f, false);
    return len;
}

/* LOOSE and SKIP: bytes up to the next candidate pass; a candidate is held until it can be judged.
 */
static size_t step_search(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    size_t i = 0, len = 0;
    while (i < n) {
        enum tp_probe probe = TP_PROBE_NO;
        if (f->open && !f->marked && (data[i] == '\r' || f->fresh)) {
            probe = tp_probe_chunk(data + i, n - i, f->fresh, &len, &f->left);
            if (probe != TP_PROBE_NO) {
                pass(f, data, i);
                return probe == TP_PROBE_YES ? i + take_boundary(f, len) : i;
            }
            f->fresh = false;
        }
        len = 1;
        if (data[i] != '\r' && next_candidate(f, data, i + 1, i) == i)
            probe = probe_head(f, data, n, i, &len);
        if (probe != TP_PROBE_NO) {
            pass(f, data, i);
            return probe == TP_PROBE_YES ? i + take_head(f, data + i, len) : i;
        }
        i = next_candidate(f, data, n, i + len);
    }
    pass(f, data, n);
    return n;
}

/* After a hole between messages: most often the next head follows at once, else the owner says
 * whether this is the midst of something. Without a hole there is no such excuse. */
static size_t step_gap(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    size_t len = 0;
    enum tp_probe probe = f->gap ? probe_head(f, data, n, 0, &len) : TP_PROBE_NO;
    if (probe == TP_PROBE_MORE)
        return 0;
    if (probe == TP_PROBE_YES)
        return take_head(f, data, len);
    bool taken = f->ops->stray(f->cx, data, n, f->gap);
    if (f->state != TP_HTTP1_GAP)
        return 0;
    f->state = taken ? TP_HTTP1_LOOSE : TP_HTTP1_SKIP;
    f->open = f->fresh = f->guessed = taken;
    return 0;
}

static size_t step_opaque(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    if (f->ops->rest)
        f->ops->rest(f->cx, data, n);
    else
        f->ops->skipped(f->cx, n);
    return n;
}

/* Takes what can be judged; the rest must come again with more behind it. */
static size_t run(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    static size_t (*const steps[])(struct tp_http1 *, const uint8_t *, size_t) = {
        [TP_HTTP1_DOUBT] = step_doubt,           [TP_HTTP1_START] = step_start,
        [TP_HTTP1_LENGTH] = step_length,         [TP_HTTP1_UNTIL_CLOSE] = step_until_close,
        [TP_HTTP1_CHUNK_LINE] = step_chunk_line, [TP_HTTP1_CHUNK_DATA] = step_chunk_data,
        [TP_HTTP1_CHUNK_END] = step_chunk_end,   [TP_HTTP1_TRAILER] = step_trailer,
        [TP_HTTP1_LOOSE] = step_search,          [TP_HTTP1_GAP] = step_gap,
        [TP_HTTP1_SKIP] = step_search,           [TP_HTTP1_OPAQUE] = step_opaque,
    };
    size_t used = 0;
    while (used < n) {
        enum tp_http1_state before = f->state;
        size_t took = steps[before](f, data + used, n - used);
        if (took == 0 && f->state == before)
            break;
        used += took;
        f->at += took;
    }
    return used;
}

/* Without memory the bytes count as missing: from the message, or as belonging to nothing. */
static bool hold(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    if (tp_buf_add(&f->held, data, n) == 0)
        return true;
    if (!f->open)
        f->ops->skipped(f->cx, n);
    tp_http1_hole(f, n);
    return false;
}

void tp_http1_feed(struct tp_http1 *f, const uint8_t *data, size_t n)
{
    f->busy = true;
    while (n > 0) {
        if (f->held.len == 0) {
            size_t used = run(f, data, n);
            if (used < n)
                hold(f, data + used, n - used);
            break;
        }
        size_t take = n < HOLD_STEP_BYTES ? n : HOLD_STEP_BYTES;
        if (hold(f, data, take))
            tp_buf_drop(&f->held, run(f, f->held.data, f->held.len));
        data += take;
        n -= take;
        if (f->held.len == 0)
            tp_buf_done(&f->held);
    }
    f->busy = false;
}

/* ---- holes ---- */

/* What was held back is not going to be judged any more. */
static void let_go(struct tp_http1 *f)
{
    bool body = f->state == TP_HTTP1_LOOSE;
    if (f->held.len && (body || !f->open))
        pass(f, f->held.data, f->held.len);
    else if (f->state == TP_HTTP1_DOUBT && f->held.len)
        f->ops->skipped(f->cx, f->held.len);
    f->at += f->held.len;
    tp_buf_done(&f->held);
    forget_probe(f);
}

static void gap(struct tp_http1 *f, uint64_t bytes)
{
    f->state = TP_HTTP1_GAP;
    f->gap = true;
    f->ops->gap(f->cx, bytes);
}

/* The best case: lengths tell where the message ends, however much of it is missing. What is
 * missing beyond that belongs to messages never seen. */
static void hole_in_length(struct tp_http1 *f, uint64_t bytes)
{
    uint64_t inside = bytes < f->left ? bytes : f->left;
    f->left -= inside;
    f->ops->hole(f->cx, inside);
    if (f->left > 0)
        return;
    end_message(f, bytes > inside);
    if (bytes > inside)
        gap(f, bytes - inside);
}

/* Inside one chunk the next boundary is known. Else it is searched for, and the very next bytes may
 * be the rest of one (`fresh`). */
static void hole_in_chunks(struct tp_http1 *f, uint64_t bytes)
{
    bool inside = f->state == TP_HTTP1_CHUNK_DATA && !f->unsure && bytes <= f->left;
    f->ops->hole(f->cx, bytes);
    if (inside) {
        f->left -= bytes;
        if (f->left == 0)
            f->state = TP_HTTP1_CHUNK_END;
        return;
    }
    go_loose(f);
    f->fresh = true;
}

void tp_http1_hole(struct tp_http1 *f, uint64_t bytes)
{
    let_go(f);
    if (!f->guessed)
        f->lost_at = f->at;
    f->at += bytes;
    switch (f->state) {
    case TP_HTTP1_OPAQUE:
        break;
    case TP_HTTP1_START:
    case TP_HTTP1_GAP:
    case TP_HTTP1_SKIP:
        gap(f, bytes);
        break;
    case TP_HTTP1_LENGTH:
        hole_in_length(f, bytes);
        break;
    case TP_HTTP1_UNTIL_CLOSE:
        f->ops->hole(f->cx, bytes);
        break;
    default:
        hole_in_chunks(f, bytes);
        break;
    }
}

void tp_http1_eof(struct tp_http1 *f)
{
    let_go(f);
    if (f->state == TP_HTTP1_UNTIL_CLOSE || f->state == TP_HTTP1_DOUBT)
        end_message(f, false);
}

/* May be called from inside feed(), by the head that ends HTTP: then the bytes at hand go on as
 * opaque. */
void tp_http1_stop(struct tp_http1 *f)
{
    if (!f->busy)
        let_go(f);
    f->state = TP_HTTP1_OPAQUE;
    f->open = false;
}

void tp_http1_abandon(struct tp_http1 *f, bool at_head)
{
    if (f->busy || f->state == TP_HTTP1_OPAQUE)
        return;
    let_go(f);
    end_message(f, true);
    f->state = at_head ? TP_HTTP1_START : TP_HTTP1_GAP;
    f->gap = !at_head;
}

bool tp_http1_unsure(const struct tp_http1 *f)
{
    return f->state == TP_HTTP1_LOOSE || f->unsure;
}

bool tp_http1_idle(const struct tp_http1 *f)
{
    return f->state == TP_HTTP1_START && f->held.len == 0;
}

bool tp_http1_between(const struct tp_http1 *f)
{
    return (f->state == TP_HTTP1_START || f->state == TP_HTTP1_GAP) && f->held.len == 0;
}

bool tp_http1_in_head(const struct tp_http1 *f)
{
    bool expected = f->state == TP_HTTP1_START || f->state == TP_HTTP1_GAP;
    return expected && f->marked && f->held.len > 0;
}
