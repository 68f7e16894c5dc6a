#!/usr/bin/env python3
"""Each program as the app, which the keeper listens for or connects to: routes both ways, and no restart is a flap.

What it says in farewell, a Cease on an ordinary stop, ends at the keeper. Control: with on_app_cease = "close" it does not.
"""
import sys

from interop.held import *
from interop.routers import *
from kit import *

kind, app_mode = sys.argv[2:4]
CEASE = {"bird", "frr", "gobgp"}  # ExaBGP goes without a word
with Lab("near", "far") as lab:
    near, far = lab
    v6 = lab.family == 6
    families = ("ipv6",) if v6 else ("ipv4",)
    rules = {"families": ["ipv6-unicast" if v6 else "ipv4-unicast"]}
    back, own = many(5, "2001:db8:f::/64" if v6 else "203.0.113.0/28"), many(10, "2001:db8:a::/64" if v6 else "198.51.100.0/28")
    router = Bird(far, "router", ROUTER_AS, [Neighbour(near.ip, APP_AS, far.ip, PASSWORD, passive=True)], back)
    if app_mode == "listen":
        where, neighbour = f"{APP_SIDE}:179", app_neighbour(families=families)
    else:
        # The keeper comes from 127.0.0.1, as whoever connects to a loopback address does.
        where, neighbour = "127.0.0.12:179", Neighbour("127.0.0.1", ROUTER_AS, "127.0.0.12", passive=True, families=families)
    # Of IPv6 routes over an IPv4 session not everybody knows a next hop by itself.
    neighbour.next_hop = "::1" if v6 else ""
    keeper = Keeper(near, chain(lab) + bgp_session(near, far, app=where, app_mode=app_mode, bgp=rules))
    router.established()
    app = PROGRAMS[kind](near, "app", APP_AS, [neighbour], own, router_id="10.0.9.9")
    app.established(60)
    router.has(*own)
    app.has(*back)
    same(reachable(router, own[0]), [near.ip], "a next hop on the loopback is replaced by the link's")
    quiet = Unnoticed(router)

    app.announce(many(2, "2001:db8:b::/64" if v6 else "198.51.101.0/28"))
    router.has(*app.announced)
    app.withdraw(own[:1])
    router.lacks(own[0])
    same(router.routes(), set(app.announced), "routes changed at run time")
    withdrawn = withdrawals(router)

    # A refresh that the router asks for: the app answers, or the keeper for an app that lacks RFC 7313 (GoBGP).
    # ExaBGP ends its session when it is asked for one; FRR puts it off until it has sent an End-of-RIB, which without
    # graceful restart it never does.
    if kind not in ("exabgp", "frr"):
        def messages():
            return keeper.status("link")["plugin_status"]["peer"]["messages"]
        before = messages()
        router.refresh()
        wait_for(lambda: messages()["out"]["update"] > before["out"]["update"], 10, f"routes; before {before}")
        wait_for(lambda: messages()["out"]["route_refresh"] >= before["out"]["route_refresh"] + 2, 10, "BoRR and EoRR")
        same(keeper.status("link")["app"]["attached"], 1, "the app")
        same(router.routes(), set(app.announced), "after a refresh")

    for what, end in (("an orderly stop", app.stop), ("SIGKILL", app.kill)):
        end()
        keeper.wait_app(0)
        if what == "an orderly stop":
            said = notification(keeper, "notification_from_app")
            same(said is not None and said[0] == 6, kind in CEASE, f"{kind}'s farewell: {said}")
        require("app_lost" in keeper.status("link")["plugin_status"], "why the app has gone")
        same(router.routes(), set(app.announced), f"held, {what}")
        app.start()
        app.established(60)
        app.has(*back)
        wait_for(lambda: keeper.status("link")["plugin_status"]["routes_stale"] == 0, 30, "all are announced again")
        same(router.routes(), set(app.announced), f"the router's routes after {what}")
    same((router.established_since(), withdrawals(router), router.last_error()), (quiet.before[0], withdrawn, ""), "the router")

    if kind in CEASE:
        keeper.reload(keeper.text.replace('"settle"', '"on_app_cease" = "close", "settle"'))
        app.stop()
        router.not_established()
        wait_for(lambda: "Received: " in router.last_error(), 10, f"the Cease at the router: {router.last_error()}")
        # And it stays closed, until an app comes; with app_mode "connect" the keeper can but look.
        if app_mode == "listen":
            holds_for(lambda: router.state() != "Established", 3, "the session without an app")
            app.start()
            router.established(60)
            router.has(*app.announced)
