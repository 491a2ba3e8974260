# SPDX-License-Identifier: MIT
"""Plans of calls for the driver. Each call has a model name of its own, so that no two can be mixed up."""
import random

import apis

SPLITS = ("none", "byte", "random", "tokens")
ENCODINGS = ("identity", "gzip", "deflate", "br", "zstd")
CLIENTS = ("http.client", "urllib", "curl")


def _call(plan, api, stream, **more):
    call = {"api": api, "stream": stream, "model": f"m-{len(plan)}-{api.split('.')[0]}", **more}
    if api == apis.GOOGLE and more.pop("array", False):
        call["array"] = True
    plan.append(call)
    return call


def _script(call, **options):
    call.setdefault("script", {}).update(options)
    return call


def matrix(plain=False):
    """All APIs, streaming and not, each way of splitting and encoding, all clients, and what goes wrong; `plain`: also
    over http without TLS."""
    plan = []
    for api in apis.ALL:
        for stream in (False, True):
            for split in SPLITS:
                for encoding in ENCODINGS:
                    client = CLIENTS[len(plan) % len(CLIENTS)] if encoding == "identity" else "http.client"
                    call = _call(plan, api, stream, client=client, tools=split == "random")
                    _script(call, split=split, encoding=encoding, usage="mix", reasoning=encoding == "gzip")
            _edges(plan, api, stream, plain)
    _call(plan, apis.CHAT, True, no_usage=True)
    for split in SPLITS:
        _script(_call(plan, apis.GOOGLE, True, array=True), split=split, usage="mix")
    return plan


def _edges(plan, api, stream, plain):
    """Framings, request forms, errors, early ends, long bodies, listings in between."""
    def add(script, **more):
        return _script(_call(plan, api, stream, **more), **script)

    for framing in ("chunked", "length", "close"):
        add({"framing": framing, "usage": "mix", "split": "random"})
    for eol in ("\n", "\r\n"):
        add({"eol": eol, "split": "tokens"})
    for client in CLIENTS:
        add({}, client=client, tls=not plain)
    add({}, client="curl", repeat=3)
    add({}, client="pipeline", repeat=3)
    add({"split": "byte"}, client="pipeline", repeat=2)
    add({}, client="curl", expect=True, body_bytes=2000)
    add({"split": "byte"}, chunked=True, body_bytes=20000)
    add({"usage": "absent"})
    add({"stop": "length"})
    add({"model_suffix": "-2025-01-01"})
    for status in (400, 401, 429, 500, 529):
        add({"status": status})
    for size in (1, 5000, 70000, 1 << 20):
        add({"answer_bytes": size}, body_bytes=size)
    add({}, fresh=True)
    add({"cut_after": 0.5}, fresh=True)
    if stream:
        add({"error_after": 3})
        add({"cut_after": 2.5})
        add({"hang_after": 3}, leave=True, fresh=True)
        add({"delay_ms": 5})
    plan.append({"listing": ("GET", "/v1/models")})
    plan.append({"listing": ("HEAD", "/")})
    plan.append({"listing": ("POST", "/v1/messages/count_tokens")})
    plan.append({"listing": ("POST", "/v1beta/models/g:countTokens")})


def large():
    """Bodies of 8 MiB, both ways."""
    plan = []
    for api in apis.ALL:
        for stream in (False, True):
            _script(_call(plan, api, stream, body_bytes=8 << 20, chunked=stream), answer_bytes=8 << 20)
    return plan


def many(count, seed=5):
    """Calls of all kinds, drawn from a seed."""
    draw, plan = random.Random(seed), []
    for _ in range(count):
        call = _call(plan, draw.choice(apis.ALL), draw.random() < 0.6, fresh=draw.random() < 0.2, tools=draw.random() < 0.3,
                     body_bytes=int(2 ** draw.uniform(0, 15)))
        _script(call, split=draw.choice(("none", "none", "random", "tokens")), encoding=draw.choice(ENCODINGS), usage="mix",
                answer_bytes=int(2 ** draw.uniform(0, 13)))
    return plan
