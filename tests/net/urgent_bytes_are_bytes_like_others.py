#!/usr/bin/env python3
"""An urgent byte (RFC 6093) passes in its place, before and after a pair is lent, and nothing behind it is lost."""
import socket

from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    places = {"tcp": NEAR_APP, "unix": "unix:/run/near.app"}
    ends, heard = {"tcp": FAR_APP, "unix": "unix:/run/far.app"}, []
    key = chain(lab)
    Keeper(near, key + "".join(
        session(kind, mode="active", peer=far.at(PORT + n), source=near.ip, link="per-client", app=places[kind])
        for n, kind in enumerate(places)))
    keeper = Keeper(far, key + "".join(
        session(kind, mode="passive", peer=near.ip, source=far.at(PORT + n), link="per-client", app=ends[kind])
        for n, kind in enumerate(places)))
    for kind in places:
        serve(far, ends[kind], lambda sock: heard.append(read_to_end(sock)))
        keeper.wait_state("listening", kind)
        for size in (1000, 4 << 20):  # the second one is lent to a mover
            before, behind = b"a" * size, b"b" * 1000
            with connect(near, places[kind]) as sock:
                sock.sendall(before)
                sock.send(b"!", socket.MSG_OOB)
                sock.sendall(behind)
                sock.shutdown(socket.SHUT_WR)
                wait_for(lambda: heard, 20, f"{kind}: the stream of {size} bytes ends")
                got = heard.pop()
                same(len(got), size + 1 + len(behind), f"{kind}: bytes that arrived")
                require(got == before + b"!" + behind, f"{kind}: the bytes are others, or elsewhere")
                same(read_to_end(sock), b"", f"{kind}: the answer")
