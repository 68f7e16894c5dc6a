#!/usr/bin/env python3
"""One key may serve a prefix, and its peers need not move together: each is followed, those that are there and those
that come back, while the rest stay where they are; a lifetime moves them all."""
import socket
import struct
import time

from kit import *
from kit.keys import *
from kit.md5 import counters

with Lab("near", "first", "second") as lab:
    near, first, second = lab
    prefix = "fd00::/64" if lab.family == 6 else "10.0.0.0/24"
    clock = TestClock(lab)
    text = keys(lab, (1, "one"), (2, "two", stamp(1000)), accept_tolerance="1h")

    def ask(peer, word):
        """The keeper has read it: bytes are counted."""
        peer.socks[-1].sendall(word)

    def reset(peer):
        """Without an app its bytes are held, and a FIN waits behind them."""
        for sock in peer.socks:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()

    # ---- many peers in one session, each with clients of its own
    serve(near, FAR_APP, echo)
    keeper = Keeper(near, text + session(mode="passive", peer=prefix, source=near.at(PORT), app=FAR_APP), "clients", env=clock.env)
    a, b = Peer(first, near.ip, "one"), Peer(second, near.ip, "one")
    one, other = a.dial(PORT), b.dial(PORT)
    talk(one)
    talk(other)
    for secret in ("two", "one", "two"):
        a.change(secret)  # on its live link
        talk(one)
        talk(other)
        talk(a.dial(PORT))  # and on those to come
        talk(b.dial(PORT))
    c = Peer(first, near.ip, "two").dial(PORT)
    talk(c)
    # A reload leaves each on its key.
    with near:
        before = counters()["TCPMD5Failure"]
    keeper.reload()
    for sock in (one, other, c, a.dial(PORT), b.dial(PORT)):
        talk(sock)
    with near:
        same(counters()["TCPMD5Failure"], before, "segments that failed after a reload")
    unanswered(second, near.at(PORT), "three")
    same(keeper.status("link")["key"]["id"], 1, "the key of the rest")
    # A lifetime moves them all.
    clock.set(2000)
    wait_for(lambda: keeper.status("link")["key"]["id"] == 2, 20, "the prefix on key 2")
    talk(one)
    b.change("two")
    talk(other)
    keeper.stop()
    for peer in (a, b):
        peer.close()
    c.close()
    clock.set(0)

    # ---- a persistent session of a prefix: a child for each peer
    bgp = session("lan", plugin="bgp", mode="passive", peer=prefix, source=near.at(PORT),
                  bgp={"local_as": 64512, "peer_as": "any", "router_id": "10.0.0.1"})

    def child(host):
        return keeper.status(f"lan@{host.ip}")

    def probing(peer):
        """Quiet links, on which the peer asks whether we are there."""
        sock = peer.dial(PORT)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
            sock.setsockopt(socket.IPPROTO_TCP, option, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 60)
        return sock

    keeper = Keeper(near, text + bgp, "children", env=clock.env)
    a, b = Peer(first, near.ip, "one"), Peer(second, near.ip, "two")
    for peer, host in ((a, first), (b, second)):  # the second one begins with the other key
        probing(peer)
        wait_for(lambda: child(host)["links"] == 1, 30, f"{host.name}'s session")
    same((child(first)["key"]["id"], child(second)["key"]["id"], keeper.status("lan")["key"]["id"]), (1, 2, 1), "keys")
    a.change("two")
    wait_for(lambda: child(first)["key"]["id"] == 2 and child(first)["key_confirmed"], 30, "the first one on key 2")
    a.close()
    wait_for(lambda: child(first)["links"] == 0, 30)
    probing(a)
    wait_for(lambda: child(first)["links"] == 1, 30, "back with the key that it has now")
    same((child(first)["key"]["id"], keeper.status("lan")["key"]["id"]), (2, 1), "keys after it came back")
    keeper.stop()
    for peer in (a, b):
        peer.close()

    # ---- [[listen]]: one key on the socket for two sessions
    listen_to = f'[[listen]]\naddress = "{near.at(PORT)}"\nprefix = "{prefix}"\nkeychain = "k"\n'
    sessions = "".join(session(host.name, mode="passive", peer=host.ip, source=near.at(PORT), link="persistent") for host in (first, second))
    keeper = Keeper(near, text + listen_to + sessions, "covered", env=clock.env)
    a, b = Peer(first, near.ip, "one"), Peer(second, near.ip, "one")
    for peer, host in ((a, first), (b, second)):
        peer.dial(PORT)
        keeper.wait_state("established", host.name)
    time.sleep(0.5)
    a.change("two")
    ask(a, b"hello")
    wait_for(lambda: keeper.status("first")["bytes"]["peer_to_app"] == 5, 30)
    same((keeper.status("first")["key"]["id"], keeper.status("second")["key"]["id"]), (2, 1), "keys")
    for peer, host in ((a, first), (b, second)):
        reset(peer)
        keeper.wait_state("listening", host.name)
        peer.dial(PORT)
        keeper.wait_state("established", host.name)
    same((keeper.status("first")["key"]["id"], keeper.status("second")["key"]["id"]), (2, 1), "keys after they came back")
    clock.set(2000)
    wait_for(lambda: keeper.status("second")["key"]["id"] == 2, 20)
    b.change("two")
    ask(b, b"moved")
    wait_for(lambda: keeper.status("second")["key_confirmed"], 30)
    reset(b)
    keeper.wait_state("listening", "second")
    b.dial(PORT)
    keeper.wait_state("established", "second")
