# SPDX-License-Identifier: MIT
"""Recordings for tests of the command line, as bare event streams (docs/event-format.md)."""
import hashlib
import struct

EPOCH_NS = 1780272000000000000  # 1 June 2026


def pack(value):
    """MessagePack of the few types that events use."""
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xcf" + struct.pack(">Q", value)
    if isinstance(value, bytes):
        return b"\xc5" + struct.pack(">H", len(value)) + value
    if isinstance(value, str):
        data = value.encode()
        return b"\xda" + struct.pack(">H", len(data)) + data
    if isinstance(value, list):
        return b"\xdc" + struct.pack(">H", len(value)) + b"".join(map(pack, value))
    items = [(k, v) for k, v in value.items() if v is not None]
    return b"\xde" + struct.pack(">H", len(items)) + b"".join(pack(k) + pack(v) for k, v in items)


def digest(text):
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def block(kind, content, estimate, **more):
    return {"b": kind, "h": digest(kind + content), "n": 4 * estimate, "e": estimate, **more}


def event(kind, name, at_ms, **keys):
    return pack({"v": 1, "k": kind, "id": digest(name), "t": EPOCH_NS + at_ms * 1000000, "m": "host", **keys})


def call(name, at_ms, parent=None, usage=None, blocks=(), output=(), **keys):
    base = {"pid": 42, "comm": "node", "prog": "agent", "tree": "00000000000000aa", "srv": "localhost:8080",
            "prov": "openai", "api": "openai.chat", "model": "gpt-5", "path": "/v1/chat/completions",
            "strm": True, "st": 200, "out": "ok", "cpl": True, "lost": 0, "tf": 20000000, "tl": 90000000,
            "te": 100000000, "tran": {"tls": "openssl", "http": "1.1", "enc": "identity"},
            "par": digest(parent) if parent else None, "use": usage or {}, "blk": list(blocks), "outb": list(output)}
    return event("call", name, at_ms, **{**base, **keys})


def two_rounds():
    """An agent that reads a file and answers."""
    return (event("meta", "start", 0, what="start", key="0123456789abcdef", est="tp1")
            + call("one", 0, usage={"in": 400, "cr": 0, "out": 20},
                   blocks=[block("system", "s", 30), block("user", "u", 10)],
                   output=[block("tool_call", "a", 5, nm="read", cid="c1")])
            + event("later", "unknown kind", 1, anything=[1, {"a": "b"}])
            + call("two", 350, parent="one", usage={"in": 500, "cr": 350, "out": 7}, shr=3,
                   blocks=[block("tool_result", "r", 90, cid="c1")],
                   output=[block("assistant", "done", 3)], lab={"team": "a"}, unknown="skipped"))
