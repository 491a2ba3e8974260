# SPDX-License-Identifier: MIT
"""Reads a recording without tokprof: zstd frames of MessagePack maps (docs/event-format.md)."""
import shutil
import struct
import subprocess

import harness


def plain(path):
    """The bare event stream; of a recording that was cut off, what zstd can still read."""
    if not shutil.which("zstd"):
        harness.skip("needs the zstd program")
    return subprocess.run(["zstd", "-dcq", str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def events(path):
    data, at, found = plain(path), 0, []
    while at < len(data):
        event, at = _value(data, at)
        found.append(event)
    return found


_FIXED = {0xcc: ">B", 0xcd: ">H", 0xce: ">I", 0xcf: ">Q", 0xd0: ">b", 0xd1: ">h", 0xd2: ">i", 0xd3: ">q", 0xca: ">f", 0xcb: ">d"}
_SIZED = {0xc4: (">B", bytes), 0xc5: (">H", bytes), 0xc6: (">I", bytes), 0xd9: (">B", str), 0xda: (">H", str), 0xdb: (">I", str),
          0xdc: (">H", list), 0xdd: (">I", list), 0xde: (">H", dict), 0xdf: (">I", dict)}


def _value(data, at):
    """One MessagePack value and the place after it."""
    tag, at = data[at], at + 1
    if tag <= 0x7f:
        return tag, at
    if tag >= 0xe0:
        return tag - 256, at
    if tag <= 0x8f:
        return _many(data, at, dict, tag & 15)
    if tag <= 0x9f:
        return _many(data, at, list, tag & 15)
    if tag <= 0xbf:
        return _many(data, at, str, tag & 31)
    if tag in (0xc0, 0xc2, 0xc3):
        return {0xc0: None, 0xc2: False, 0xc3: True}[tag], at
    if tag in _FIXED:
        return struct.unpack_from(_FIXED[tag], data, at)[0], at + struct.calcsize(_FIXED[tag])
    width, kind = _SIZED[tag]
    return _many(data, at + struct.calcsize(width), kind, struct.unpack_from(width, data, at)[0])


def _many(data, at, kind, n):
    if kind in (str, bytes):
        raw = data[at:at + n]
        return (raw.decode() if kind is str else raw), at + n
    if kind is list:
        out = []
        for _ in range(n):
            value, at = _value(data, at)
            out.append(value)
        return out, at
    out = {}
    for _ in range(n):
        key, at = _value(data, at)
        out[key], at = _value(data, at)
    return out, at


def ledger(path):
    """The closing account: (problems, bytes lost, the closing event). It adds up: seen = copied + lost."""
    ends = [e for e in events(path) if e.get("k") == "meta" and e.get("what") == "end"]
    if len(ends) != 1:
        return [f"{len(ends)} closing events instead of one"], 0, {}
    end = ends[0]
    lost = sum((end.get("lostby") or {}).values())
    if end["seen"] != end["copied"] + lost:
        return [f"ledger: seen {end['seen']} is not copied {end['copied']} + lost {lost} ({end.get('lostby')})"], lost, end
    return [], lost, end
