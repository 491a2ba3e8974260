# SPDX-License-Identifier: MIT
"""Moves a known byte pattern through TLS: a client and a server in one process, by Python's ssl module.

tls_pair.py memory CERT SIZE...          each SIZE in one SSL_write, over memory BIOs, one connection
tls_pair.py partial CERT SIZE            non-blocking sockets: partial writes, retries
tls_pair.py connections CERT COUNT SIZE  COUNT connections, one after the other
tls_pair.py later CERT SIZE FILE         first waits for FILE to appear; makes FILE.done at the end

Byte i of each connection's client stream is PATTERN[i % 65521]; tests/bpf/pattern.h knows the same.
"""

import os
import socket
import ssl
import sys
import time

PERIOD = 65521


def pattern_block():
    x, out = 2463534242, bytearray(PERIOD)
    for i in range(PERIOD):
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        out[i] = x >> 24
    return bytes(out)


PATTERN = pattern_block()


def pattern(offset, size):
    start = offset % PERIOD
    return (PATTERN * ((start + size) // PERIOD + 1))[start : start + size]


def contexts(cert):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    return client, server


class MemoryPair:
    def __init__(self, cert):
        client, server = contexts(cert)
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(to_client, to_server)
        self.server = server.wrap_bio(to_server, to_client, server_side=True)
        self.sent = 0
        done = [False, False]
        while not all(done):
            for i, side in enumerate((self.client, self.server)):
                try:
                    side.do_handshake()
                    done[i] = True
                except ssl.SSLWantReadError:
                    pass

    def send(self, size):
        data = pattern(self.sent, size)
        assert self.client.write(data) == size
        got = 0
        while got < size:
            piece = self.server.read(1 << 20)
            assert piece == data[got : got + len(piece)]
            got += len(piece)
        self.sent += size


def partial(cert, size):
    client, server = contexts(cert)
    a, b = socket.socketpair()
    a.setblocking(False)
    b.setblocking(False)
    left = client.wrap_socket(a, do_handshake_on_connect=False)
    right = server.wrap_socket(b, server_side=True, do_handshake_on_connect=False)
    wants = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
    done = [False, False]
    while not all(done):
        for i, side in enumerate((left, right)):
            try:
                side.do_handshake()
                done[i] = True
            except wants:
                pass
    data, sent, got = pattern(0, size), 0, 0
    while got < size:
        try:
            if sent < size:
                sent += left.send(data[sent:])
        except wants:
            pass
        try:
            piece = right.recv(70000)
            assert piece == data[got : got + len(piece)]
            got += len(piece)
        except wants:
            pass


def main():
    how, cert, numbers = sys.argv[1], sys.argv[2], sys.argv[3:]
    if how == "memory":
        pair = MemoryPair(cert)
        for size in numbers:
            pair.send(int(size))
    elif how == "partial":
        partial(cert, int(numbers[0]))
    elif how == "connections":
        for _ in range(int(numbers[0])):
            MemoryPair(cert).send(int(numbers[1]))
    elif how == "later":
        while not os.path.exists(numbers[1]):
            time.sleep(0.02)
        MemoryPair(cert).send(int(numbers[0]))
        open(numbers[1] + ".done", "w").close()


main()
