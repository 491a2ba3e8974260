# SPDX-License-Identifier: MIT
"""Compares what tokprof says with what the referee knows, call by call."""

USAGE = ("input_tokens", "cache_read_input_tokens", "cache_write_input_tokens", "cache_write_5m_input_tokens",
         "cache_write_1h_input_tokens", "output_tokens", "reasoning_output_tokens")
# A connection that ends early looks the same from outside, whoever ended it.
OUTCOMES = {"ok": ("ok",), "error": ("error",), "cut": ("cancelled", "error"), "cancelled": ("cancelled",)}


def model_calls(truth):
    return [line for line in truth if line["kind"] == "call"]


def _differences(row, line, stack="openssl"):
    """What is wrong with one row, as words."""
    wrong = []

    def expect(name, got, wanted):
        if got != wanted:
            wrong.append(f"{name} is {got!r}, should be {wanted!r}")

    usage = row.get("usage") or {}
    if line["outcome"] != "cancelled":  # what the server sent last, a client that left need not have read
        for key in USAGE:
            expect(key, usage.get(key), line["usage"][key])
        modality = usage.get("modality") or {}
        for side, counts in line["usage"]["modality"].items():
            for name, count in counts.items():
                expect(f"modality.{side}.{name}", (modality.get(side) or {}).get(name), count)
    expect("api", row["api"], line["api"])
    expect("model", row["model"], line["model"])
    expect("path", row["path"], line["path"])
    expect("stream", row["stream"], line["streamed"])
    expect("http_status", row["http_status"], line["status"])
    if "provider" in line:
        expect("provider", row["provider"], line["provider"])
    if "tls" in line:
        expect("transport.tls", row["transport"]["tls"], stack if line["tls"] else "none")
    if "http" in line and not (line["outcome"] == "cancelled" and row["http_status"] is None):
        expect("transport.http", row["transport"]["http"], line["http"])
    if row["outcome"] not in OUTCOMES[line["outcome"]]:
        wrong.append(f"outcome is {row['outcome']!r}, was {line['outcome']!r}")
    if line["outcome"] == "ok":
        expect("stop_reason", row["stop_reason"], line["stop_reason"])
        expect("tools", [t["name"] for t in row["tools"]], [t["name"] for t in line["tools_asked"]])
        expect("complete", row["complete"], True)
    if row["session"] is None:
        wrong.append("no session")
    return wrong


def _key(model, path, usage):
    return (model, path, usage.get("input_tokens"), usage.get("output_tokens"))


def _pair(rows, lines):
    """Pairs rows with the referee's lines; returns pairs, rows left over, lines left over."""
    waiting = {}
    for line in lines:
        waiting.setdefault(_key(line["model"], line["path"], line["usage"]), []).append(line)
    pairs, rest = [], []
    for row in rows:
        found = waiting.get(_key(row["model"], row["path"], row.get("usage") or {}))
        if found:
            pairs.append((row, found.pop(0)))
        else:
            rest.append(row)
    left = [line for found in waiting.values() for line in found]
    # The usage may be what is wrong: pair what is left by model and path, so that the message can say so.
    for row in list(rest):
        line = next((n for n in left if (n["model"], n["path"]) == (row["model"], row["path"])), None)
        if line:
            pairs.append((row, line))
            rest.remove(row)
            left.remove(line)
    return pairs, rest, left


def by_call(rows, truth, stack="openssl"):
    """(the referee's line, what is wrong with its row) of each call, and the rows that nobody made."""
    pairs, invented, missing = _pair(rows, model_calls(truth))
    return [(line, _differences(row, line, stack)) for row, line in pairs] + [(line, ["not found"]) for line in missing], invented


def exact(rows, truth, stack="openssl"):
    """Every call found, none invented, all fields equal; https was of `stack`. Returns problems as lines of text."""
    pairs, invented, missing = _pair(rows, model_calls(truth))
    problems = [f"call {line['n']} ({line['api']}, {line['model']}): " + "; ".join(wrong)
                for row, line in pairs if (wrong := _differences(row, line, stack))]
    problems += [f"missing: call {n['n']} {n['api']} {n['model']} {n['path']} {n['outcome']}" for n in missing]
    problems += [f"invented: {r['api']} {r['model']} {r['path']} {r['outcome']} {r.get('usage')}" for r in invented]
    return problems


def exact_or_incomplete(rows, truth):
    """With losses: a row that says complete is exact; none is invented; the others may know less."""
    whole = [row for row in rows if row["complete"]]
    pairs, invented, _ = _pair(whole, model_calls(truth))
    problems = [f"call {line['n']} says complete: " + "; ".join(wrong)
                for row, line in pairs if (wrong := _differences(row, line))]
    problems += [f"invented: {r['api']} {r['model']} {r['path']} {r.get('usage')}" for r in invented]
    lines = {(n["model"], n["path"]): n for n in model_calls(truth)}
    for row in rows:
        line = lines.get((row["model"], row["path"]))
        if row["complete"] or not line:
            continue
        for key in USAGE:  # less may be known, but nothing else
            got = (row.get("usage") or {}).get(key)
            sent = {u for part in line["usage_sent"] for u in _numbers(part)} | {line["usage"][key], None}
            if got not in sent and key not in ("input_tokens", "output_tokens"):
                problems.append(f"call {line['n']} is incomplete and {key} is {got}, which nobody sent")
    return problems


def _numbers(value):
    if isinstance(value, dict):
        for part in value.values():
            yield from _numbers(part)
    elif isinstance(value, int):
        yield value


def rounds(rows, truth):
    """The order of rounds: each call of the tool loop has the one before it as parent, with its tools timed."""
    loop = [n for n in model_calls(truth) if n["tools_offered"] and not n["side"] and n["outcome"] == "ok"]
    problems, before = [], None
    by_key = {_key(r["model"], r["path"], r.get("usage") or {}): r for r in rows}
    for line in loop:
        row = by_key.get(_key(line["model"], line["path"], line["usage"]))
        if not row:
            continue  # exact() has said so
        if before and line["round"] > 0:
            earlier, asked = before
            if row["parent"] != earlier["id"]:
                problems.append(f"call {line['n']}: its parent is {row['parent']}, should be {earlier['id']}")
            if row["conversation"] != earlier["conversation"] or row["session"] != earlier["session"]:
                problems.append(f"call {line['n']}: another conversation or session than the round before")
            if not (isinstance(row["round"], int) and row["round"] > earlier["round"]):
                problems.append(f"call {line['n']}: round {row['round']} after round {earlier['round']}")
            untimed = [t["name"] for t in earlier["tools"] if t["duration_ns"] is None]
            if line["tool_results"] and untimed:
                problems.append(f"call {asked['n']}: no duration of {', '.join(untimed)}")
        before = (row, line)
    return problems
