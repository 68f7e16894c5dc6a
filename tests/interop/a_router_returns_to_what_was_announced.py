#!/usr/bin/env python3
"""A wire cut, a router killed, a refresh: what the app had announced is announced again without it, with End-of-RIB.

A cut for less than the hold time is no flap; one for more is (the control), and so is the router's restart. While the
app is away its routes are held over all of them.
"""
from interop.held import *
from interop.routers import *
from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    own = many(300, "2001:db8:a::/64") if lab.family == 6 else many(300)
    kind = "ipv6" if lab.family == 6 else "ipv4"
    router = Bird(far, "router", ROUTER_AS, [Neighbour(near.ip, APP_AS, far.ip, PASSWORD, passive=True, graceful_restart=60,
                                                       options="debug { states, events, packets };")])
    keeper = Keeper(near, chain(lab) + bgp_session(near, far, bgp={"families": [f"{kind}-unicast"], "hold_limit": "10m"}))
    router.established()
    app = ExaBgp(near, "app", APP_AS, [app_neighbour(families=(kind,), next_hop="::1" if kind == "ipv6" else "")], own)
    app.established()
    router.has(*own)
    quiet = Unnoticed(router)

    def end_of_ribs():
        return router.said().count("Got END-OF-RIB")

    def has_it_all_again(what):
        """... since `ends` was counted."""
        router.established()
        router.has_count(len(own))
        same(router.routes(), set(own), f"after {what}")
        wait_for(lambda: end_of_ribs() > ends, 10, f"End-of-RIB after {what}")

    far.blackhole(near.ip)
    holds_for(lambda: router.state() == "Established", 4, "a cut for less than the hold time")
    far.heal()
    router.announce(["2001:db8:f::/64" if kind == "ipv6" else "203.0.113.0/24"])
    app.has(*router.announced, deadline=30)
    quiet.check("a short cut")
    app.stop()
    keeper.wait_app(0)

    # A refresh without an app (RFC 2918, RFC 7313), twice: routes that BIRD gets again it does not count as changes.
    def refreshed():
        return keeper.status("link")["plugin_status"]["peer"]["messages"]
    for number in (1, 2):
        before = refreshed()
        router.refresh()
        wait_for(lambda: refreshed()["in"]["route_refresh"] > before["in"]["route_refresh"], 10, "the router asks")
        wait_for(lambda: refreshed()["out"]["route_refresh"] >= before["out"]["route_refresh"] + 2, 10, "BoRR and EoRR")
        require(refreshed()["out"]["update"] > before["out"]["update"], "routes in between")
        same(router.routes(), set(own), "after a refresh")
    quiet.check("two refreshes")

    # A cut for more than the hold time.
    ends = end_of_ribs()
    far.blackhole(near.ip)
    router.not_established()
    keeper.wait_state("backoff", deadline=30)
    far.heal()
    has_it_all_again("a long cut")
    quiet.check_flap("a cut for more than the hold time")
    same(keeper.status("link")["plugin_status"]["routes_held"], len(own), "held")

    # The router is killed, and returns without a route.
    ends = end_of_ribs()
    router.kill()
    keeper.wait_state("backoff", deadline=30)
    router.start()
    has_it_all_again("the router's restart")
    app.start()
    app.established()
    app.has(*router.announced)
    wait_for(lambda: keeper.status("link")["plugin_status"]["routes_stale"] == 0, 10, "all are announced again")
    same(router.routes(), set(own), "at the end")

    # And killed once more, while an app is there: the app's session ends with the link, and comes back by itself.
    events = keeper.watch("link")
    router.kill()
    events.wait(event="app", to="detached")  # for a moment: it comes back while the router is away
    router.start()
    router.established()
    app.established()
    app.has(*router.announced, deadline=30)
    router.has_count(len(own))
    same(router.routes(), set(own), "after the router's restart beside an app")
    same(keeper.status("link")["app"]["attached"], 1, "the app")
