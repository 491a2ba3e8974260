/* SPDX-License-Identifier: MIT
 * Looks a plugin over before it is used. Its pointers are followed only where they lead into a
 * segment of a loaded object: a descriptor cut short or filled with rubbish is refused, not run.
 */
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/jsonrules.h"
#include "common/plugins.h"

#define TEXT_MAX 200
#define OPTIONS_MAX 64
#define RULES_MAX 1024
#define PLACES_MAX 64
#define AGENTS_MAX 1024
#define ANCHORS_MAX 64
#define HOSTS_MAX 4096
#define MARKS_MAX 64
#define MARK_BYTES_MAX 200
#define STATE_BYTES_MAX (64u << 10)

/* A reason is written once: the first that is found. */
struct verdict {
    char *reason;
    size_t size;
    bool bad;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct verdict *v, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (!v->bad)
        vsnprintf(v->reason, v->size, fmt, args);
    v->bad = true;
    va_end(args);
    return false;
}

struct room_search {
    uintptr_t at;
    uint32_t flags;
    size_t room;
};

static int look_in_object(struct dl_phdr_info *info, size_t size, void *cx)
{
    struct room_search *s = cx;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type != PT_LOAD || s->at < begin || s->at - begin >= segment->p_memsz)
            continue;
        if ((segment->p_flags & s->flags) == s->flags)
            s->room = segment->p_memsz - (s->at - begin);
        return 1;
    }
    return 0;
}

/* Bytes from p on to the end of the segment in which it lies; 0 outside all. */
static size_t room_at(const void *p, uint32_t flags)
{
    struct room_search s = {.at = (uintptr_t)p, .flags = flags};
    if (p)
        dl_iterate_phdr(look_in_object, &s);
    return s.room;
}

static bool readable_at(const void *p, size_t n, size_t alignment)
{
    return (uintptr_t)p % alignment == 0 && room_at(p, PF_R) >= n;
}

/* Structures with pointers in them. */
static bool readable(const void *p, size_t n)
{
    return readable_at(p, n, _Alignof(void *));
}

static bool is_function(const void *p)
{
    return room_at(p, PF_X) > 0;
}

/* Printable, one line, ended within its segment. */
static bool is_text(const char *s, size_t max)
{
    size_t room = room_at(s, PF_R);
    size_t n = room ? strnlen(s, room < max + 1 ? room : max + 1) : 0;
    if (n == 0 || n > max || n == room)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
            return false;
    return true;
}

static bool is_name(const char *s)
{
    return is_text(s, TP_PLUGIN_NAME_MAX - 1) &&
           s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

/* A NULL-terminated list of texts. */
static bool is_text_list(const char *const *list, size_t max)
{
    for (size_t i = 0; i <= max; i++) {
        if (!readable(&list[i], sizeof(list[i])))
            return false;
        if (!list[i])
            return true;
        if (!is_text(list[i], TEXT_MAX))
            return false;
    }
    return false;
}

static bool check_descriptor(struct verdict *v, const struct tp_plugin *p)
{
    /* These four are at the same place in every ABI, past and to come. */
    if (!readable(p, offsetof(struct tp_plugin, name)) || p->magic != TP_PLUGIN_MAGIC)
        return refuse(v, "not a tokprof plugin (wrong magic number)");
    if (p->abi != TP_PLUGIN_ABI)
        return refuse(v, "built for plugin ABI %u; this tokprof has %u", p->abi, TP_PLUGIN_ABI);
    if (p->size < sizeof(*p) || !readable(p, p->size))
        return refuse(v, "descriptor is cut short (%u bytes, at least %zu)", p->size, sizeof(*p));
    if (p->kind < TP_PLUGIN_TLS || p->kind > TP_PLUGIN_OUTPUT)
        return refuse(v, "unknown kind of plugin %u", p->kind);
    if (!is_name(p->name))
        return refuse(v, "name is missing, or not of a-z, 0-9 and _ (at most %d)",
                      TP_PLUGIN_NAME_MAX - 1);
    if (!is_text(p->version, TP_PLUGIN_NAME_MAX))
        return refuse(v, "version is missing or not a line of text");
    if (!is_text(p->summary, TEXT_MAX))
        return refuse(v, "summary is missing or not a line of text (at most %d)", TEXT_MAX);
    if (p->options && !is_text_list(p->options, OPTIONS_MAX))
        return refuse(v, "options are not a list of texts that ends with NULL");
    return true;
}

static bool check_sizes(struct verdict *v, const struct tp_plugin_sizes *s)
{
    const struct tp_plugin_sizes *ours = &tp_plugin_sizes;
    if (!readable_at(s, sizeof(*s), _Alignof(struct tp_plugin_sizes)) || s->size < sizeof(*s))
        return refuse(v, "table of sizes is missing or cut short");
    if (s->tls_ops < ours->tls_ops || s->provider_ops < ours->provider_ops ||
        s->provider_api < ours->provider_api || s->agent_ops < ours->agent_ops)
        return refuse(v, "operations are cut short: compiled with an older tokprof/plugin.h");
    if (s->tls_site != ours->tls_site || s->elf_mark != ours->elf_mark ||
        s->json_rule != ours->json_rule || s->provider_host != ours->provider_host ||
        s->agent != ours->agent || s->agent_sign != ours->agent_sign ||
        s->agent_place != ours->agent_place)
        return refuse(v, "elements of its tables have another size than plugin ABI %u gives them",
                      TP_PLUGIN_ABI);
    return true;
}

static bool check_marks(struct verdict *v, const struct tp_elf_mark *marks)
{
    for (size_t i = 0; marks; i++) {
        if (i > MARKS_MAX || !readable(&marks[i], sizeof(marks[i])))
            return refuse(v, "list of marks has no end");
        if (!marks[i].text)
            return true;
        if (marks[i].size > MARK_BYTES_MAX || room_at(marks[i].text, PF_R) <= marks[i].size ||
            marks[i].kind > TP_MARK_BYTES)
            return refuse(v, "mark %zu is not of a known kind, or lies outside the plugin", i);
    }
    return true;
}

static bool check_tls(struct verdict *v, const struct tp_tls_ops *ops)
{
    if (!is_text(ops->stack, TP_PLUGIN_NAME_MAX) || !is_text(ops->library, TP_PLUGIN_NAME_MAX))
        return refuse(v, "TLS stack's name or its library's is missing");
    if (!is_function((const void *)ops->locate))
        return refuse(v, "locate is missing or no function");
    if (ops->layer > TP_TLS_RECORD)
        return refuse(v, "unknown layer %u", ops->layer);
    if (ops->over && !is_text_list(ops->over, OPTIONS_MAX))
        return refuse(v, "what it is over is not a list of texts that ends with NULL");
    return check_marks(v, ops->marks);
}

static bool check_rules(struct verdict *v, const char *api, const struct tp_json_rule *rules)
{
    struct tp_rules *compiled;
    size_t n = 0;
    for (;; n++) {
        if (n > RULES_MAX || !readable(&rules[n], sizeof(rules[n])))
            return refuse(v, "%s: a table of rules has no end", api);
        if (!rules[n].pattern)
            break;
        if (rules[n].pattern[0] && !is_text(rules[n].pattern, TEXT_MAX))
            return refuse(v, "%s: rule %zu has no pattern", api, n);
    }
    int err = tp_rules_new(&compiled, rules);
    if (err)
        return refuse(v, "%s: a rule's pattern is malformed (%s)", api, strerror(-err));
    tp_rules_free(compiled);
    return true;
}

/* Functions that an API may leave out are NULL. */
static bool all_functions(const void *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] && !is_function(list[i]))
            return false;
    return true;
}

static bool check_api(struct verdict *v, const struct tp_provider_api *a, uint32_t size)
{
    if (!readable(a, size))
        return refuse(v, "an API lies outside the plugin");
    if (!is_text(a->name, TP_PLUGIN_NAME_MAX) || !is_text(a->provider, TP_PLUGIN_NAME_MAX))
        return refuse(v, "name or provider of an API is missing");
    if (a->state_size > STATE_BYTES_MAX)
        return refuse(v, "%s: state of %zu bytes is too large", a->name, a->state_size);
    if (!is_function((const void *)a->match) || !is_function((const void *)a->request_json) ||
        !is_function((const void *)a->response_json) || !is_function((const void *)a->shape))
        return refuse(v,
                      "%s: match, request_json, response_json or shape is missing or no function",
                      a->name);
    const void *const others[] = {
        (const void *)a->request_begin,  (const void *)a->request_end,
        (const void *)a->document_begin, (const void *)a->document_end,
        (const void *)a->response_end,   (const void *)a->response_begin,
    };
    if (!all_functions(others, sizeof(others) / sizeof(others[0])))
        return refuse(v, "%s: an operation is no function", a->name);
    if (!a->request_rules || !a->response_rules)
        return refuse(v, "%s: rules are missing", a->name);
    if (a->anchors && !is_text_list(a->anchors, ANCHORS_MAX))
        return refuse(v, "%s: anchors are not a list of texts that ends with NULL", a->name);
    return check_rules(v, a->name, a->request_rules) && check_rules(v, a->name, a->response_rules);
}

static bool check_hosts(struct verdict *v, const struct tp_provider_host *hosts)
{
    for (size_t i = 0; hosts; i++) {
        const struct tp_provider_host *h = &hosts[i];
        if (i > HOSTS_MAX || !readable(h, sizeof(*h)))
            return refuse(v, "list of hosts has no end");
        if (!h->provider)
            return true;
        if (!is_text(h->provider, TP_PLUGIN_NAME_MAX) || (h->host && !is_text(h->host, TEXT_MAX)) ||
            (h->software && !is_text(h->software, TEXT_MAX)))
            return refuse(v, "host %zu is no text", i);
    }
    return true;
}

static bool check_provider(struct verdict *v, const struct tp_provider_ops *ops, uint32_t size)
{
    for (size_t i = 0;; i++) {
        if (!ops->apis || i > TP_PROVIDER_APIS_MAX ||
            !readable(&ops->apis[i], sizeof(ops->apis[i])))
            return refuse(v, "list of APIs has no end");
        if (!ops->apis[i])
            return i ? check_hosts(v, ops->hosts) : refuse(v, "list of APIs is empty");
        if (!check_api(v, ops->apis[i], size))
            return false;
    }
}

static bool check_signs(const struct tp_agent_sign *signs)
{
    for (size_t i = 0; signs; i++) {
        if (i > PLACES_MAX || !readable(&signs[i], sizeof(signs[i])))
            return false;
        if (!signs[i].header)
            return true;
        if (!is_text(signs[i].header, TEXT_MAX) || !is_text(signs[i].glob, TEXT_MAX))
            return false;
    }
    return true;
}

static bool check_place(const struct tp_agent_place *p)
{
    const char *const texts[] = {p->header, p->body, p->member, p->after};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i] && !is_text(texts[i], TEXT_MAX))
            return false;
    return p->fact < TP_AGENT_FACTS && p->form <= TP_AGENT_HASHED;
}

static bool check_pattern(struct verdict *v, const char *name, const char *pattern)
{
    const struct tp_json_rule rules[] = {{.pattern = pattern}, {.pattern = NULL}};
    struct tp_rules *compiled;
    if (!pattern)
        return true;
    int err = tp_rules_new(&compiled, rules);
    if (err)
        return refuse(v, "%s: the pattern of a place is malformed (%s)", name, strerror(-err));
    tp_rules_free(compiled);
    return true;
}

static bool check_places(struct verdict *v, const char *name, const struct tp_agent_place *places)
{
    for (size_t i = 0;; i++) {
        const struct tp_agent_place *p = &places[i];
        if (i > PLACES_MAX || !readable(p, sizeof(*p)))
            return refuse(v, "%s: list of places has no end", name);
        if (!p->header && !p->body)
            return true;
        if (!check_place(p))
            return refuse(v, "%s: place %zu is no text, or tells no known fact", name, i);
        if (!check_pattern(v, name, p->body) || !check_pattern(v, name, p->member))
            return false;
    }
}

static bool check_agent(struct verdict *v, const struct tp_agent_ops *ops)
{
    if (!ops->agents)
        return refuse(v, "list of agents is missing");
    for (size_t i = 0;; i++) {
        const struct tp_agent *a = &ops->agents[i];
        if (i > AGENTS_MAX || !readable(a, sizeof(*a)))
            return refuse(v, "list of agents has no end");
        if (!a->places)
            return true;
        if ((a->name && !is_text(a->name, TP_PLUGIN_NAME_MAX)) || !check_signs(a->signs))
            return refuse(v, "agent %zu has a field that is no text", i);
        if (!check_places(v, a->name ? a->name : "any agent", a->places))
            return false;
    }
}

static bool check_operations(struct verdict *v, const struct tp_plugin *p,
                             const struct tp_plugin_sizes *sizes)
{
    const uint32_t needed[] = {
        [TP_PLUGIN_TLS] = sizes->tls_ops,    [TP_PLUGIN_PROVIDER] = sizes->provider_ops,
        [TP_PLUGIN_ENGINE] = sizeof(void *), [TP_PLUGIN_AGENT] = sizes->agent_ops,
        [TP_PLUGIN_OUTPUT] = sizeof(void *),
    };
    if (!readable(p->ops.any, needed[p->kind]))
        return refuse(v, "operations are missing or lie outside the plugin");
    switch (p->kind) {
    case TP_PLUGIN_TLS:
        return check_tls(v, p->ops.tls);
    case TP_PLUGIN_PROVIDER:
        return check_provider(v, p->ops.provider, sizes->provider_api);
    case TP_PLUGIN_AGENT:
        return check_agent(v, p->ops.agent);
    default:
        return true;
    }
}

bool tp_plugin_sound(const struct tp_plugin_entry *entry, char *ret_reason, size_t size)
{
    struct verdict v = {.reason = ret_reason, .size = size};
    if (!readable(entry, sizeof(*entry)))
        return refuse(&v, "not a tokprof plugin (its entry is cut short)");
    return check_descriptor(&v, entry->plugin) && check_sizes(&v, entry->sizes) &&
           check_operations(&v, entry->plugin, entry->sizes);
}
