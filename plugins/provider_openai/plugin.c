/* SPDX-License-Identifier: MIT */
#include "openai.h"

static const struct tp_provider_api *const apis[] = {&openai_chat,          &openai_responses,
                                                     &openai_completions,   &openai_embeddings,
                                                     &dashscope_generation, NULL};
static const struct tp_provider_ops ops = {.apis = apis};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_PROVIDER,
    .name = "provider_openai",
    .version = "1",
    .summary = "OpenAI's APIs, and what speaks like them",
    .ops.provider = &ops,
};
TP_PLUGIN(plugin);
