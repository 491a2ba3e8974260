/* SPDX-License-Identifier: MIT
 * Who runs the service at a public host, from the providers' own documentation of their base URLs.
 * Names are those of the price table (common/prices/prices.json: id or alias), so that a call is
 * priced by who bills it. A loopback address or a gateway stands here on purpose nowhere: what it
 * resells cannot be told from its name, and the price then goes by the model's.
 */
#include "other.h"

const struct tp_provider_host provider_hosts[] = {
    {"api.openai.com", NULL, "openai"},
    {"*.api.openai.com", NULL, "openai"},
    {"chatgpt.com", NULL, "openai"},
    {"api.anthropic.com", NULL, "anthropic"},
    /* Cloud resellers: Azure OpenAI and AI Foundry, Bedrock, Vertex AI and the Gemini API. */
    {"*.openai.azure.com", NULL, "azure"},
    {"*.openai.azure.us", NULL, "azure"},
    {"*.cognitiveservices.azure.com", NULL, "azure"},
    {"*.services.ai.azure.com", NULL, "azure"},
    {"*.models.ai.azure.com", NULL, "azure"},
    {"bedrock-runtime*.amazonaws.com*", NULL, "aws-bedrock"},
    {"bedrock-runtime*.api.aws", NULL, "aws-bedrock"},
    {"bedrock-mantle*.api.aws", NULL, "aws-bedrock"},
    {"aiplatform.googleapis.com", NULL, "google-vertex"},
    {"*-aiplatform.googleapis.com", NULL, "google-vertex"},
    {"aiplatform.*.googleapis.com", NULL, "google-vertex"},
    {"aiplatform.*.rep.googleapis.com", NULL, "google-vertex"},
    {"generativelanguage.googleapis.com", NULL, "google"},
    {"cloudcode-pa.googleapis.com", NULL, "google"},
    /* China */
    {"api.deepseek.com", NULL, "deepseek"},
    {"dashscope*.aliyuncs.com", NULL, "alibaba"},
    {"*.dashscope*.aliyuncs.com", NULL, "alibaba"},
    {"*.maas.aliyuncs.com", NULL, "alibaba"},
    {"open.bigmodel.cn", NULL, "zhipuai"},
    {"api.z.ai", NULL, "zai"},
    {"api.moonshot.*", NULL, "moonshotai"},
    {"api.kimi.com", NULL, "moonshotai"},
    {"ark.*.volces.com", NULL, "volcengine"},
    {"ark.*.bytepluses.com", NULL, "byteplus"},
    {"api.minimax*", NULL, "minimax"},
    {"qianfan.baidubce.com", NULL, "baidu"},
    {"api.hunyuan.cloud.tencent.com", NULL, "tencent"},
    {"api.siliconflow.*", NULL, "siliconflow"},
    {"api.stepfun.com", NULL, "stepfun"},
    /* others */
    {"api.groq.com", NULL, "groq"},
    {"api.mistral.ai", NULL, "mistral"},
    {"codestral.mistral.ai", NULL, "mistral"},
    {"api.x.ai", NULL, "x-ai"},
    {"*.api.x.ai", NULL, "x-ai"},
    {"openrouter.ai", NULL, "openrouter"},
    {"api.openrouter.ai", NULL, "openrouter"},
    {"api.together.xyz", NULL, "together"},
    {"api.together.ai", NULL, "together"},
    {"api.fireworks.ai", NULL, "fireworks"},
    {"api.cerebras.ai", NULL, "cerebras"},
    {"api.cohere.com", NULL, "cohere"},
    {"api.cohere.ai", NULL, "cohere"},
    {"api.perplexity.ai", NULL, "perplexity"},
    {"api.novita.ai", NULL, "novita"},
    {"api.voyageai.com", NULL, "voyageai"},
    {"inference.baseten.co", NULL, "baseten"},
    {"router.huggingface.co", NULL, "huggingface"},
    {"api.githubcopilot.com", NULL, "github-copilot"},
    {"api.*.githubcopilot.com", NULL, "github-copilot"},
    {"ollama.com", NULL, "ollama"},
    /* llama-server names itself in its answers; vLLM and SGLang show their web server's name only.
     */
    {NULL, "llama.cpp", "llama.cpp"},
    {NULL, NULL, NULL},
};
