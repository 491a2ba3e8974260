# SPDX-License-Identifier: MIT
"""Requests in all APIs that the scripted server plays, as a plain client would write them."""
import json
import urllib.parse

ANTHROPIC, CHAT, RESPONSES, GOOGLE = (
    "anthropic.messages", "openai.chat", "openai.responses", "google.generate_content")
ALL = (ANTHROPIC, CHAT, RESPONSES, GOOGLE)  # those that agents speak
COMPLETIONS, EMBEDDINGS, CONVERSE, INVOKE, OLLAMA_CHAT, OLLAMA_GENERATE, LLAMA, DASHSCOPE = (
    "openai.completions", "openai.embeddings", "bedrock.converse", "bedrock.invoke", "ollama.chat", "ollama.generate",
    "llama.completion", "dashscope.generation")
EVERY = ALL + (COMPLETIONS, EMBEDDINGS, CONVERSE, INVOKE, OLLAMA_CHAT, OLLAMA_GENERATE, LLAMA, DASHSCOPE)
TOOLLESS = (COMPLETIONS, EMBEDDINGS, INVOKE, OLLAMA_GENERATE, LLAMA)
INVOKED = ("anthropic", "meta", "amazon.titan", "mistral", "amazon.nova")  # families of models, in a model's name

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
TOOL = {"name": "read_file", "description": "Reads a file"}


def path_of(call):
    """The request's path and query."""
    fixed = {ANTHROPIC: "/v1/messages", CHAT: "/v1/chat/completions", RESPONSES: "/v1/responses", COMPLETIONS: "/v1/completions",
             EMBEDDINGS: "/v1/embeddings", OLLAMA_CHAT: "/api/chat", OLLAMA_GENERATE: "/api/generate", LLAMA: "/completion",
             DASHSCOPE: f"/api/v1/services/aigc/{'multimodal' if call.get('parts') else 'text'}-generation/generation"}
    path = call.get("prefix", "") + fixed.get(call["api"], "")
    query = dict(call.get("query", {}))
    if call["api"] == GOOGLE:
        verb = "streamGenerateContent" if call["stream"] else "generateContent"
        path += f"/v1beta/models/{call['model']}:{verb}"
        if call["stream"] and not call.get("array"):
            query["alt"] = "sse"
    verbs = {CONVERSE: ("converse", "converse-stream"), INVOKE: ("invoke", "invoke-with-response-stream")}.get(call["api"])
    if verbs:
        path += f"/model/{urllib.parse.quote(call['model'], safe='')}/{verbs[call['stream']]}"
    return path + ("?" + urllib.parse.urlencode(query) if query else "")


def headers_of(call):
    """Headers that are part of the API."""
    return {"X-DashScope-SSE": "enable"} if call["api"] == DASHSCOPE and call["stream"] else {}


def body_of(call):
    """The request's body: `text` from the user, padded to `body_bytes` where that is more."""
    text = call.get("text", "Hallo – 你好")
    short = len(json.dumps(_body(call, text)).encode())
    return json.dumps(_body(call, text + "x" * max(0, call.get("body_bytes", 0) - short))).encode()


def _body(call, text):
    return {ANTHROPIC: _anthropic, CHAT: _chat, RESPONSES: _responses, GOOGLE: _google, COMPLETIONS: _completions,
            EMBEDDINGS: _embeddings, CONVERSE: _converse, INVOKE: _invoke, OLLAMA_CHAT: _ollama_chat, OLLAMA_GENERATE: _ollama_generate,
            LLAMA: _llama, DASHSCOPE: _dashscope}[call["api"]](call, text)


def _anthropic(call, text):
    body = {"model": call["model"], "max_tokens": 1024, "messages": [{"role": "user", "content": text}]}
    if call["stream"]:
        body["stream"] = True
    if call.get("tools"):
        body["tools"] = [{**TOOL, "input_schema": SCHEMA}]
    if call.get("user"):
        body["metadata"] = {"user_id": call["user"]}
    if call.get("result"):
        body["messages"] += [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "read_file",
                                               "input": {"path": call["argument"]}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": call["result"]}]}]
    return body


def _chat(call, text):
    body = {"model": call["model"], "messages": [{"role": "user", "content": text}]}
    if call["stream"]:
        body["stream"] = True
        if not call.get("no_usage"):
            body["stream_options"] = {"include_usage": True}
    if call.get("tools"):
        body["tools"] = [{"type": "function", "function": {**TOOL, "parameters": SCHEMA}}]
    if call.get("user"):
        body["user"] = call["user"]
    if call.get("result"):
        asked = {"id": "t1", "type": "function", "function": {
            "name": "read_file", "arguments": json.dumps({"path": call["argument"]})}}
        body["messages"] += [{"role": "assistant", "content": None, "tool_calls": [asked]},
                             {"role": "tool", "tool_call_id": "t1", "content": call["result"]}]
    return body


def _responses(call, text):
    body = {"model": call["model"], "input": [{"role": "user", "content": text}]}
    if call["stream"]:
        body["stream"] = True
    if call.get("tools"):
        body["tools"] = [{"type": "function", **TOOL, "parameters": SCHEMA}]
    if call.get("user"):
        body["user"] = call["user"]
    if call.get("result"):
        body["input"] += [{"type": "function_call", "call_id": "t1", "name": "read_file",
                           "arguments": json.dumps({"path": call["argument"]})},
                          {"type": "function_call_output", "call_id": "t1", "output": call["result"]}]
    return body


def _google(call, text):
    body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    if call.get("tools"):
        body["tools"] = [{"functionDeclarations": [{**TOOL, "parametersJsonSchema": SCHEMA}]}]
    if call.get("result"):
        body["contents"] += [
            {"role": "model", "parts": [{"functionCall": {"name": "read_file", "args": {"path": call["argument"]}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "read_file", "response": {"output": call["result"]}}}]}]
    return body


def _completions(call, text):
    body = {"model": call["model"], "prompt": text, "max_tokens": 64}
    if call["stream"]:
        body.update(stream=True, stream_options={"include_usage": True})
    return body


def _embeddings(call, text):
    return {"model": call["model"], "input": [text, "zwei"], "encoding_format": call.get("form", "float")}


def _converse(call, text):
    body = {"messages": [{"role": "user", "content": [{"text": text}]}], "inferenceConfig": {"maxTokens": 1024}}
    if call.get("tools"):
        body["toolConfig"] = {"tools": [{"toolSpec": {**TOOL, "inputSchema": {"json": SCHEMA}}}]}
    return body


def _invoke(call, text):
    if "anthropic" in call["model"]:
        return {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1024, "messages": [{"role": "user", "content": text}]}
    if "nova" in call["model"]:
        return {"schemaVersion": "messages-v1", "messages": [{"role": "user", "content": [{"text": text}]}]}
    if "titan" in call["model"]:
        return {"inputText": text, "textGenerationConfig": {"maxTokenCount": 512}}
    return {"prompt": text, "max_gen_len": 512}


def _ollama_chat(call, text):
    body = {"model": call["model"], "messages": [{"role": "user", "content": text}]}
    if not call["stream"]:
        body["stream"] = False
    if call.get("tools"):
        body["tools"] = [{"type": "function", "function": {**TOOL, "parameters": SCHEMA}}]
    return body


def _ollama_generate(call, text):
    return {"model": call["model"], "prompt": text, "system": "Sei kurz.", **({} if call["stream"] else {"stream": False})}


def _llama(call, text):
    return {"model": call["model"], "prompt": text, "n_predict": 64, "cache_prompt": True, "stream": call["stream"],
            **({"return_progress": True} if call.get("progress") else {})}


def _dashscope(call, text):
    content = [{"image": "https://images.invalid/a.png"}, {"text": text}] if call.get("parts") else text
    body = {"model": call["model"], "input": {"messages": [{"role": "user", "content": content}]}, "parameters": {}}
    for key in ("incremental_output", "result_format"):
        if key in call:
            body["parameters"][key] = call[key]
    if call.get("tools"):
        body["parameters"]["tools"] = [{"type": "function", "function": {**TOOL, "parameters": SCHEMA}}]
    return body
