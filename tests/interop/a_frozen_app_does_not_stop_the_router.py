#!/usr/bin/env python3
"""An app that reads nothing while the router sends a large table: the router's window stays open, and its session up.

The app is detached, its routes are held, and when it goes on it gets the whole table. Control: behind a relay the
frozen app is the end of the session.
"""
import os
import signal

from interop.held import *
from interop.routers import *
from kit import *

COUNT = 20000
with Lab("near", "far") as lab:
    near, far = lab
    # Little room in the kernel, so that it is the keeper who has to take what the app does not.
    near.write_sysctl("net.ipv4.tcp_rmem", "4096 8192 8192")
    near.write_sysctl("net.ipv4.tcp_wmem", "4096 8192 8192")
    own, table = many(5, "198.51.100.0/28"), many(COUNT)
    router = Bird(far, "router", ROUTER_AS, [Neighbour(near.ip, APP_AS, far.ip, PASSWORD, passive=True)])
    keeper = Keeper(near, chain(lab) + bgp_session(near, far))
    router.established()
    app = ExaBgp(near, "app", APP_AS, [app_neighbour()], own)
    app.established()
    router.has(*own)
    quiet = Unnoticed(router)

    os.kill(app.process.pid, signal.SIGSTOP)
    router.announce(table)
    keeper.wait_app(0, deadline=30)
    refused = keeper.status("link")["plugin_status"]
    require("app_refused" in refused or "app_lost" in refused, f"why it was detached: {refused}")
    # More than a hold time: a router that nobody reads ends the session.
    holds_for(lambda: router.state() == "Established", 10, "the router's session")
    same(router.routes(), set(own), "the router's routes while the app is frozen")
    taken = keeper.status("link")["bytes"]
    quiet.check("an app that was frozen")

    os.kill(app.process.pid, signal.SIGCONT)
    wait_for(lambda: app.routes() == set(table), 60, "the whole table")
    wait_for(lambda: keeper.status("link")["plugin_status"]["routes_stale"] == 0, 20, "all are announced again")
    same(router.routes(), set(own), "the router's routes at the end")
    quiet.check("a frozen app that went on")
    keeper.stop()

    app.stop()
    app.neighbours[0].hold_time, app.neighbours[0].next_hop = 3, near.ip
    Keeper(near, chain(lab, "r") + session(mode="active", peer=far.at(179), source=near.ip, keychain="r",
                                           link="persistent", app=f"{APP_SIDE}:179"), name="relay")
    app.start()
    router.established()
    os.kill(app.process.pid, signal.SIGSTOP)
    router.not_established()
    os.kill(app.process.pid, signal.SIGCONT)
