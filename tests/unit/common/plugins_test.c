/* SPDX-License-Identifier: MIT */
#include "common/plugins.h"

#include <criterion/criterion.h>
#include <string.h>

static int locate(const struct tp_elf_view *elf, struct tp_tls_location *ret)
{
    (void)elf;
    (void)ret;
    return 0;
}

static int match(const struct tp_http_view *request)
{
    (void)request;
    return 0;
}

static void take(struct tp_call_cx *cx, int action, const struct tp_json_event *event)
{
    (void)cx;
    (void)action;
    (void)event;
}

static int shape(const struct tp_call_cx *cx)
{
    (void)cx;
    return 0;
}

/* A plugin must lie in the program's own memory, as a descriptor does, so these are statics. */
static struct tp_tls_ops tls_ops;
static struct tp_json_rule rules[3];
static struct tp_provider_api api;
static const struct tp_provider_api *apis[2];
static struct tp_provider_ops provider_ops;
static struct tp_plugin plugin;
static struct tp_plugin_sizes sizes;
static struct tp_plugin_entry entry;
static char reason[256];

static void good_plugin(void)
{
    tls_ops = (struct tp_tls_ops){.stack = "none", .library = "none", .locate = locate};
    sizes = tp_plugin_sizes;
    plugin = (struct tp_plugin){
        .magic = TP_PLUGIN_MAGIC,
        .abi = TP_PLUGIN_ABI,
        .size = sizeof(struct tp_plugin),
        .kind = TP_PLUGIN_TLS,
        .name = "tls_x",
        .version = "1",
        .summary = "x",
        .ops.tls = &tls_ops,
    };
    entry = (struct tp_plugin_entry){&plugin, &sizes};
}

static void good_provider(void)
{
    good_plugin();
    memset(rules, 0, sizeof(rules));
    rules[0] = (struct tp_json_rule){"a[].b", 1, false};
    api = (struct tp_provider_api){.name = "x.y",
                                   .provider = "x",
                                   .match = match,
                                   .request_rules = rules,
                                   .response_rules = rules,
                                   .request_json = take,
                                   .response_json = take,
                                   .shape = shape};
    apis[0] = &api;
    apis[1] = NULL;
    provider_ops.apis = apis;
    plugin.kind = TP_PLUGIN_PROVIDER;
    plugin.ops.provider = &provider_ops;
}

static void expect_sound(void)
{
    cr_expect(tp_plugin_sound(&entry, reason, sizeof(reason)), "refused: %s", reason);
}

static void expect_refused(const char *says)
{
    reason[0] = '\0';
    cr_expect_not(tp_plugin_sound(&entry, reason, sizeof(reason)), "accepted; should say %s", says);
    cr_expect(strstr(reason, says), "says '%s', should say '%s'", reason, says);
    cr_expect_null(strchr(reason, '\n'));
    good_plugin();
}

Test(plugins, accepts_sound_descriptors)
{
    good_plugin();
    expect_sound();
    good_provider();
    expect_sound();
}

Test(plugins, accepts_descriptors_that_are_longer_than_its_own)
{
    static struct {
        struct tp_plugin plugin;
        uint64_t later[4];
    } longer;
    good_plugin();
    plugin.size = sizeof(longer);
    longer.plugin = plugin;
    entry.plugin = &longer.plugin;
    sizes.tls_ops += 8;
    expect_sound();
}

Test(plugins, refuses_what_is_not_a_plugin_of_this_abi)
{
    good_plugin();
    plugin.magic++;
    expect_refused("magic");
    plugin.abi++;
    expect_refused("built for plugin ABI 3; this tokprof has 2");
    entry.plugin = NULL;
    expect_refused("not a tokprof plugin");
    entry.plugin = (const struct tp_plugin *)(uintptr_t)8;
    expect_refused("not a tokprof plugin");
}

Test(plugins, refuses_a_descriptor_that_is_cut_short)
{
    good_plugin();
    plugin.size = sizeof(plugin) - 1;
    expect_refused("cut short");
    plugin.size = 1u << 30;
    expect_refused("cut short");
    sizes.size = 4;
    expect_refused("sizes");
    entry.sizes = NULL;
    expect_refused("sizes");
    sizes.tls_ops--;
    expect_refused("operations are cut short");
    sizes.json_rule += 8;
    expect_refused("elements");
}

Test(plugins, refuses_bad_fields)
{
    static const char *const endless[] = {"a=b", (const char *)(uintptr_t)1};
    good_plugin();
    plugin.kind = 99;
    expect_refused("kind");
    plugin.name = NULL;
    expect_refused("name");
    plugin.name = "Upper-Case";
    expect_refused("name");
    plugin.name = "";
    expect_refused("name");
    plugin.name = "a_name_that_is_much_too_long_for_a_plugin_and_goes_on_and_on_and_on";
    expect_refused("name");
    plugin.version = "";
    expect_refused("version");
    plugin.summary = "two\nlines";
    expect_refused("summary");
    plugin.summary = (const char *)(uintptr_t)0x1000;
    expect_refused("summary");
    plugin.options = endless;
    expect_refused("options");
}

Test(plugins, refuses_operations_that_are_none)
{
    good_plugin();
    plugin.ops.any = NULL;
    expect_refused("operations");
    plugin.ops.any = (const void *)(uintptr_t)8;
    expect_refused("operations");
    tls_ops.stack = NULL;
    expect_refused("stack");
    tls_ops.locate = NULL;
    expect_refused("locate");
    tls_ops.library = NULL;
    expect_refused("library");
    static const struct tp_elf_mark unknown[] = {{"/ssl/x.cc", 9, 77}, {NULL, 0, 0}};
    tls_ops.marks = unknown;
    expect_refused("mark 0");
    tls_ops.layer = 2;
    expect_refused("layer");
}

Test(plugins, refuses_providers_that_would_not_work)
{
    good_provider();
    apis[0] = NULL;
    expect_refused("list of APIs is empty");
    good_provider();
    api.name = NULL;
    expect_refused("name");
    good_provider();
    api.shape = NULL;
    expect_refused("x.y: match, request_json, response_json or shape");
    good_provider();
    api.response_end = (void (*)(struct tp_call_cx *))(uintptr_t)1;
    expect_refused("x.y: an operation is no function");
    good_provider();
    api.request_rules = NULL;
    expect_refused("rules are missing");
    good_provider();
    rules[0].pattern = "a[";
    expect_refused("malformed");
    good_provider();
    api.state_size = (size_t)1 << 40;
    expect_refused("too large");
}

Test(plugins, a_program_without_plugins_has_an_empty_list)
{
    cr_expect_null(tp_plugin_at(0));
    cr_expect_null(tp_plugin_origin(0));
    cr_expect_null(tp_plugin_refused_at(0));
}
