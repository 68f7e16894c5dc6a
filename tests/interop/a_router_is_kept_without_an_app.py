#!/usr/bin/env python3
"""Keepalive emulation alone, against each router: active, passive and both, hold times 3, 9, 90 and 0.

Established and beyond three hold times so, with no app and nothing announced; the router's own restart is followed.
Control: it is the keeper that keeps it up. Frozen, it loses the session of 3 s, and not the one without a hold time.
"""
import signal
import sys

from interop.held import *
from interop.routers import *
from kit import *

kind = sys.argv[2]
with Lab("near", "far") as lab:
    near, far = lab
    v6 = lab.family == 6
    program = PROGRAMS[kind]
    # (mode, hold time here, and there); who does not key its listener has to dial.
    modes = ("active", "passive", "both") if program.keyed_listener else ("passive", "both")
    plan = [(modes[0], 3, 3), (modes[1], 9, 90), (modes[-1], 90, 9), (modes[0], 90, 90), (modes[1], 0, 90), (modes[-1], 3, 9)]
    if kind == "gobgp":  # version 3 gives each write the hold time: with 0 it ends the session at its first message
        plan[4] = (modes[1], 3, 90)
    ours = [f"fd00::{20 + number}" if v6 else f"10.0.0.{20 + number}" for number in range(len(plan))]
    text, neighbours = chain(lab), []
    for number, (address, (mode, here, there)) in enumerate(zip(ours, plan), 1):
        near.add_address(address)
        neighbours.append(Neighbour(address, APP_AS, far.ip, PASSWORD, passive=mode == "active", hold_time=there))
        text += session(f"link{number}", plugin="bgp", mode=mode, peer=far.ip if mode == "passive" else far.at(179),
                        source=address if mode == "active" else near.at(179, address),
                        bgp={"local_as": APP_AS, "peer_as": ROUTER_AS, "router_id": f"10.0.1.{number}", "hold_time": f"{here}s",
                             "families": ["ipv6-unicast" if v6 else "ipv4-unicast"]})
    router = program(far, kind, ROUTER_AS, neighbours, many(3, "2001:db8:f::/64" if v6 else "203.0.113.0/28"))
    keeper = Keeper(near, text)
    router.established(60)
    # Where both dial, a router may end an established session once for its own attempt (a collision, seen with FRR).
    ups = {name: keeper.wait_state("established", name)["established_count"]
           for name in (f"link{number}" for number in range(1, len(plan) + 1))}
    def comes_up(before, now):
        for number, (mode, _, _) in enumerate(plan, 1):
            more = now[f"link{number}"] - before.get(f"link{number}", 0)
            require(more == 1 or (mode == "both" and more == 2), f"link{number} was established {more} times")
    comes_up({}, ups)
    before = {address: router.established_since(address) for address in ours}
    require(None not in before.values(), f"{before}")

    holds_for(lambda: all(s["state"] == "established" for s in keeper.status()["sessions"]), 10, "three hold times")
    same({address: router.established_since(address) for address in ours}, before, f"{kind}'s sessions")
    for number, (mode, here, there) in enumerate(plan, 1):
        now = keeper.status(f"link{number}")
        same((now["mode"], now["established_count"], now["links"], now["health"]),
             (mode, ups[f"link{number}"], 1, "ok"), f"link{number}")
        require("rival" not in now["plugin_status"], f"link{number} has one connection")
        same(now["plugin_status"]["peer"]["hold_time_s"], min(here, there), f"link{number}'s hold time")
        same(now["plugin_status"]["routes_announced"], {}, f"link{number}'s routes")
    same([router.count(address) for address in ours], [0] * len(ours), "nothing is announced")

    router.restart()
    router.established(60)
    comes_up(ups, {name: keeper.wait_state("established", name)["established_count"] for name in ups})

    keeper.signal(signal.SIGSTOP)
    router.not_established(of=ours[0])
    require(plan[4][1] != 0 or router.state(ours[4]) == "Established", "without a hold time nobody misses a keepalive")
    keeper.signal(signal.SIGCONT)
    router.established(60)
