/* SPDX-License-Identifier: MIT
 * JSON that arrives as text, of which nobody knows before its end that it is JSON: scanned for its
 * value, and hashed as it stands in case it is none.
 */
#include <stdlib.h>

#include "collector/value.h"
#include "common/json.h"

/* The text is being worked out. */
struct work {
    struct tp_hasher raw;
    struct tp_json json;
    struct tp_canon *canon;
    struct tp_measure measure;
};

struct tp_json_text {
    const struct tp_blocks_options *options;
    struct tp_buf noted, *text;
    uint64_t bytes;
    bool failed;
    struct work *work; /* NULL: still noting */
};

static const struct tp_json_handler canon_handler = {.value = tp_canon_value, .key = tp_canon_key};

static void work_free(struct work *work)
{
    if (!work)
        return;
    tp_json_done(&work->json);
    tp_canon_free(work->canon);
    free(work);
}

static struct work *work_new(const struct tp_json_text *json)
{
    size_t align = _Alignof(struct work);
    struct work *work = aligned_alloc(align, (sizeof(*work) + align - 1) / align * align);
    if (!work)
        return NULL;
    work->measure = (struct tp_measure){.text = json->options->content ? json->text : NULL};
    work->canon = tp_canon_new(json->options->key, NULL, &work->measure, false);
    if (!work->canon) {
        free(work);
        return NULL;
    }
    tp_hasher_init(&work->raw, json->options->key);
    tp_json_init(&work->json, &canon_handler, work->canon, false);
    return work;
}

static void work_add(struct tp_json_text *json, const char *s, size_t n)
{
    if (json->failed)
        return;
    tp_hasher_add(&json->work->raw, s, n);
    (void)tp_json_feed(&json->work->json, s, n);
}

/* From here on the text is worked out: what was noted first. */
static void work_begin(struct tp_json_text *json)
{
    json->work = work_new(json);
    json->failed = !json->work;
    if (json->noted.len > 1)
        work_add(json, (const char *)json->noted.data + 1, json->noted.len - 1);
    tp_buf_done(&json->noted);
}

struct tp_json_text *tp_json_text_new(const struct tp_blocks_options *options, struct tp_buf *text)
{
    struct tp_json_text *json = calloc(1, sizeof(*json));
    if (!json)
        return NULL;
    json->options = options;
    json->text = text;
    tp_buf_init(&json->noted, TP_VALUE_NOTED_MAX);
    if (!options->memo || options->content || tp_buf_add(&json->noted, "t", 1))
        work_begin(json);
    return json;
}

void tp_json_text_free(struct tp_json_text *json)
{
    if (!json)
        return;
    work_free(json->work);
    tp_buf_done(&json->noted);
    free(json);
}

void tp_json_text_add(struct tp_json_text *json, const char *s, size_t n)
{
    json->bytes += n;
    if (!json->work && tp_buf_add(&json->noted, s, n))
        work_begin(json);
    else if (!json->work)
        return;
    work_add(json, s, n);
}

static void work_end(struct tp_json_text *json, struct tp_memo_result *ret_result)
{
    struct work *work = json->work;
    bool is_json = tp_json_end(&work->json) == 0;
    *ret_result = (struct tp_memo_result){.json = is_json,
                                          .bytes = is_json ? work->measure.bytes : json->bytes};
    ret_result->hash = is_json ? tp_canon_end(work->canon) : tp_hasher_end(&work->raw);
    ret_result->tokens = tp_estimator_tokens(&work->measure.estimator);
}

bool tp_json_text_end(struct tp_json_text *json, struct tp_memo_result *ret_result)
{
    struct tp_memo_key key = {0};
    struct tp_memo *memo = json->work ? NULL : json->options->memo;
    if (memo && !json->failed) {
        key = tp_memo_key(memo, json->noted.data, json->noted.len);
        if (tp_memo_find(memo, &key, ret_result))
            return true;
        work_begin(json);
    }
    if (json->failed)
        return false;
    work_end(json, ret_result);
    if (memo)
        tp_memo_keep(memo, &key, ret_result);
    return true;
}
