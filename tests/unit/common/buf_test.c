/* SPDX-License-Identifier: MIT */
#include "common/buf.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(buf, keeps_what_is_added_in_order)
{
    struct tp_buf b;
    tp_buf_init(&b, 1000);
    cr_assert_eq(tp_buf_add(&b, "abc", 3), 0);
    cr_assert_eq(tp_buf_add(&b, "def", 3), 0);
    cr_assert_eq(b.len, 6);
    cr_assert_eq(memcmp(b.data, "abcdef", 6), 0);
    tp_buf_done(&b);
}

Test(buf, refuses_to_grow_past_its_ceiling_and_stays_unchanged)
{
    struct tp_buf b;
    char block[600] = {0};
    tp_buf_init(&b, 1000);
    cr_assert_eq(tp_buf_add(&b, block, sizeof(block)), 0);
    cr_assert_eq(tp_buf_add(&b, block, sizeof(block)), -ENOSPC);
    cr_assert_eq(b.len, 600);
    cr_assert_eq(tp_buf_add(&b, block, 400), 0);
    cr_assert_eq(tp_buf_add(&b, block, SIZE_MAX), -ENOSPC);
    cr_assert_leq(b.cap, 1000);
    tp_buf_done(&b);
}

Test(buf, drops_from_the_front)
{
    struct tp_buf b;
    tp_buf_init(&b, 100);
    tp_buf_add(&b, "abcdef", 6);
    tp_buf_drop(&b, 4);
    cr_assert_eq(b.len, 2);
    cr_assert_eq(memcmp(b.data, "ef", 2), 0);
    tp_buf_drop(&b, 99);
    cr_assert_eq(b.len, 0);
    tp_buf_done(&b);
}

Test(buf, is_usable_again_after_done)
{
    struct tp_buf b;
    tp_buf_init(&b, 100);
    tp_buf_add(&b, "abc", 3);
    tp_buf_done(&b);
    cr_assert_eq(b.max, 100);
    cr_assert_eq(tp_buf_add(&b, "x", 1), 0);
    tp_buf_done(&b);
    tp_buf_done(NULL);
}
