#!/usr/bin/env python3
"""A link cut, unplugged or blackholed is given up within user_timeout, retried, and back by itself when the wire is."""
import time

from kit import *

OPTIONS = {"transport": {"user_timeout": "3s", "keepalive": "1s"}, "retry": {"min": "200ms", "max": "1s"}}
with Lab("near", "far") as lab:
    near, far = lab
    keepers = pair(lab, "persistent", OPTIONS, OPTIONS)

    def whole():
        for keeper in keepers:
            keeper.wait_state("established", deadline=30)
        one, other = connect(near, NEAR_APP), connect(far, FAR_APP)
        for keeper in keepers:
            keeper.wait_app(1)
        for a, b in ((one, other), (other, one)):
            a.sendall(b"ping")
            same(read_exactly(b, 4), b"ping", "bytes across the link")
        return one, other

    def faulty(what, start, end, busy):
        one, other = whole()
        before = [keeper.status("link")["established_count"] for keeper in keepers]
        began = time.monotonic()
        start()
        if busy:
            one.sendall(b"x")
            other.sendall(b"x")
        for keeper in keepers:
            wait_for(lambda: keeper.status("link")["state"] != "established", 15, f"{keeper.name} sees: {what}")
            down = keeper.status("link")["last_down"]
            require(down and down["code"] in ("user-timeout", "unreachable", "connect-refused", "peer-closed", "peer-reset"), f"{what}: {down}")
        took = time.monotonic() - began
        print(f"{what}, {'busy' if busy else 'idle'}: noticed by both after {took:.1f} s: {down['text']}")
        # The end of the link is shown to the app.
        one.settimeout(5)
        refused(lambda: read_exactly(one, 1 << 20), AssertionError, ConnectionResetError)
        holds_for(lambda: keepers[0].status("link")["state"] != "established", 1, "down while the wire is dead")
        end()
        whole()
        for keeper, count in zip(keepers, before):
            require(keeper.status("link")["established_count"] > count, f"{what}: not established anew")

    for busy in (True, False):
        faulty("blackhole", lambda: far.blackhole(near.ip), far.heal, busy)
    faulty("refused", lambda: (far.refuse(near.ip), near.refuse(far.ip)), lambda: (far.heal(), near.heal()), True)
    faulty("unplugged", near.unplug, near.plug, True)
    faulty("far side unplugged", far.unplug, far.plug, False)

    # Control: a link that is merely idle stays, well beyond user_timeout.
    one, other = whole()
    count = keepers[0].status("link")["established_count"]
    holds_for(lambda: keepers[0].status("link")["established_count"] == count, 5, "an idle link")
    one.sendall(b"ping")
    same(read_exactly(other, 4), b"ping", "bytes across the idle link")
