#!/usr/bin/env python3
"""Random bytes into every socket that a keeper has open cost at most that connection; others keep their link."""
import json
import random
import socket

from kit import *
from kit.segments import Segment

with Lab("near", "far", "stranger") as lab:
    near, far, stranger = lab
    rng = random.Random(7)
    key = chain(lab)
    keeper = Keeper(near, key
                    + session("steady", mode="active", peer=far.at(PORT), source=near.ip, link="persistent",
                              app="unix:/run/steady.app")
                    + session("victim", mode="active", peer=far.at(PORT + 1), source=near.ip, app=NEAR_APP)
                    + session("open", mode="passive", peer=far.ip, source=near.at(PORT + 2), app=FAR_APP,
                              raw={"proxy_protocol": "v2"}))
    peer = listen(far, far.at(PORT), keyed(near.ip))
    serve(far, far.at(PORT + 1), echo, keyed(near.ip))
    serve(near, FAR_APP, echo)
    link, _ = peer.accept()
    keeper.wait_state("established", "steady")
    app = connect(near, "unix:/run/steady.app")
    keeper.wait_app(1, "steady")

    def unharmed(what):
        for one, other in ((app, link), (link, app)):
            one.settimeout(10)
            one.sendall(b"steady")
            same(read_exactly(other, 6), b"steady", f"the steady session after: {what}")
        talk(connect(near, NEAR_APP))
        same(keeper.status("steady")["established_count"], 1, f"establishments after: {what}")

    unharmed("start")
    descriptors, memory = keeper.descriptors(), keeper.memory()

    def throw(what, open_one, data):
        with open_one() as sock:
            try:
                sock.sendall(data)
                sock.settimeout(0.2)
                sock.recv(1 << 16)
            except OSError:
                pass

    def control():
        return connect(None, f"unix:{keeper.control}")

    request = json.dumps({"command": "status"}).encode()
    for what, open_one in (("control", control),
                           ("app", lambda: connect(near, NEAR_APP)),
                           ("app of the steady session, second one", lambda: connect(near, "unix:/run/steady.app")),
                           ("peer, signed", lambda: dial(far, near.at(PORT + 2), SECRET))):
        for size in (0, 1, 3, 64, 5000, 300_000):
            throw(what, open_one, rng.randbytes(size))
        for data in (b"\n" * 1000, b"\0" * 1000, b"{" * 100_000 + b"\n", b"[" * 100_000, b'"' + b"a" * (2 << 20),
                     request[:-1], request * 50, b'{"command":1e999}\n', b"\xff\xfe{}\n", b'{"command":"status","name":"' + b"x" * 70000 + b'"}\n'):
            throw(what, open_one, data)
        for _ in range(30):
            throw(what, open_one, bytes(rng.choices(b'{}[]":,\n\\u0019truefalsnul-.e \xc3\x28', k=rng.randrange(200))))
        unharmed(what)

    for _ in range(300):  # unsigned, to the listener and to the live link, from the peer's address and others'
        port = rng.choice((PORT, PORT + 2, link.getpeername()[1]))
        Segment(rng.choice((far.ip, stranger.ip)), rng.choice((PORT, rng.randrange(1, 65536))), near.ip, port,
                rng.getrandbits(32), rng.getrandbits(32), rng.getrandbits(6), rng.randbytes(rng.randrange(50)),
                rng.randbytes(4 * rng.randrange(10))).send(stranger)
    unharmed("raw segments")

    # Some 200 connections have come and gone. What may stay are the movers and their pool of pipes.
    wait_for(lambda: keeper.descriptors() <= descriptors + 24, 15, f"descriptors are back to about {descriptors}")
    grown = keeper.memory() - memory
    require(grown < 16 << 20, f"the keeper grew by {grown >> 20} MiB")
