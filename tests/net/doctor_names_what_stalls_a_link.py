#!/usr/bin/env python3
"""doctor, of a link that is up: the cable is pulled; the peer goes to another key of the chain, to one outside, and dies; idle, and
with bytes to send."""
from kit import *
from kit.doctors import *

with Lab("near", "far") as lab:
    near, far = lab
    served = serve(far, far.at(PORT), lambda sock: wait_for(lambda: False, 600), keyed(near.ip, FIRST))
    text = two_keys(lab) + session(mode="active", peer=far.at(PORT), source=near.ip, link="persistent", app=NEAR_APP)
    keeper = Keeper(near, text)
    keeper.wait_state("established")
    app = connect(near, NEAR_APP)
    keeper.wait_app(1)
    peer = wait_for(lambda: served.connections, 10, "the link")[0]
    same(read_exactly(app, peer.send(b"hello")), b"hello", "the link carries")

    # Long before the link itself can know.
    def pulled(*words):
        text = says(keeper, "link", "no-route", "next: look at the cable", *words)
        same(keeper.status("link")["state"], "established", f"the link meanwhile: {text}")
    near.unplug()
    pulled(far.ip if lab.family == 6 else near.ip)
    near.plug()
    wait_for(lambda: Doctor(keeper, "link").exit == 0, 40, "all is well with the interface up")
    capture(["ip", "link", "set", "port1", "down"])
    pulled("eth0 has no carrier", far.ip)
    capture(["ip", "link", "set", "port1", "up"])
    wait_for(lambda: Doctor(keeper, "link").exit == 0, 40, "all is well with the cable in")

    def moves(key):
        set_key(peer, near.ip, key.encode())
    moves(SECOND)
    peer.sendall(b"to an idle end")
    says(keeper, "link", "other-key", "key 2", "key 1", "peerhold key use link 2")
    same(keeper.status("link")["state"], "established", "the link is left alone")

    # Back on the right key all is well, and nothing was lost.
    moves(FIRST)
    app.settimeout(40)
    same(read_exactly(app, 14), b"to an idle end", "what was sent meanwhile")
    wait_for(lambda: Doctor(keeper, "link").exit == 0, 40, "all is well again")

    # The keeper sends, and is not heard: a link that stalls.
    moves(OUTSIDE)
    app.sendall(b"into the void")
    peer.sendall(b"out of it")
    says(keeper, "link", "unknown-key", "not in keychain")
    error = wait_for(lambda: keeper.status("link")["last_error"], 40, "last_error, without being asked")
    same(error["code"], "auth-mismatch", f"code of {error}")
    moves(FIRST)
    peer.settimeout(40)
    same(read_exactly(app, 9), b"out of it", "what was sent meanwhile")
    same(read_exactly(peer, 13), b"into the void", "what was sent into the void")
    same(keeper.status("link")["established_count"], 1, "establishments")

    # A wire that is dead says nothing, and is not taken for a key.
    far.blackhole(near.ip)
    app.sendall(b"more")
    says(keeper, "link", "no-answer", "not acknowledged", "filter")
