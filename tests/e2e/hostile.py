# SPDX-License-Identifier: MIT
"""What hostile servers and clients send: cases for test_hostile.py. Both ends of a case make the same pieces."""
import gzip
import itertools
import struct
import subprocess
import zlib

CHAT, MB = "/v1/chat/completions", 1 << 20
JSON = b"Content-Type: application/json\r\n"
PAD = b" " * MB


class Case:
    """request, answer: functions that make pieces of bytes; None: an ordinary one. same: the next call goes over the same
    connection. complete, usage: what the row must say (None: anything). row: there must be one. loss: in some loss event."""

    def __init__(self, name, request=None, answer=None, same=True, row=True, complete=None, usage=False, loss=None, path=CHAT, peak_mb=48):
        self.name, self.same, self.row, self.complete, self.usage, self.loss, self.path, self.peak_mb = (
            name, same, row, complete, usage, loss, path, peak_mb)
        self.request = request or (lambda: [ask(name, path)])
        self.answer = answer or (lambda: [plain_answer()])


def ask(name, path=CHAT, body=None, head=b""):
    body = body or b'{"model":"asked","messages":[{"role":"user","content":"hi"}]}'
    return start(name, path, head + b"Content-Length: %d\r\n" % len(body)) + body


def start(name, path=CHAT, head=b""):
    return b"POST %s HTTP/1.1\r\nHost: %s.test\r\n%s%s\r\n" % (path.encode(), name.encode(), JSON, head)


BEGIN, END = b'{"model":"told","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],', b'"usage":{"prompt_tokens":1234,"completion_tokens":56,"total_tokens":1290}}'
WHOLE = BEGIN + END


def answer(body, head=b"", status=b"200 OK"):
    return b"HTTP/1.1 %s\r\n%s%sContent-Length: %d\r\n\r\n" % (status, JSON, head, len(body)) + body


def plain_answer():
    return answer(WHOLE)


def sized(pieces, head=b"", kind=JSON):
    """An answer of a known length, made piece by piece."""
    size = sum(map(len, pieces()))
    return lambda: itertools.chain([b"HTTP/1.1 200 OK\r\n%s%sContent-Length: %d\r\n\r\n" % (kind, head, size)], pieces())


def sized_request(name, pieces, head=b"", path=CHAT):
    size = sum(map(len, pieces()))
    return lambda: itertools.chain([start(name, path, head + b"Content-Length: %d\r\n" % size)], pieces())


def repeated(piece, n, between=b",", batch=5000):
    """n times the same, in larger pieces."""
    for i in range(0, n, batch):
        count = min(batch, n - i)
        yield (between if i else b"") + between.join([piece] * count)


def within(before, middle, after=b""):
    return lambda: itertools.chain([before], middle(), [after])


def field(middle):
    """An answer with an odd field in it; its usage stands behind that."""
    return sized(within(BEGIN + b'"odd":', middle, b"," + END))


def coded(tool, data):
    return subprocess.run(tool, input=data, stdout=subprocess.PIPE, check=True).stdout


def squeeze(size):
    """gzip of JSON with `size` blanks in it, without making it in one piece."""
    z = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([z.compress(BEGIN), *(z.compress(PAD) for _ in range(size // MB)), z.compress(END), z.flush()])


def servers():
    gz, bomb = gzip.compress(WHOLE), squeeze(256 * MB)
    nested, zst = gzip.compress(bomb), coded(["zstd", "-qc"], BEGIN + PAD * 64 + END)
    window = b"\x28\xb5\x2f\xfd\x00\xa8" + b"\x01\x00\x00"
    huge = b"x" * MB
    yield Case("s-head-line-10m", answer=lambda: [b"HTTP/1.1 200 OK\r\nX: ", *[huge] * 10, b"\r\n" + JSON + b"Content-Length: 2\r\n\r\n{}"], complete=False)
    yield Case("s-head-lines-100k", answer=lambda: [b"HTTP/1.1 200 OK\r\n", *repeated(b"X-A: b", 100000, b"\r\n"), b"\r\nContent-Length: 2\r\n\r\n{}"], complete=False)
    yield Case("s-length-2g-cut", answer=lambda: [b"HTTP/1.1 200 OK\r\n" + JSON + b"Content-Length: 2147483648\r\n\r\n" + BEGIN, *[PAD] * 300], same=False)
    yield Case("s-string-200m", answer=field(lambda: [b'"', *[huge] * 200, b'"']), usage=True)
    yield Case("s-chunk-huge", answer=lambda: [b"HTTP/1.1 200 OK\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + WHOLE], same=False, complete=False)
    yield Case("s-chunk-negative", answer=lambda: [b"HTTP/1.1 200 OK\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n" + WHOLE], same=False, complete=False)
    yield Case("s-chunk-extension-1m", answer=lambda: [b"HTTP/1.1 200 OK\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n%x;e=" % len(WHOLE), huge, b"\r\n" + WHOLE + b"\r\n0\r\n\r\n"], complete=False)
    yield Case("s-trailer-1m", answer=lambda: [b"HTTP/1.1 200 OK\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(WHOLE) + WHOLE + b"\r\n0\r\nX: ", huge, b"\r\n\r\n"], complete=False, usage=True)
    yield Case("s-gzip-1000", answer=lambda: [answer(bomb, b"Content-Encoding: gzip\r\n")], usage=True)
    yield Case("s-gzip-gzip", answer=lambda: [answer(nested, b"Content-Encoding: gzip, gzip\r\n")], complete=False, loss="encoding: too large")
    yield Case("s-zstd-bomb", answer=lambda: [answer(zst, b"Content-Encoding: zstd\r\n")], complete=False, loss="encoding: too large")
    yield Case("s-zstd-window-2g", answer=lambda: [answer(window, b"Content-Encoding: zstd\r\n")], complete=False, loss="encoding: bad data")
    yield Case("s-gzip-truncated", answer=lambda: [answer(gz[:-20], b"Content-Encoding: gzip\r\n")], complete=False, loss="encoding: truncated")
    yield Case("s-gzip-corrupt", answer=lambda: [answer(gz[:30] + b"\xff\x00\xff" * 9 + gz[30:], b"Content-Encoding: gzip\r\n")], complete=False, loss="encoding: bad data")
    yield Case("s-unknown-coding", answer=lambda: [answer(WHOLE, b"Content-Encoding: x-none-such\r\n")], complete=False, loss="encoding: unknown")
    yield Case("s-deep-arrays", answer=field(lambda: [b"[" * 100000, b"]" * 100000]), usage=True)
    yield Case("s-deep-objects", answer=field(lambda: [b'{"a":' * 100000, b"1", b"}" * 100000]), usage=True)
    yield Case("s-deeper-than-any", answer=field(lambda: [b"[" * 2000000]), loss="json")
    yield Case("s-number-1m", answer=field(lambda: [b"9" * MB]), usage=True)
    yield Case("s-key-10m", answer=field(lambda: [b'{"', *[huge] * 10, b'":1}']), usage=True)
    yield Case("s-choices-1m", answer=sized(within(b'{"model":"told","choices":[', lambda: repeated(b'{"index":0,"message":{"content":"y"}}', 1000000), b"]," + END)), peak_mb=160)
    yield Case("s-count-huge", answer=lambda: [answer(BEGIN + b'"usage":{"prompt_tokens":999999999999999999999999999,"completion_tokens":-5}}')])
    yield Case("s-duplicate-keys", answer=lambda: [answer(BEGIN + b'"usage":{"prompt_tokens":1},' + END)], complete=True)
    yield Case("s-nul-utf8-surrogate", answer=lambda: [answer(b'{"model":"t\xff\xfe\\u0000\\ud800",' + END)], usage=True)
    yield Case("s-nul-in-head", answer=lambda: [answer(WHOLE, b"X-Nul: a\0b\r\n")], usage=True)
    yield Case("s-model-1m-ansi", answer=lambda: [answer(b'{"model":"\\u001b[31mred\\u0007' + huge + b'",' + END, b"Server: \x1b[31mred\r\n")], usage=True)
    stream = b"Content-Type: text/event-stream\r\n"
    yield Case("s-sse-line-50m", answer=sized(within(b'data: {"odd":"', lambda: [huge] * 50, b'"}\n\ndata: ' + WHOLE + b"\n\ndata: [DONE]\n\n"), kind=stream), usage=True)
    yield Case("s-sse-empty-1m", answer=sized(within(b"", lambda: repeated(b"data:\n", 1000000, b"\n"), b"\n\ndata: " + WHOLE + b"\n\ndata: [DONE]\n\n"), kind=stream), usage=True)
    yield Case("s-sse-no-newline", answer=lambda: [b"HTTP/1.1 200 OK\r\n" + stream + b"\r\ndata: ", *[huge] * 20], same=False)
    yield Case("s-ndjson-line-100m", path="/api/chat", usage=True,
               answer=sized(within(b'{"model":"told","message":{"role":"assistant","content":"', lambda: [huge] * 100, b'"},"done":true,"prompt_eval_count":1234,"eval_count":56}\n'),
                            kind=b"Content-Type: application/x-ndjson\r\n"))
    yield Case("s-frame-4g", path="/model/m.x/converse-stream", answer=lambda: [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nContent-Length: 2097164\r\n\r\n" + struct.pack(">III", 0xffffffff, 16, 1), huge, huge])
    yield Case("s-100-flood", answer=lambda: [*repeated(b"HTTP/1.1 100 Continue\r\n\r\n", 100000, b""), plain_answer()], usage=True)
    yield Case("s-103-loop", answer=lambda: [*repeated(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 20000, b""), plain_answer()], usage=True)
    yield Case("s-http09", answer=lambda: [WHOLE], same=False)
    yield Case("s-length-and-chunked", answer=lambda: [b"HTTP/1.1 200 OK\r\n" + JSON + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(WHOLE) + WHOLE + b"\r\n0\r\n\r\n"], usage=True)
    yield Case("s-two-lengths", answer=lambda: [b"HTTP/1.1 200 OK\r\n" + JSON + b"Content-Length: 5\r\nContent-Length: %d\r\n\r\n" % len(WHOLE) + WHOLE], same=False, complete=False)
    yield Case("s-folded-head", answer=lambda: [answer(WHOLE, b"X-Long: a\r\n  b\r\n\tc\r\n")], usage=True)
    yield Case("s-bare-lf", answer=lambda: [answer(b"").replace(b"\r\n", b"\n").replace(b"Length: 0", b"Length: %d" % len(WHOLE)) + WHOLE], usage=True)
    yield Case("s-bare-cr", answer=lambda: [answer(WHOLE, b"X-Cr: a\rContent-Length: 3\r\n")])
    yield Case("s-upgrade", answer=lambda: [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", huge], same=False)


def clients():
    huge = b"x" * MB
    head, tail = b'{"model":"asked","messages":[', b"]}"
    one = b'{"role":"user","content":"hi"}'
    bomb = squeeze(64 * MB)

    def body(name, before, middle, after, **more):
        return Case(name, request=sized_request(name, within(before, middle, after)), **more)

    yield Case("c-head-line-10m", request=lambda: [b"POST %s HTTP/1.1\r\nX: " % CHAT.encode(), *[huge] * 10, b"\r\n\r\n"], row=False)
    yield Case("c-head-lines-100k", request=lambda: [b"POST %s HTTP/1.1\r\n" % CHAT.encode(), *repeated(b"X-A: b", 100000, b"\r\n"), b"\r\n\r\n"], row=False)
    yield Case("c-length-2g-cut", request=lambda: [start("c-length-2g-cut", head=b"Content-Length: 2147483648\r\n") + head, *[PAD] * 100], same=False)
    yield body("c-string-200m", head + b'{"role":"user","content":"', lambda: [huge] * 200, b'"}]}', usage=True)
    yield Case("c-chunk-huge", request=lambda: [start("c-chunk-huge", head=b"Transfer-Encoding: chunked\r\n") + b"ffffffffffffffff\r\n" + head + one + tail], same=False)
    yield Case("c-chunk-extension-1m", request=lambda: [start("c-chunk-extension-1m", head=b"Transfer-Encoding: chunked\r\n") + b"3;e=", huge, b"\r\nabc\r\n0\r\n\r\n"], complete=False)
    yield body("c-deep", head + one + b'],"odd":', lambda: [b"[" * 100000, b"]" * 100000], b"}", usage=True)
    yield body("c-key-10m", head + one + b'],"', lambda: [huge] * 10, b'":1}', usage=True)
    yield body("c-messages-1m", head, lambda: repeated(one, 1000000), tail, complete=False, loss="blocks: too many", peak_mb=200)
    yield body("c-parts-1m", head + b'{"role":"user","content":[', lambda: repeated(b'{"type":"text","text":"a"}', 1000000), b"]}]}", peak_mb=200)
    yield body("c-tools-1m", head + one + b'],"tools":[', lambda: repeated(b'{"type":"function","function":{"name":"t"}}', 1000000), b"]}", complete=False, loss="blocks: too many", peak_mb=200)
    yield Case("c-gzip-bomb", request=lambda: [ask("c-gzip-bomb", body=bomb, head=b"Content-Encoding: gzip\r\n")])
    yield Case("c-pipeline-10k", request=lambda: repeated(ask("c-pipeline-10k"), 10000, b""), same=False, complete=False, peak_mb=64)
    yield Case("c-length-and-chunked", request=lambda: [start("c-length-and-chunked", head=b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") + b"%x\r\n" % len(head + one + tail) + head + one + tail + b"\r\n0\r\n\r\n"], usage=True)
    yield Case("c-two-lengths", request=lambda: [start("c-two-lengths", head=b"Content-Length: 3\r\nContent-Length: 4\r\n") + b"abcd"], same=False)
    yield Case("c-folded-head", request=lambda: [ask("c-folded-head", head=b"X-Long: a\r\n b\r\n")], usage=True)
    yield Case("c-upgrade-declined", request=lambda: [ask("c-upgrade-declined", head=b"Upgrade: x\r\nConnection: upgrade\r\n")], usage=True)
    yield Case("c-connect", request=lambda: [b"CONNECT c-connect.test:443 HTTP/1.1\r\nHost: c-connect.test\r\n\r\n"], answer=lambda: [b"HTTP/1.1 200 OK\r\n\r\n", b"\x16\x03\x01\0" + huge], row=False, same=False)
    yield Case("c-model-1m-ansi", request=lambda: [ask("c-model-1m-ansi", body=b'{"model":"\\u001b[31m' + huge + b'","messages":[]}')], usage=True)
    yield Case("c-host-ansi", request=lambda: [ask("\x1b[31mred", "/v1/chat/completions?\x1b[2J")], row=False)


def all_cases():
    """Those that may take most stand last: what they took is given back to the system only after a while."""
    return sorted([*servers(), *clients()], key=lambda case: case.peak_mb)
