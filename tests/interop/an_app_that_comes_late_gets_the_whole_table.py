#!/usr/bin/env python3
"""100,000 routes came before the app did: it gets them all, ended by End-of-RIB, and the router notices nothing.

By route refresh where the router has it, else from the kept copy. Control: a router that has neither been asked nor
been copied from gives a late app nothing.
"""
import re
import sys

from interop.held import *
from interop.routers import *
from kit import *

COUNT = 100000
refreshes = sys.argv[2] == "refresh"
patient = {"app_hold_time": "90s"}  # an app that takes nothing for a third of it is detached
with Lab("near", "far") as lab:
    near, far = lab
    table = many(COUNT)
    router = Bird(far, "router", ROUTER_AS, [Neighbour(near.ip, APP_AS, far.ip, PASSWORD, passive=True,
                                                       route_refresh=refreshes)], table)
    keeper = Keeper(near, chain(lab) + bgp_session(near, far, bgp=patient))
    router.established()
    quiet = Unnoticed(router)
    wait_for(lambda: re.search(r"Export updates:(\s+\S+){4}\s+%d" % COUNT, router.details()), 30, "the router has sent all")
    status = keeper.status("link")["plugin_status"]
    same("peer_routes_kept" in status, not refreshes, f"a copy is kept where it is needed: {status}")
    if not refreshes:
        wait_for(lambda: keeper.status("link")["plugin_status"]["peer_routes_kept"] == COUNT, 30, "the copy")

    for kind in ("bird", "exabgp"):
        app = PROGRAMS[kind](near, f"app-{kind}", APP_AS, [app_neighbour(hold_time=90)], ["198.51.100.0/24"])
        app.established()
        wait_for(lambda: app.count() == COUNT, 60, f"{kind}: the whole table")
        same(app.routes(), set(table), f"{kind}'s routes")
        if kind == "exabgp":
            events = app.dir / "events"
            wait_for(lambda: '"eor"' in events.read_text(), 20, "the End-of-RIB")
            last = [line for line in events.read_text().splitlines() if '"update"' in line][-1]
            require('"eor"' in last, f"it comes last, not {last[:300]}")
        # And what changes later comes as it comes.
        router.withdraw(table[:3])
        app.lacks(*table[:3])
        router.announce(table[:3])
        app.has(*table[:3])
        app.stop()
        keeper.wait_app(0)
    quiet.check("two apps that came late")

    if not refreshes:
        keeper.stop()
        Keeper(near, chain(lab, "n") + bgp_session(near, far, keychain="n", bgp={"keep_peer_routes": "never", **patient}), name="never")
        router.established()
        wait_for(lambda: re.search(r"Export updates:(\s+\S+){4}\s+%d" % COUNT, router.details()), 30, "the router has sent all")
        app.start()
        app.established()
        wait_for(lambda: '"eor"' in events.read_text(), 20, "the End-of-RIB")
        same(app.count(), 0, "routes from nowhere")
