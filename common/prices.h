/* SPDX-License-Identifier: MIT
 * What a call cost. The table is compiled in (common/prices/prices.json, made by make.mjs beside
 * it); a user's file of the same form goes before it. Prices are held in 10^-12 of the currency per
 * token and costs in 10^-9, both integers, so that sums do not drift.
 */
#ifndef TP_PRICES_H
#define TP_PRICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The table and a small cache of look-ups; ask from one thread. */
struct tp_prices;

/* What a token can cost. Input tokens fall into exactly one of the first four. */
enum tp_price_class {
    TP_PRICE_INPUT, /* not from a cache */
    TP_PRICE_CACHE_READ,
    TP_PRICE_CACHE_WRITE_5M, /* and writes whose time to live is not told */
    TP_PRICE_CACHE_WRITE_1H,
    TP_PRICE_OUTPUT, /* reasoning included */
    TP_PRICE_CLASSES
};

/* Uses of a tool that the provider runs, by the event format's name of it. */
struct tp_price_use {
    const char *name;
    int64_t count;
};

/* One call. Strings may be NULL or empty; token counts are negative where unknown and follow the
 * inclusive convention (input includes cache, output includes reasoning). */
struct tp_price_query {
    const char *provider;
    const char *server; /* host[:port] */
    const char *model;
    const char *model_asked; /* tried where `model` has no price */
    uint64_t time_unix_ns;
    int64_t input_tokens;
    int64_t cache_read_tokens;
    int64_t cache_write_tokens;
    int64_t cache_write_5m_tokens;
    int64_t cache_write_1h_tokens;
    int64_t output_tokens;
    int64_t reasoning_tokens; /* some sell thinking dearer */
    const struct tp_price_use *uses;
    size_t use_count;
};

/* A cost and how it came about. Currencies are ISO 4217 codes. */
struct tp_cost {
    uint64_t nano;          /* 10^-9 of the currency; saturates */
    uint64_t fees_nano;     /* of it, what is not for tokens: uses of tools, the request itself */
    uint64_t unpriced_uses; /* of tools for which the table has no fee: not in it */
    char currency[4];
    uint64_t rate_pico[TP_PRICE_CLASSES]; /* per token, as applied to this call */
};

/* Loads the table, the file `override_path` (NULL: none) before it. 0; -ENOMEM; or the error of the
 * file: -errno of opening it, -EBADMSG where it is no price table, -EFBIG past 4 MiB. */
int tp_prices_load(struct tp_prices **ret_prices, const char *override_path);
/* NULL is fine. */
void tp_prices_free(struct tp_prices *prices);

/* The user's file: $TOKPROF_PRICES, else $XDG_CONFIG_HOME/tokprof/prices.json, else
 * HOME/.config/tokprof/prices.json, the latter two only if they are there. 1, or 0 where there is
 * none, or -ENAMETOOLONG. */
int tp_prices_path(char *ret_path, size_t size, const char *home);

/* False where no price fits, or a count that it takes is unknown. Unknown cache counts cost as
 * none. */
bool tp_prices_cost(struct tp_prices *prices, const struct tp_price_query *query,
                    struct tp_cost *ret_cost);

/* Where the built-in table comes from, and its date: "@pydantic/genai-prices 1.2.3", "2026-01-31".
 */
const char *tp_prices_source(const struct tp_prices *prices);
const char *tp_prices_date(const struct tp_prices *prices);

/* "1.25", "0.000012": exact, without trailing zeros. */
void tp_prices_format(uint64_t nano, char *ret_text, size_t size);

#endif
