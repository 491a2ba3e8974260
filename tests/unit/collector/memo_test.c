/* SPDX-License-Identifier: MIT
 * What is remembered must never show: the same content gives the same result, known or not, however
 * it was cut.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "collector/text.h"
#include "collector/value.h"
#include "common/json.h"

static struct tp_hash_key key;
static struct tp_memo *memo;

static void setup(void)
{
    static const uint8_t bytes[TP_HASH_KEY_BYTES] = {7};
    tp_hash_key_from(&key, bytes);
    memo = tp_memo_new();
}

static void teardown(void)
{
    tp_memo_free(memo);
}

TestSuite(memo, .init = setup, .fini = teardown);

static void must_be_equal(const struct tp_memo_result *a, const struct tp_memo_result *b)
{
    cr_assert(tp_hash_equal(&a->hash, &b->hash));
    cr_assert_eq(a->bytes, b->bytes);
    cr_assert_eq(a->tokens, b->tokens);
    cr_assert_eq(a->json, b->json);
}

static char *some_text(size_t n, unsigned seed)
{
    char *text = malloc(n + 1);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1103515245u + 12345u;
        text[i] = "abcdefgh 0123\n(\xc3\xa4"[seed >> 16 & 15];
    }
    text[n] = '\0';
    return text;
}

/* ---- text ---- */

static struct tp_memo_result text_of(struct tp_memo *with, const char *s, size_t n, size_t piece)
{
    static struct tp_text text;
    tp_text_begin(&text, &key, with, true);
    for (size_t at = 0; at < n; at += piece)
        tp_text_add(&text, s + at, n - at < piece ? n - at : piece);
    return tp_text_end(&text);
}

Test(memo, text_is_the_same_known_or_not_and_in_any_pieces)
{
    static const size_t lengths[] = {1, 100, 4095, 4096, 4097, 8192, 8193, 100000};
    static const size_t pieces[] = {1, 7, 4096, 5000, 1000000};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        char *s = some_text(lengths[i], (unsigned)i);
        struct tp_memo_result plain = text_of(NULL, s, lengths[i], 1000000);
        struct tp_hash direct = tp_hash_of(&key, s, lengths[i]);
        cr_assert(tp_hash_equal(&plain.hash, &direct));
        for (size_t p = 0; p < sizeof(pieces) / sizeof(*pieces); p++) {
            struct tp_memo_result r = text_of(memo, s, lengths[i], pieces[p]);
            must_be_equal(&r, &plain);
        }
        free(s);
    }
}

Test(memo, text_that_goes_its_own_way_after_a_known_beginning)
{
    char *s = some_text(50000, 3);
    text_of(memo, s, 50000, 1000);
    for (size_t at = 49999; at > 100; at /= 2) {
        s[at] ^= 1;
        struct tp_memo_result plain = text_of(NULL, s, 50000, 1000);
        struct tp_memo_result known = text_of(memo, s, 50000, 1000);
        must_be_equal(&known, &plain);
    }
    free(s);
}

Test(memo, text_dropped_in_the_middle_gives_back_what_it_borrowed)
{
    static struct tp_text text;
    char *s = some_text(20000, 4);
    struct tp_memo_result plain = text_of(memo, s, 20000, 1000);
    for (int i = 0; i < 3000; i++) {
        tp_text_begin(&text, &key, memo, true);
        tp_text_add(&text, s, 9000);
        tp_text_drop(&text);
    }
    struct tp_memo_result again = text_of(memo, s, 20000, 1000);
    must_be_equal(&again, &plain);
    free(s);
}

Test(memo, more_texts_than_it_holds)
{
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 2 * TP_MEMO_STATES; i++) {
            char *s = some_text(5000, i);
            struct tp_memo_result known = text_of(memo, s, 5000, 5000);
            struct tp_hash direct = tp_hash_of(&key, s, 5000);
            cr_assert(tp_hash_equal(&known.hash, &direct));
            free(s);
        }
}

Test(memo, what_is_not_estimated_is_another_result)
{
    static struct tp_text text;
    struct tp_memo_result estimated = text_of(memo, "some words", 10, 10);
    tp_text_begin(&text, &key, memo, false);
    tp_text_add(&text, "some words", 10);
    struct tp_memo_result not_estimated = tp_text_end(&text);
    cr_assert_gt(estimated.tokens, 0);
    cr_assert_eq(not_estimated.tokens, 0);
}

/* ---- values ---- */

static const struct tp_json_handler handler = {.value = tp_value_event, .key = tp_value_key};

static bool value_of(struct tp_memo *with, const char *const *without, const char *text,
                     size_t piece, struct tp_memo_result *ret_result)
{
    const struct tp_blocks_options options = {.key = &key, .memo = with};
    struct tp_value *value = tp_value_new(&options, without, false, NULL);
    struct tp_json json;
    tp_json_init(&json, &handler, value, false);
    size_t n = strlen(text);
    for (size_t at = 0; at < n; at += piece)
        tp_json_feed(&json, text + at, n - at < piece ? n - at : piece);
    bool whole = tp_value_end(value, ret_result);
    tp_json_done(&json);
    tp_value_free(value);
    return whole;
}

static void check_value(const char *const *without, const char *text)
{
    struct tp_memo_result plain, known;
    bool whole = value_of(NULL, without, text, 1000000, &plain);
    for (size_t piece = 1; piece < 100000; piece = piece * 3 + 1) {
        cr_assert_eq(value_of(memo, without, text, piece, &known), whole, "%s", text);
        if (whole)
            must_be_equal(&known, &plain);
    }
}

Test(memo, values_are_the_same_known_or_not_and_in_any_pieces)
{
    static const char *const without[] = {"cache_control", NULL};
    static const char *const texts[] = {
        "{}",
        "[]",
        "\"\"",
        "12.50",
        "null",
        "{\"a\":1,\"cache_control\":{\"type\":\"x\"},\"b\":[true,false,null,\"long \\u00e4 "
        "text\"]}",
        "{\"b\":[true,false,null,\"long \\u00e4 text\"],\"a\":1}",
        "{\"deep\":[[[[{\"x\":\"\",\"y\":{}}]]]],\"n\":-1e3}",
        "{\"cut\":[1,2",
        "{\"cut\":\"in a str",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        check_value(NULL, texts[i]);
        check_value(without, texts[i]);
    }
}

/* The place at which it becomes too large to be noted falls into a string, a key, between members.
 */
Test(memo, values_too_large_to_be_noted)
{
    for (size_t n = TP_VALUE_NOTED_MAX - 40; n < TP_VALUE_NOTED_MAX + 10; n += 3) {
        char *filler = some_text(n, 5), *text = malloc(n + 100);
        for (char *p = filler; *p; p++)
            if ((unsigned char)*p < 32)
                *p = ' ';
        snprintf(text, n + 100, "{\"a\":\"%s\",\"b\":[1,\"two\"],\"c\":{\"d\":\"e\"}}", filler);
        check_value(NULL, text);
        free(filler);
        free(text);
    }
}

static struct tp_memo_result json_text_of(struct tp_memo *with, const char *text, size_t piece)
{
    const struct tp_blocks_options options = {.key = &key, .memo = with};
    struct tp_json_text *json = tp_json_text_new(&options, NULL);
    struct tp_memo_result result;
    size_t n = strlen(text);
    for (size_t at = 0; at < n; at += piece)
        tp_json_text_add(json, text + at, n - at < piece ? n - at : piece);
    cr_assert(tp_json_text_end(json, &result));
    tp_json_text_free(json);
    return result;
}

Test(memo, json_in_text_is_the_same_known_or_not)
{
    char *large = some_text(2 * TP_VALUE_NOTED_MAX, 6);
    const char *const texts[] = {"{\"path\":\"a.c\",\"n\":1}", "{\"path\":", "no json", large};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct tp_memo_result plain = json_text_of(NULL, texts[i], 1000000);
        for (size_t piece = 1; piece < 100000; piece = piece * 5 + 1) {
            struct tp_memo_result known = json_text_of(memo, texts[i], piece);
            must_be_equal(&known, &plain);
        }
    }
    free(large);
}

Test(memo, json_in_text_and_the_value_itself_are_the_same)
{
    struct tp_memo_result value, text = json_text_of(memo, "{\"b\":2,\"a\":1}", 100);
    cr_assert(value_of(memo, NULL, "{\"a\":1,\"b\":2}", 100, &value));
    must_be_equal(&text, &value);
}
