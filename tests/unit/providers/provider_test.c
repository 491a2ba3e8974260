/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "play.h"

static void expect_provider(const char *host, const char *server, const char *wanted)
{
    struct play p;
    char request[512], answer[512];
    snprintf(request, sizeof(request),
             "POST /v1/chat/completions\nhost: %s\n\n{\"messages\":[{\"role\":\"user\",\"content\":"
             "\"A\"}]}",
             host);
    snprintf(answer, sizeof(answer),
             "200\ncontent-type: application/json\n%s\n{\"choices\":[{\"message\":{\"content\":"
             "\"b\"}}]}",
             server);
    play_begin(&p, 0);
    play_exchange(&p, request, answer, TP_END_COMPLETE);
    cr_expect_str_eq(play_value(&p, 0, "prov"), wanted, "%s is %s", host,
                     play_value(&p, 0, "prov"));
    play_end(&p);
}

Test(provider, is_who_runs_a_known_host)
{
    expect_provider("api.openai.com", "", "openai");
    expect_provider("API.DeepSeek.com:443", "", "deepseek");
    expect_provider("mine.openai.azure.com", "", "azure");
    expect_provider("dashscope-intl.aliyuncs.com", "", "alibaba");
    expect_provider("ark.cn-beijing.volces.com", "", "volcengine");
    expect_provider("api.moonshot.cn", "", "moonshotai");
    expect_provider("us-east5-aiplatform.googleapis.com", "", "google-vertex");
    expect_provider("openrouter.ai", "", "openrouter");
}

Test(provider, of_an_unknown_host_is_who_made_the_api)
{
    expect_provider("127.0.0.1:8080", "", "openai");
    expect_provider("[::1]:8080", "", "openai");
    expect_provider("gateway.example", "server: nginx\n", "openai");
    expect_provider("api.openai.com.example", "", "openai");
}

Test(provider, of_a_server_that_names_itself_is_that_server)
{
    expect_provider("127.0.0.1:8080", "server: llama.cpp\n", "llama.cpp");
    expect_provider("api.groq.com", "server: llama.cpp\n", "groq");
}
