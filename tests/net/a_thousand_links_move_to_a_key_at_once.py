#!/usr/bin/env python3
"""A thousand sessions on one chain and one listener: at the key's start all move, no link ends, and who stays behind
is named."""
import select
import socket
import time

from kit import *
from kit.keys import *
from kit.md5 import set_key

COUNT, LATE = 1000, 3

with Lab("near", "far") as lab:
    near, far = lab
    clock = TestClock(lab)
    near.write_sysctl("net.core.optmem_max", 1 << 20)
    far.run("sh", "-c", "for i in $(seq 1 250); do for j in 1 2 3 4; do echo addr add 10.0.$j.$i/32 dev eth0; done; done | ip -batch -")
    # By way of one neighbour: all namespaces together have room for 1,024 of them.
    near.run("ip", "route", "add", "10.0.0.0/16", "via", far.v4)
    sources = [f"10.0.{j}.{i}" for j in range(1, 5) for i in range(1, 251)][:COUNT]
    text = keys(lab, (1, "one"), (2, "two", stamp(1000)), accept_tolerance="1s")
    text += "".join(session(f"s{n}", mode="passive", peer=ip, source=f"{near.v4}:{PORT}", link="persistent")
                    for n, ip in enumerate(sources))
    keeper = Keeper(near, text, settings={"log_level": "info"}, env=clock.env)
    socks = []
    for ip in sources:
        with far:
            sock = socket.socket()
        set_key(sock, near.v4, b"one")
        sock.bind((ip, 0))
        sock.settimeout(60)
        sock.connect((near.v4, PORT))
        socks.append(sock)
    wait_for(lambda: keeper.ask("status")["keeper"]["established"] == COUNT, 60, "all links", every=0.2)
    start = time.monotonic()
    clock.set(2000)
    for sock in socks[LATE:]:
        set_key(sock, near.v4, b"two")

    def on(number):
        return keeper.ask("keys")["chains"][0]["keys"][number - 1]["in_use_by"]
    wait_for(lambda: len(on(2)) == COUNT, 60, "all on key 2")
    print(f"{COUNT} links on the new key after {time.monotonic() - start:.1f} s")
    # Who does not come along goes back to where its peer is, and says so.
    late = [f"s{n}" for n in range(LATE)]
    try:
        wait_for(lambda: on(1) == late, 60, "the late ones on key 1")
    except AssertionError as error:
        wrong = sorted(set(on(1)) ^ set(late))[:3]
        said = [line for line in keeper.log_text().splitlines() if any(f"session={name} " in line for name in wrong)]
        raise AssertionError(f"{error}; wrongly there or not: {wrong}\n" + "\n".join(said)) from None
    sessions = {s["name"]: s for s in keeper.ask("status")["sessions"]}
    for name in late:
        same((sessions[name]["health"], sessions[name]["key"]["cause"]), ("degraded", "fallback"), name)
    same([n for n, s in sessions.items() if s["health"] != "ok"], late, "sessions that are not well")
    same({s["established_count"] for s in sessions.values()}, {1}, "establishments")
    # All links are alive, each under the key of its end.
    for sock in socks:
        sock.send(b"x")
    wait_for(lambda: sum(s["bytes"]["peer_to_app"] + (s["state"] == "established") for s in keeper.ask("status")["sessions"]) >= COUNT, 60,
             "links alive", every=0.5)
    same(keeper.ask("status")["keeper"]["established"], COUNT, "links at the end")
    same(select.select(socks, [], [], 0)[0], [], "ends that were closed")
