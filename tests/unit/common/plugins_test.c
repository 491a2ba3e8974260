/* SPDX-License-Identifier: MIT */
#include "common/plugins.h"

#include <criterion/criterion.h>

static struct tp_plugin good_plugin(void)
{
    static const struct tp_tls_ops ops = {.stack = "none"};
    return (struct tp_plugin){
        .magic = TP_PLUGIN_MAGIC,
        .abi = TP_PLUGIN_ABI,
        .size = sizeof(struct tp_plugin),
        .kind = TP_PLUGIN_TLS,
        .name = "tls_x",
        .version = "1",
        .summary = "x",
        .ops.tls = &ops,
    };
}

Test(plugins, accepts_a_sound_descriptor)
{
    struct tp_plugin p = good_plugin();
    cr_assert_null(tp_plugin_problem(&p));
}

Test(plugins, refuses_what_is_not_a_plugin_of_this_abi)
{
    struct tp_plugin p = good_plugin();
    cr_assert_not_null(tp_plugin_problem(NULL));
    p.magic++;
    cr_assert_not_null(tp_plugin_problem(&p));
    p = good_plugin();
    p.abi++;
    cr_assert_not_null(tp_plugin_problem(&p));
}

Test(plugins, refuses_a_descriptor_that_is_cut_short_or_bare)
{
    struct tp_plugin p = good_plugin();
    p.size = sizeof(p) - 1;
    cr_assert_not_null(tp_plugin_problem(&p));
    p = good_plugin();
    p.name = NULL;
    cr_assert_not_null(tp_plugin_problem(&p));
    p = good_plugin();
    p.kind = 99;
    cr_assert_not_null(tp_plugin_problem(&p));
    p = good_plugin();
    p.ops.any = NULL;
    cr_assert_not_null(tp_plugin_problem(&p));
}
