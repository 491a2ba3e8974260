# SPDX-License-Identifier: MIT
"""What each client plays against the scripted server: raw clients all APIs, SDKs their own. Each call has a model name of its own that
begins with its client's."""
import json

import apis

RAW = ("fetch", "undici", "node_https", "net_http", "s_client", "urllib", "http.client", "curl")
OWN_DRIVER = ("urllib", "http.client", "curl")  # driver.py plays them
SDKS = {"sdk_openai": (apis.CHAT, apis.RESPONSES, apis.COMPLETIONS, apis.EMBEDDINGS), "sdk_anthropic": (apis.ANTHROPIC,),
        "sdk_google": (apis.GOOGLE,), "sdk_bedrock": (apis.CONVERSE, apis.INVOKE), "sdk_ollama": (apis.OLLAMA_CHAT, apis.OLLAMA_GENERATE),
        "sdk_kin": (apis.CHAT,)}
DIALECTS = ("deepseek", "kimi", "groq", "openrouter", "mistral", "vllm", "xai", "qwen", "glm", "doubao", "azure")
ODD = {  # what each can bear, rare as it is
    "fetch": (["hints"], ["extensions", "trailers"], ["members", "gzip"], ["raw", "deflate"]),
    "undici": (["processing", "hints"], ["extensions", "trailers"], ["members", "gzip"], ["raw", "deflate"]),
    "node_https": (["hints", "continue"], ["extensions", "trailers"], ["members", "gzip"], ["raw", "deflate"]),
    "net_http": (["hints"], ["extensions"]),
    "s_client": (["continue", "hints"], ["extensions", "trailers"], ["members", "gzip"], ["raw", "deflate"]),
    "http.client": (["continue"], ["extensions", "trailers"], ["members", "gzip"], ["raw", "deflate"]),
    "urllib": (["continue"], ["extensions", "trailers"]),
    "curl": (["hints"], ["extensions", "trailers"])}
PACKS = ("fetch", "undici", "net_http", "http.client")  # that are told to send some bodies compressed
STATUSES = (400, 401, 429, 500, 503, 529)
DASHSCOPE_FORMS = ({}, {"result_format": "message"}, {"result_format": "message", "incremental_output": True},
                   {"parts": True, "incremental_output": True}, {"parts": True})
CODINGS = ("gzip", "br", "zstd", "gzip, deflate, br, zstd")  # for those that ask for none
ASKS_ITSELF = ("fetch", "net_http", "curl")
# Ruby decodes no brotli and curl no zstd without being built for it, but they ask only for what they know.


class Plan:
    """The calls of one client."""

    def __init__(self, client, **options):
        self.client, self.calls, self.options = client, [], options

    def add(self, api, stream, script=None, **more):
        number = len(self.calls)
        model = f"{self.client}-{number}"
        if api == apis.INVOKE:
            model = f"{apis.INVOKED[number % len(apis.INVOKED)]}.{model}-v1:0"
        elif api == apis.CONVERSE:
            model = f"eu.amazon.{model}-v1:0"
        call = {"api": api, "stream": stream, "model": model, "script": script or {}, "tag": model, **more}
        if api == apis.DASHSCOPE:
            form = DASHSCOPE_FORMS[number % len(DASHSCOPE_FORMS)]
            call.update({"result_format": "message"} if call.get("tools") else form)
        if call["script"].get("encoding") and self.client not in (*ASKS_ITSELF, *SDKS):
            call["headers"] = {"Accept-Encoding": CODINGS[number % len(CODINGS)]}
        self.calls.append(call)
        return call

    def requests(self, server, scheme):
        """The plan as the clients read it: whole requests."""
        for call in self.calls:
            headers = {"Content-Type": "application/json", "X-Script": json.dumps(call["script"]), "X-Tag": call["tag"],
                       **apis.headers_of(call), **call.get("headers", {})}
            if call.get("packed"):
                headers["Content-Encoding"] = call["packed"]
            if self.client in SDKS:
                headers = {name: headers[name] for name in ("X-Script", "X-Tag")}
            call.update(tls=scheme == "https", path=apis.path_of(call), url=server[scheme] + apis.path_of(call),
                        body=apis.body_of(call).decode(), headers=headers)
        if self.client in OWN_DRIVER:
            return [{**call, "client": self.client} for call in self.calls]
        return {"scheme": scheme, "calls": self.calls, **self.options}


def _forms(plan, api, stream, turn):
    """How the answers to one API differ from call to call."""
    tools = api not in apis.TOOLLESS
    plan.add(api, stream)
    plan.add(api, stream, {"split": "random", "encoding": "accepted", "usage": "mix"}, tools=tools)
    # Each byte a write of its own is slow: each client does it with some APIs.
    plan.add(api, stream, {"split": ("byte", "random", "tokens")[turn % 3], "reasoning": True, "usage": "mix"})
    plan.add(api, stream, {"stop": "length", "split": "tokens", "encoding": "accepted", "usage": "mix", "answer_bytes": 20000}, body_bytes=9000)
    plan.add(api, stream, {"usage": "absent"})
    plan.add(api, stream, {"status": STATUSES[turn % len(STATUSES)], "encoding": "accepted"})
    if stream:
        plan.add(api, stream, {"error_after": 3, "usage": "mix"})
        plan.add(api, stream, {"usage": "mix", "framing": "close"})


def raw(client, turn):
    plan = Plan(client)
    for number, api in enumerate(apis.EVERY):
        for stream in (False, True)[:1 if api == apis.EMBEDDINGS else 2]:
            _forms(plan, api, stream, turn + number)
    plan.add(apis.CHAT, True, no_usage=True)
    plan.add(apis.LLAMA, True, progress=True)
    for dialect in DIALECTS:
        for stream in (False, True):
            plan.add(apis.CHAT, stream, {"dialect": dialect, "reasoning": stream, "split": "random"}, no_usage=True)
    plan.add(apis.CHAT, True, {"dialect": "openrouter", "error_after": 4})
    if client in PACKS:
        for api in apis.EVERY:
            plan.add(api, False, {"usage": "mix"}, packed="gzip", body_bytes=3000)
    for odd in ODD[client]:
        for api, split in ((apis.CHAT, "random"), (apis.CONVERSE, "random"), (apis.OLLAMA_CHAT, "random")):
            coding = {"encoding": odd[1]} if odd[-1] in ("gzip", "deflate") else {}
            for stream in (False, True):
                plan.add(api, stream, {"odd": odd, "framing": "chunked", "split": split, **coding}, answer_bytes=3000)
    if client == "fetch":
        for api in apis.EVERY:
            plan.add(api, False, {"silent": True}, leave=True, patience_ms=400)
            plan.add(api, False, {"reset": True})
    if client not in ("urllib", "curl"):
        for api in (apis.CHAT, apis.CONVERSE, apis.OLLAMA_CHAT):
            plan.add(api, True, {"hang_after": 1}, leave=True, fresh=True)
    return plan


def sdk(client):
    plan = Plan(client)
    for api in SDKS[client]:
        for stream in (False, True)[:1 if api == apis.EMBEDDINGS else 2]:
            if client != "sdk_kin":
                _sdk_forms(plan, api, stream)
    if client == "sdk_kin":
        for dialect in ("groq", "mistral"):
            for stream in (False, True):
                plan.add(apis.CHAT, stream, {"dialect": dialect, "split": "random", "encoding": "accepted"})
    if client in ("sdk_openai", "sdk_anthropic"):
        plan.add(SDKS[client][0], False, loop=True)
    if client == "sdk_openai":
        for api, stream in ((apis.CHAT, False), (apis.CHAT, True), (apis.EMBEDDINGS, False)):
            plan.add(api, stream, {"dialect": "azure"}, azure=True)
    if client == "sdk_google":
        for stream in (False, True):
            plan.add(apis.GOOGLE, stream, {"usage": "mix"}, vertex=True)
    if client in ("sdk_openai", "sdk_anthropic", "sdk_google", "sdk_ollama"):
        plan.add(SDKS[client][0], False, listings=True)
    return plan


def _sdk_forms(plan, api, stream):
    tools = api not in apis.TOOLLESS
    for more in ({}, {"helper": True}):
        plan.add(api, stream, {"usage": "mix", "split": "random", "encoding": "accepted"}, **more)
        plan.add(api, stream, {"usage": "mix", "reasoning": True, "split": "tokens"}, tools=tools, **more)
    plan.add(api, stream, {"status": 400})
    if api not in (apis.GOOGLE, apis.OLLAMA_CHAT, apis.OLLAMA_GENERATE):  # these ask once
        plan.add(api, stream, {"status": 500, "times": 1})
        plan.add(api, stream, {"status": 429, "times": 2})
        plan.add(api, stream, {"reset": True, "times": 1})
    if api == apis.EMBEDDINGS:
        plan.add(api, stream, form="float")
    if stream:
        plan.add(api, stream, {"error_after": 3, "usage": "mix"})
        plan.add(api, stream, {"hang_after": 1}, leave=True)


def all_plans():
    return [raw(client, turn) for turn, client in enumerate(RAW)] + [sdk(client) for client in SDKS]
