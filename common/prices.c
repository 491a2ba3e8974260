/* SPDX-License-Identifier: MIT */
#include "common/prices.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/prices_table.h"

#define FILE_BYTES_MAX ((size_t)4 << 20)
#define CACHE_SLOTS 64

/* Which provider and which of its prices a model has (first of the prices with the same pattern).
 */
struct found {
    uint64_t hash;                            /* of what was asked; 0: empty slot */
    const struct tp_price_provider *provider; /* NULL: no price */
    size_t first;
};

struct tp_prices {
    struct tp_price_list list;
    struct found cache[CACHE_SLOTS];
};

static int read_file(const char *path, char **ret_text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    char *text = malloc(FILE_BYTES_MAX + 1);
    size_t n = 0;
    int r = text ? 0 : -ENOMEM;
    while (r == 0) {
        ssize_t got = read(fd, text + n, FILE_BYTES_MAX + 1 - n);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            r = -errno;
        if (got > 0 && (n += (size_t)got) > FILE_BYTES_MAX)
            r = -EFBIG;
    }
    close(fd);
    if (r < 0) {
        free(text);
        return r;
    }
    text[n] = '\0';
    *ret_text = text;
    return 0;
}

int tp_prices_load(struct tp_prices **ret_prices, const char *override_path)
{
    struct tp_prices *p = calloc(1, sizeof(*p));
    char *text = NULL;
    int r = p ? 0 : -ENOMEM;
    if (r == 0 && override_path) {
        r = read_file(override_path, &text);
        if (r == 0)
            r = tp_price_list_parse(&p->list, text);
        free(text);
    }
    if (r == 0)
        r = tp_price_list_parse(&p->list, tp_prices_json);
    if (r < 0) {
        tp_prices_free(p);
        return r;
    }
    *ret_prices = p;
    return 0;
}

void tp_prices_free(struct tp_prices *prices)
{
    if (!prices)
        return;
    tp_price_list_done(&prices->list);
    free(prices);
}

/* A file that was named must be there; one in its usual place may be. */
int tp_prices_path(char *ret_path, size_t size, const char *home)
{
    const char *own = getenv("TOKPROF_PRICES"), *config = getenv("XDG_CONFIG_HOME");
    int n;
    if (own && *own)
        n = snprintf(ret_path, size, "%s", own);
    else if (config && *config)
        n = snprintf(ret_path, size, "%s/tokprof/prices.json", config);
    else if (home && *home)
        n = snprintf(ret_path, size, "%s/.config/tokprof/prices.json", home);
    else
        return 0;
    if (n < 0 || (size_t)n >= size)
        return -ENAMETOOLONG;
    return (own && *own) || access(ret_path, F_OK) == 0;
}

/* Without case: providers spell their models in several ways. */
static bool matches(const struct tp_globs *globs, const char *s)
{
    for (char **g = globs->list; *g; g++)
        if (fnmatch(*g, s, FNM_CASEFOLD) == 0)
            return true;
    return false;
}

/* Index of the first price of this model, or price_count. */
static size_t price_find(const struct tp_price_provider *p, const char *model)
{
    size_t i = 0;
    while (i < p->price_count && !matches(&p->prices[i].match, model))
        i++;
    return i;
}

static const struct tp_price_provider *provider_find(const struct tp_prices *prices, const char *id)
{
    for (size_t i = 0; i < prices->list.provider_count; i++)
        if (strcmp(prices->list.providers[i].id, id) == 0)
            return &prices->list.providers[i];
    return NULL;
}

/* The model in this provider's list, else in those whose models it resells. */
static bool find_in(const struct tp_prices *prices, const struct tp_price_provider *p,
                    const char *model, struct found *ret)
{
    ret->provider = p;
    ret->first = price_find(p, model);
    if (ret->first < p->price_count)
        return true;
    for (char **id = p->fallback.list; *id; id++) {
        const struct tp_price_provider *other = provider_find(prices, *id);
        ret->provider = other;
        if (other && (ret->first = price_find(other, model)) < other->price_count)
            return true;
    }
    ret->provider = NULL;
    return false;
}

/* How a provider may be meant by a call, strongest first: a user's own prices, the host, the
 * model's name, the provider's name. */
enum { BY_USER, BY_HOST, BY_MODEL, BY_NAME, WAYS };

static bool meant(const struct tp_price_provider *p, int way, const char *host,
                  const char *provider, const char *model)
{
    switch (way) {
    case BY_USER:
        return p->any;
    case BY_HOST:
        return *host && matches(&p->hosts, host);
    case BY_MODEL:
        return matches(&p->models, model);
    default:
        return *provider && (strcmp(p->id, provider) == 0 || matches(&p->aliases, provider));
    }
}

/* All providers by the stronger way before any by a weaker one: a router's host says more about
 * the price than the model's name does. */
static bool find_model(const struct tp_prices *prices, const char *host, const char *provider,
                       const char *model, struct found *ret)
{
    for (int way = 0; way < WAYS; way++)
        for (size_t i = 0; i < prices->list.provider_count; i++) {
            const struct tp_price_provider *p = &prices->list.providers[i];
            if (meant(p, way, host, provider, model) && find_in(prices, p, model, ret))
                return true;
        }
    return false;
}

/* Tries the name as given, without a router's prefix ("vendor/model"), and without a date at its
 * end. */
static bool find_name(const struct tp_prices *prices, const char *host, const char *provider,
                      const char *model, struct found *ret)
{
    char name[128];
    if (!*model)
        return false;
    if (find_model(prices, host, provider, model, ret))
        return true;
    const char *slash = strrchr(model, '/');
    if (slash && slash[1] && find_model(prices, host, provider, slash + 1, ret))
        return true;
    size_t n = strlen(slash && slash[1] ? slash + 1 : model);
    if (n >= sizeof(name))
        return false;
    memcpy(name, slash && slash[1] ? slash + 1 : model, n + 1);
    if (n <= 11 || fnmatch("*-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]", name, 0) != 0)
        return false;
    name[n - 11] = '\0';
    return find_model(prices, host, provider, name, ret);
}

static const char *text(const char *s)
{
    return s ? s : "";
}

/* A recording has few different models: the search runs once for each, and a slot that is taken
 * over costs one more. */
static const struct found *lookup(struct tp_prices *prices, const struct tp_price_query *q)
{
    char key[512], host[256];
    int n = snprintf(key, sizeof(key), "%s\n%s\n%s\n%s", text(q->provider), text(q->server),
                     text(q->model), text(q->model_asked));
    uint64_t hash =
        XXH3_64bits(key, n > 0 && (size_t)n < sizeof(key) ? (size_t)n : sizeof(key)) | 1;
    struct found *slot = &prices->cache[hash / 2 % CACHE_SLOTS];
    if (slot->hash == hash)
        return slot;
    *slot = (struct found){.hash = hash};
    snprintf(host, sizeof(host), "%s", text(q->server));
    char *port = strrchr(host, ':');
    if (port && !strchr(port, ']'))
        *port = '\0';
    if (!find_name(prices, host, text(q->provider), text(q->model), slot) &&
        !find_name(prices, host, text(q->provider), text(q->model_asked), slot))
        slot->provider = NULL;
    return slot;
}

static bool same_match(const struct tp_price *a, const struct tp_price *b)
{
    char **x = a->match.list, **y = b->match.list;
    for (; *x && *y && strcmp(*x, *y) == 0; x++, y++)
        ;
    return !*x && !*y;
}

/* Some providers sell the night cheaper: a span of the day may go over midnight. */
static bool valid_at(const struct tp_price *p, uint64_t unix_s)
{
    int minute = (int)(unix_s / 60 % 1440);
    unsigned day = 1 + (unsigned)((unix_s / 86400 + 3) % 7); /* 1970 began on a Thursday */
    if (unix_s < p->from_unix_s || (p->days && !(p->days & 1u << day)))
        return false;
    if (p->from_min == p->until_min)
        return true;
    if (p->from_min < p->until_min)
        return minute >= p->from_min && minute < p->until_min;
    return minute >= p->from_min || minute < p->until_min;
}

/* The prices of one model stand together; the last that is valid counts. */
static const struct tp_price *price_at(const struct found *f, uint64_t unix_s)
{
    const struct tp_price *first = &f->provider->prices[f->first], *best = NULL;
    const struct tp_price *end = f->provider->prices + f->provider->price_count;
    for (const struct tp_price *p = first; p < end && same_match(p, first); p++)
        if (valid_at(p, unix_s))
            best = p;
    return best;
}

static bool tier_holds(const struct tp_price_tier *t, const struct tp_price_query *q)
{
    return (uint64_t)q->input_tokens > t->above_tokens &&
           (!t->above_output_tokens || q->output_tokens > (int64_t)t->above_output_tokens) &&
           (!t->reasoning || q->reasoning_tokens > 0);
}

/* A tier reprices the whole request, not only what is beyond its threshold (Anthropic and Google
 * above 200K; Doubao, GLM and Qwen in several steps, some of them by the answer's length or by
 * whether it was thought about). */
static void rates_at(const struct tp_price *p, const struct tp_price_query *q,
                     uint64_t rates[TP_PRICE_CLASSES])
{
    memcpy(rates, p->rate_pico, sizeof(p->rate_pico));
    for (size_t i = 0; i < p->tier_count; i++)
        for (int c = 0; c < TP_PRICE_CLASSES && tier_holds(&p->tiers[i], q); c++)
            if (p->tiers[i].rate_pico[c] != TP_PRICE_NONE)
                rates[c] = p->tiers[i].rate_pico[c];
    /* What has no price of its own costs what plain input, or the shorter write, costs. */
    if (rates[TP_PRICE_CACHE_READ] == TP_PRICE_NONE)
        rates[TP_PRICE_CACHE_READ] = rates[TP_PRICE_INPUT];
    if (rates[TP_PRICE_CACHE_WRITE_5M] == TP_PRICE_NONE)
        rates[TP_PRICE_CACHE_WRITE_5M] = rates[TP_PRICE_INPUT];
    if (rates[TP_PRICE_CACHE_WRITE_1H] == TP_PRICE_NONE)
        rates[TP_PRICE_CACHE_WRITE_1H] = rates[TP_PRICE_CACHE_WRITE_5M];
}

/* Costs take an unknown cache count as none; the caller has made sure of the input itself. */
static uint64_t known(int64_t tokens)
{
    return tokens > 0 ? (uint64_t)tokens : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Splits the input by price class; counts that contradict each other are cut to what the input
 * holds. */
static void classes_of(const struct tp_price_query *q, uint64_t tokens[TP_PRICE_CLASSES])
{
    uint64_t left = known(q->input_tokens);
    uint64_t write = known(q->cache_write_tokens);
    uint64_t split = known(q->cache_write_5m_tokens) + known(q->cache_write_1h_tokens);
    tokens[TP_PRICE_CACHE_READ] = least(known(q->cache_read_tokens), left);
    left -= tokens[TP_PRICE_CACHE_READ];
    write = least(write > split ? write : split, left);
    tokens[TP_PRICE_CACHE_WRITE_1H] = least(known(q->cache_write_1h_tokens), write);
    tokens[TP_PRICE_CACHE_WRITE_5M] = write - tokens[TP_PRICE_CACHE_WRITE_1H];
    tokens[TP_PRICE_INPUT] = left - write;
    tokens[TP_PRICE_OUTPUT] = known(q->output_tokens);
}

static const struct tp_price_fee *fee_of(const struct tp_price *p, const char *name)
{
    for (size_t i = 0; i < p->fee_count; i++)
        if (strcmp(p->fees[i].name, name) == 0)
            return &p->fees[i];
    return NULL;
}

static unsigned __int128 fees_of(const struct tp_price *p, const struct tp_price_query *q,
                                 uint64_t *ret_unpriced)
{
    const struct tp_price_fee *fee = fee_of(p, "request");
    unsigned __int128 pico = fee ? fee->pico : 0;
    for (size_t i = 0; i < q->use_count; i++) {
        fee = fee_of(p, text(q->uses[i].name));
        if (fee)
            pico += (unsigned __int128)known(q->uses[i].count) * fee->pico;
        else
            *ret_unpriced += known(q->uses[i].count);
    }
    return pico;
}

static uint64_t nano_of(unsigned __int128 pico)
{
    pico = (pico + 500) / 1000;
    return pico > INT64_MAX ? INT64_MAX : (uint64_t)pico;
}

bool tp_prices_cost(struct tp_prices *prices, const struct tp_price_query *query,
                    struct tp_cost *ret_cost)
{
    const struct found *f = lookup(prices, query);
    const struct tp_price *p = f->provider ? price_at(f, query->time_unix_ns / 1000000000) : NULL;
    if (!p || query->input_tokens < 0)
        return false;
    struct tp_cost cost = {0};
    uint64_t tokens[TP_PRICE_CLASSES];
    unsigned __int128 pico = fees_of(p, query, &cost.unpriced_uses);
    cost.fees_nano = nano_of(pico);
    rates_at(p, query, cost.rate_pico);
    classes_of(query, tokens);
    if (cost.rate_pico[TP_PRICE_OUTPUT] == TP_PRICE_NONE)
        cost.rate_pico[TP_PRICE_OUTPUT] = 0; /* embeddings */
    else if (query->output_tokens < 0)
        return false;
    for (int c = 0; c < TP_PRICE_CLASSES; c++) {
        if (cost.rate_pico[c] == TP_PRICE_NONE)
            return false;
        pico += (unsigned __int128)tokens[c] * cost.rate_pico[c];
    }
    cost.nano = nano_of(pico);
    memcpy(cost.currency, f->provider->currency, sizeof(cost.currency));
    *ret_cost = cost;
    return true;
}

const char *tp_prices_source(const struct tp_prices *prices)
{
    return prices->list.source;
}

const char *tp_prices_date(const struct tp_prices *prices)
{
    return prices->list.date;
}

/* By integers: nothing is rounded between the sum and what is printed. */
void tp_prices_format(uint64_t nano, char *ret_text, size_t size)
{
    int n = snprintf(ret_text, size, "%llu.%09llu", (unsigned long long)(nano / 1000000000),
                     (unsigned long long)(nano % 1000000000));
    if (n < 0 || (size_t)n >= size)
        return;
    while (ret_text[n - 1] == '0')
        ret_text[--n] = '\0';
    if (ret_text[n - 1] == '.')
        ret_text[n - 1] = '\0';
}
