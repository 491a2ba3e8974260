# SPDX-License-Identifier: MIT
"""Requests in four APIs, as a plain client would write them."""
import json
import urllib.parse

ANTHROPIC, CHAT, RESPONSES, GOOGLE = (
    "anthropic.messages", "openai.chat", "openai.responses", "google.generate_content")
ALL = (ANTHROPIC, CHAT, RESPONSES, GOOGLE)

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
TOOL = {"name": "read_file", "description": "Reads a file"}


def path_of(call):
    """The request's path and query."""
    fixed = {ANTHROPIC: "/v1/messages", CHAT: "/v1/chat/completions", RESPONSES: "/v1/responses"}
    path = call.get("prefix", "") + fixed.get(call["api"], "")
    query = dict(call.get("query", {}))
    if call["api"] == GOOGLE:
        verb = "streamGenerateContent" if call["stream"] else "generateContent"
        path += f"/v1beta/models/{call['model']}:{verb}"
        if call["stream"] and not call.get("array"):
            query["alt"] = "sse"
    return path + ("?" + urllib.parse.urlencode(query) if query else "")


def body_of(call):
    """The request's body: `text` from the user, padded to `body_bytes` where that is more."""
    text = call.get("text", "Hallo – 你好")
    short = len(json.dumps(_body(call, text)).encode())
    return json.dumps(_body(call, text + "x" * max(0, call.get("body_bytes", 0) - short))).encode()


def _body(call, text):
    return {ANTHROPIC: _anthropic, CHAT: _chat, RESPONSES: _responses, GOOGLE: _google}[call["api"]](call, text)


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
