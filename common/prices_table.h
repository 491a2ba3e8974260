/* SPDX-License-Identifier: MIT
 * The price table in memory, shared by the file that reads it and the one that asks it.
 */
#ifndef TP_PRICES_TABLE_H
#define TP_PRICES_TABLE_H

#include "common/prices.h"

#define TP_PRICE_TIERS_MAX 6
#define TP_PRICE_FEES_MAX 8
#define TP_PRICE_NONE UINT64_MAX

/* A NULL-terminated list of globs (fnmatch). */
struct tp_globs {
    char **list;
};

/* Prices for requests beyond a size. */
struct tp_price_tier {
    uint64_t above_tokens;        /* of input; the whole request then has these prices */
    uint64_t above_output_tokens; /* and of output */
    bool reasoning;               /* and only where some of the output is reasoning */
    uint64_t rate_pico[TP_PRICE_CLASSES];
};

/* What one use of a tool costs; "request" is the call itself. */
struct tp_price_fee {
    char name[32];
    uint64_t pico;
};

/* One price of one model. A model may have several, told apart by date and time of day; they
 * stand together. */
struct tp_price {
    struct tp_globs match;
    uint64_t rate_pico[TP_PRICE_CLASSES]; /* TP_PRICE_NONE where not told */
    struct tp_price_tier tiers[TP_PRICE_TIERS_MAX];
    size_t tier_count;
    struct tp_price_fee fees[TP_PRICE_FEES_MAX];
    size_t fee_count;
    uint64_t from_unix_s;    /* 0: always */
    int from_min, until_min; /* minutes of the day, UTC; equal: all day */
    unsigned days;           /* of the week, UTC: bit 1 is Monday, bit 7 Sunday; 0: all */
};

/* A provider: how it is recognised (host, model names, other names of it), and in whose lists
 * its models may also stand. */
struct tp_price_provider {
    char *id;
    char currency[4];
    bool any; /* a user's own prices: asked first, whatever the provider */
    struct tp_globs hosts, models, aliases, fallback;
    struct tp_price *prices;
    size_t price_count;
};

/* As read from one or two JSON texts; the first one's providers go first. */
struct tp_price_list {
    char *source, *date;
    struct tp_price_provider *providers;
    size_t provider_count;
};

/* Adds the providers of one JSON text. 0, -EBADMSG or -ENOMEM. */
int tp_price_list_parse(struct tp_price_list *list, const char *json);
/* Frees what it holds; also a half-built one. */
void tp_price_list_done(struct tp_price_list *list);

/* The compiled-in table, NUL-terminated. */
extern const char tp_prices_json[];

#endif
