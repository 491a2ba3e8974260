/* SPDX-License-Identifier: MIT */
#include "common/prices_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yajl/yajl_tree.h>

#define PICO_DIGITS 6 /* a price per million tokens in 10^-6 is one per token in 10^-12 */
#define RATE_MAX ((uint64_t)1000000000000)

static const char *const class_names[TP_PRICE_CLASSES] = {"input", "cache_read", "cache_write_5m",
                                                          "cache_write_1h", "output"};

static yajl_val member(yajl_val object, const char *name)
{
    const char *path[] = {name, NULL};
    return yajl_tree_get(object, path, yajl_t_any);
}

static char *string_of(yajl_val v)
{
    return strdup(YAJL_IS_STRING(v) ? YAJL_GET_STRING(v) : "");
}

/* "0.0125" per million tokens, exactly. Exponents (1e-05) go through a double. */
static uint64_t rate_of(yajl_val v)
{
    if (!YAJL_IS_NUMBER(v))
        return TP_PRICE_NONE;
    const char *s = YAJL_GET_NUMBER(v);
    uint64_t rate = 0;
    int digits = -1;
    if (strpbrk(s, "eE"))
        rate = YAJL_IS_DOUBLE(v) && YAJL_GET_DOUBLE(v) >= 0 && YAJL_GET_DOUBLE(v) < 1e6
                   ? (uint64_t)(YAJL_GET_DOUBLE(v) * 1e6 + 0.5)
                   : TP_PRICE_NONE;
    else
        for (; *s && digits < PICO_DIGITS && rate < RATE_MAX; s++) {
            if (*s == '-')
                return TP_PRICE_NONE;
            if (*s == '.') {
                digits = 0;
                continue;
            }
            rate = rate * 10 + (uint64_t)(*s - '0');
            digits += digits >= 0;
        }
    if (strpbrk(YAJL_GET_NUMBER(v), "eE"))
        return rate;
    for (int i = digits < 0 ? 0 : digits; i < PICO_DIGITS && rate < RATE_MAX; i++)
        rate *= 10;
    return rate;
}

static bool globs_of(yajl_val v, struct tp_globs *ret)
{
    size_t n = YAJL_IS_ARRAY(v) ? YAJL_GET_ARRAY(v)->len : 0;
    ret->list = calloc(n + 1, sizeof(char *));
    if (!ret->list)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!(ret->list[i] = string_of(YAJL_GET_ARRAY(v)->values[i])))
            return false;
    return true;
}

static void globs_done(struct tp_globs *g)
{
    for (char **s = g->list; s && *s; s++)
        free(*s);
    free(g->list);
}

static void rates_of(yajl_val v, uint64_t rates[TP_PRICE_CLASSES])
{
    for (int c = 0; c < TP_PRICE_CLASSES; c++)
        rates[c] = rate_of(member(v, class_names[c]));
}

static int minutes_of(yajl_val v)
{
    const char *s = YAJL_GET_STRING(v);
    char *end;
    if (!s)
        return 0;
    long hours = strtol(s, &end, 10);
    long minutes = *end == ':' ? strtol(end + 1, NULL, 10) : 0;
    return (int)(hours % 24 * 60 + minutes % 60);
}

static uint64_t date_of(yajl_val v)
{
    struct tm tm = {0};
    const char *s = YAJL_GET_STRING(v);
    if (!s || !strptime(s, "%Y-%m-%d", &tm))
        return 0;
    time_t t = timegm(&tm);
    return t > 0 ? (uint64_t)t : 0;
}

/* Per thousand uses. */
static int fees_of(yajl_val v, struct tp_price *ret)
{
    for (size_t i = 0; YAJL_IS_OBJECT(v) && i < YAJL_GET_OBJECT(v)->len; i++) {
        struct tp_price_fee *fee = &ret->fees[ret->fee_count];
        const char *name = YAJL_GET_OBJECT(v)->keys[i];
        uint64_t rate = rate_of(YAJL_GET_OBJECT(v)->values[i]);
        if (ret->fee_count == TP_PRICE_FEES_MAX || strlen(name) >= sizeof(fee->name))
            return -EBADMSG;
        if (rate == TP_PRICE_NONE)
            continue;
        memcpy(fee->name, name, strlen(name) + 1);
        fee->pico = rate * 1000;
        ret->fee_count++;
    }
    return 0;
}

static uint64_t whole_of(yajl_val v)
{
    return YAJL_IS_INTEGER(v) && YAJL_GET_INTEGER(v) > 0 ? (uint64_t)YAJL_GET_INTEGER(v) : 0;
}

static int tier_of(yajl_val v, struct tp_price *ret)
{
    if (ret->tier_count == TP_PRICE_TIERS_MAX || !YAJL_IS_INTEGER(member(v, "tokens")))
        return -EBADMSG;
    struct tp_price_tier *tier = &ret->tiers[ret->tier_count++];
    rates_of(v, tier->rate_pico);
    tier->above_tokens = whole_of(member(v, "tokens"));
    tier->above_output_tokens = whole_of(member(v, "output_tokens"));
    tier->reasoning = YAJL_IS_TRUE(member(v, "reasoning"));
    return 0;
}

static unsigned days_of(yajl_val v)
{
    unsigned days = 0;
    for (size_t i = 0; YAJL_IS_ARRAY(v) && i < YAJL_GET_ARRAY(v)->len; i++)
        days |= 1u << (whole_of(YAJL_GET_ARRAY(v)->values[i]) % 8);
    return days;
}

static int price_of(yajl_val v, struct tp_price *ret)
{
    if (!YAJL_IS_OBJECT(v) || !globs_of(member(v, "match"), &ret->match))
        return YAJL_IS_OBJECT(v) ? -ENOMEM : -EBADMSG;
    rates_of(v, ret->rate_pico);
    ret->from_unix_s = date_of(member(v, "from"));
    yajl_val between = member(v, "between");
    if (YAJL_IS_ARRAY(between) && YAJL_GET_ARRAY(between)->len == 2) {
        ret->from_min = minutes_of(YAJL_GET_ARRAY(between)->values[0]);
        ret->until_min = minutes_of(YAJL_GET_ARRAY(between)->values[1]);
    }
    ret->days = days_of(member(v, "days"));
    yajl_val above = member(v, "above");
    for (size_t i = 0; YAJL_IS_ARRAY(above) && i < YAJL_GET_ARRAY(above)->len; i++) {
        int r = tier_of(YAJL_GET_ARRAY(above)->values[i], ret);
        if (r < 0)
            return r;
    }
    return fees_of(member(v, "fees"), ret);
}

static int prices_of(yajl_val v, struct tp_price_provider *p)
{
    if (!YAJL_IS_ARRAY(v))
        return -EBADMSG;
    p->prices = calloc(YAJL_GET_ARRAY(v)->len + 1, sizeof(*p->prices));
    if (!p->prices)
        return -ENOMEM;
    for (size_t i = 0; i < YAJL_GET_ARRAY(v)->len; i++) {
        int r = price_of(YAJL_GET_ARRAY(v)->values[i], &p->prices[i]);
        p->price_count = i + 1;
        if (r < 0)
            return r;
    }
    return 0;
}

static int provider_of(yajl_val v, const char *currency, bool any, struct tp_price_provider *p)
{
    yajl_val own = member(v, "currency");
    const char *word = YAJL_IS_STRING(own) ? YAJL_GET_STRING(own) : currency;
    if (strlen(word) != 3)
        return -EBADMSG;
    memcpy(p->currency, word, 4);
    p->any = any;
    p->id = string_of(member(v, "id"));
    if (!p->id || !globs_of(member(v, "hosts"), &p->hosts) ||
        !globs_of(member(v, "models"), &p->models) ||
        !globs_of(member(v, "aliases"), &p->aliases) ||
        !globs_of(member(v, "fallback"), &p->fallback))
        return -ENOMEM;
    return prices_of(member(v, "prices"), p);
}

static int list_of(yajl_val top, struct tp_price_list *list)
{
    yajl_val providers = member(top, "providers"), currency = member(top, "currency");
    const char *money = YAJL_IS_STRING(currency) ? YAJL_GET_STRING(currency) : "USD";
    bool flat = !YAJL_IS_ARRAY(providers);
    size_t n = flat ? 1 : YAJL_GET_ARRAY(providers)->len;
    struct tp_price_provider *grown =
        realloc(list->providers, (list->provider_count + n) * sizeof(*grown));
    if (n > 0 && !grown)
        return -ENOMEM;
    list->providers = grown;
    for (size_t i = 0; i < n; i++) {
        struct tp_price_provider *p = &list->providers[list->provider_count++];
        memset(p, 0, sizeof(*p));
        int r = provider_of(flat ? top : YAJL_GET_ARRAY(providers)->values[i], money, flat, p);
        if (r < 0)
            return r;
    }
    free(list->source);
    free(list->date);
    list->source = string_of(member(top, "source"));
    list->date = string_of(member(top, "date"));
    return list->source && list->date ? 0 : -ENOMEM;
}

int tp_price_list_parse(struct tp_price_list *list, const char *json)
{
    yajl_val top = yajl_tree_parse(json, NULL, 0);
    if (!top)
        return -EBADMSG;
    int r = YAJL_IS_OBJECT(top) ? list_of(top, list) : -EBADMSG;
    yajl_tree_free(top);
    return r;
}

void tp_price_list_done(struct tp_price_list *list)
{
    for (size_t i = 0; i < list->provider_count; i++) {
        struct tp_price_provider *p = &list->providers[i];
        for (size_t j = 0; j < p->price_count; j++)
            globs_done(&p->prices[j].match);
        free(p->prices);
        free(p->id);
        globs_done(&p->hosts);
        globs_done(&p->models);
        globs_done(&p->aliases);
        globs_done(&p->fallback);
    }
    free(list->providers);
    free(list->source);
    free(list->date);
}
