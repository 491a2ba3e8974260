/* SPDX-License-Identifier: MIT */
#include "collector/twins.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull

static struct tp_hash request(uint8_t which)
{
    struct tp_hash h = {{which}};
    return h;
}

static struct tp_twins *no_clients(void)
{
    struct tp_twins *t = calloc(1, sizeof(*t));
    cr_assert_not_null(t);
    return t;
}

Test(twins, know_the_servers_end_while_the_client_waits)
{
    struct tp_twins *t = no_clients();
    struct tp_hash a = request(1), b = request(2);
    tp_twins_client_begin(t, &a, 100 * MS);
    cr_assert_not(tp_twins_take(t, &b, 101 * MS), "another request");
    cr_assert(tp_twins_take(t, &a, 101 * MS));
    free(t);
}

Test(twins, are_used_up)
{
    struct tp_twins *t = no_clients();
    struct tp_hash a = request(1);
    tp_twins_client_begin(t, &a, 100 * MS);
    tp_twins_client_begin(t, &a, 100 * MS);
    cr_assert(tp_twins_take(t, &a, 101 * MS));
    cr_assert(tp_twins_take(t, &a, 101 * MS));
    cr_assert_not(tp_twins_take(t, &a, 101 * MS), "a third end has no client");
    free(t);
}

Test(twins, leave_the_earlier_client_to_the_earlier_server)
{
    struct tp_twins *t = no_clients();
    struct tp_hash a = request(1);
    tp_twins_client_begin(t, &a, 100 * MS);
    tp_twins_client_begin(t, &a, 200 * MS);
    cr_assert(tp_twins_take(t, &a, 210 * MS), "the later one ends first");
    cr_assert(tp_twins_take(t, &a, 110 * MS));
    free(t);
}

Test(twins, lie_within_the_clients_time)
{
    struct tp_twins *t = no_clients();
    struct tp_hash a = request(1);
    uint64_t ticket = tp_twins_client_begin(t, &a, 100 * MS);
    tp_twins_client_end(t, ticket, 200 * MS);
    cr_assert_not(tp_twins_take(t, &a, 50 * MS), "read before it was written");
    cr_assert_not(tp_twins_take(t, &a, 300 * MS), "read after it was answered");
    cr_assert(tp_twins_take(t, &a, 150 * MS));
    free(t);
}

Test(twins, forget_the_oldest_client_only)
{
    struct tp_twins *t = no_clients();
    struct tp_hash old = request(1), other = request(2);
    uint64_t ticket = tp_twins_client_begin(t, &old, 100 * MS);
    for (int i = 0; i < TP_TWINS_MAX; i++)
        tp_twins_client_begin(t, &other, 100 * MS);
    tp_twins_client_end(t, ticket, 200 * MS);
    cr_assert_not(tp_twins_take(t, &old, 101 * MS));
    cr_assert(tp_twins_take(t, &other, 300 * MS), "the forgotten one's end did not end another");
    free(t);
}
