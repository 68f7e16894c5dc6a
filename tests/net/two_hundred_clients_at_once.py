#!/usr/bin/env python3
"""200 clients at once through a pair, in random chunks, with half-closes on either side: every checksum right."""
import concurrent.futures
import os
import random
import socket

from kit import *

CLIENTS = 200


def send_in_chunks(sock, data, rng):
    at = 0
    while at < len(data):
        step = rng.choice((1, 7, 100, 1460, 20000, 65536))
        sock.sendall(data[at:at + step])
        at += step
    sock.shutdown(socket.SHUT_WR)


def answer(sock):
    """First byte: who finishes first. Tells the digest of what came, then sends what it was asked for."""
    sock.settimeout(60)
    first = read_exactly(sock, 1)
    if first == b"c":      # the client finishes, then the server answers
        data = read_to_end(sock)
        sock.sendall(digest(data).encode() + data[::-1])
    else:                  # the server finishes at once, the client goes on
        payload = os.urandom(30000)
        sock.sendall(digest(payload).encode() + payload)
        sock.shutdown(socket.SHUT_WR)
        results.append(digest(read_to_end(sock)))


def client(number):
    rng = random.Random(number)
    data = rng.randbytes(rng.choice((0, 1, 5000, 100_000, 300_000)))
    with connect(near, NEAR_APP, 60) as sock:
        if number % 2:
            sock.sendall(b"c")
            send_in_chunks(sock, data, rng)
            got = read_to_end(sock)
            require(got == digest(data).encode() + data[::-1], f"client {number}: answer differs")
        else:
            sock.sendall(b"s")
            got = read_to_end(sock)
            require(digest(got[64:]).encode() == got[:64], f"client {number}: answer differs")
            send_in_chunks(sock, data, rng)
            sent.append(digest(data))


with Lab("near", "far") as lab:
    near, far = lab
    keepers = pair(lab, near_options={"retry": {"connect_timeout": "30s"}})  # all at once, on a machine with much else to do
    results, sent = [], []
    serve(far, FAR_APP, answer)
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(CLIENTS)))
    wait_for(lambda: len(results) == len(sent), 20, "every server has read to the end")
    same(sorted(results), sorted(sent), "digests of what went to the servers")
    for keeper in keepers:
        wait_for(lambda: keeper.status("link")["links"] == 0, 20, "no link is left")
        same(keeper.status("link")["established_count"] > 0, True, "established")
