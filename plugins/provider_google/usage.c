/* SPDX-License-Identifier: MIT
 * UsageMetadata (https://ai.google.dev/api/generate-content#UsageMetadata): the prompt's count
 * includes what came from the cache, not what server-side tools put in; the candidates' count
 * leaves thoughts out.
 */
#include "google.h"

static const struct usage nothing = {-1, -1, -1, -1, -1, -1, {{-1, -1, -1, -1}, {-1, -1, -1, -1}}};

void google_usage_begin(struct state *s)
{
    s->latest = s->reading = nothing;
}

/* In capitals, in small letters (interactions), or as the number of that name. DOCUMENT has no
 * place among the modalities and stays uncounted there. */
static int modality(const struct tp_json_event *e)
{
    static const struct {
        const char *name, *small;
        char digit;
        enum tp_modality modality;
    } names[] = {{"TEXT", "text", '1', TP_TEXT},
                 {"IMAGE", "image", '2', TP_IMAGE},
                 {"VIDEO", "video", '3', TP_VIDEO},
                 {"AUDIO", "audio", '4', TP_AUDIO}};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (is(e, names[i].name) || is(e, names[i].small) ||
            (e->type == TP_JSON_NUMBER && e->len == 1 && e->data[0] == names[i].digit))
            return (int)names[i].modality;
    return -1;
}

static void detail(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (action == DETAIL_COUNT) {
        s->detail_count = cx->host->whole_number(e);
    } else if (action != DETAIL) {
        s->detail_side = action == DETAIL_OUT;
        s->detail_modality = modality(e);
    } else if (begins(e)) {
        s->detail_modality = -1;
        s->detail_count = -1;
    } else if (s->detail_modality >= 0 && s->detail_count >= 0) {
        int64_t *at = &s->reading.modality[s->detail_side][s->detail_modality];
        *at = (*at > 0 ? *at : 0) + s->detail_count;
    }
}

/* Each says all anew: the last one counts, unless it says next to nothing. */
static void usage_object(struct state *s, const struct tp_json_event *e)
{
    if (begins(e))
        s->reading = nothing;
    else if (ends(e) && (s->reading.prompt >= 0 || s->reading.total >= 0))
        s->latest = s->reading;
}

static void count(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    int64_t *fields[] = {&s->reading.prompt,   &s->reading.cached, &s->reading.candidates,
                         &s->reading.thoughts, &s->reading.tools,  &s->reading.total};
    int64_t n = cx->host->whole_number(e);
    s->usage_seen = s->usage_here = true;
    if (n >= 0)
        *fields[action - USAGE_PROMPT] = n;
}

void google_usage_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    if (action == USAGE)
        usage_object(cx->state, e);
    else if (action >= DETAIL)
        detail(cx, action, e);
    else
        count(cx, action, e);
}

static int64_t known(int64_t n)
{
    return n > 0 ? n : 0;
}

/* Zeros are left out on the wire: where the total says what is missing, it is used. */
static int64_t output_tokens(const struct usage *u)
{
    if (u->candidates >= 0)
        return u->candidates + known(u->thoughts);
    if (u->total >= 0 && u->prompt >= 0 && u->total >= u->prompt + known(u->tools))
        return u->total - u->prompt - known(u->tools);
    return u->thoughts;
}

void google_usage_end(struct tp_call_cx *cx)
{
    const struct usage *u = &((struct state *)cx->state)->latest;
    if (u->prompt >= 0)
        cx->host->set_usage(cx->call, TP_USAGE_INPUT, u->prompt + known(u->tools));
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_READ, u->cached);
    cx->host->set_usage(cx->call, TP_USAGE_OUTPUT, output_tokens(u));
    cx->host->set_usage(cx->call, TP_USAGE_REASONING, u->thoughts);
    for (int side = 0; side < 2; side++)
        for (int m = 0; m < TP_MODALITIES; m++)
            cx->host->set_modality(cx->call, side, (enum tp_modality)m, u->modality[side][m]);
}
