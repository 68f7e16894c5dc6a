#!/usr/bin/env python3
"""An app is stopped, killed and restarted, with fewer routes at last: the router's session stays as it is, and its routes.

Control: with nothing but a relay between the two the same restart is a flap.
"""
from interop.held import *
from interop.routers import *
from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    v6 = lab.family == 6
    back = many(5, "2001:db8:f::/64" if v6 else "203.0.113.0/28")
    own = many(20, "2001:db8:a::/64" if v6 else "198.51.100.0/28")
    families = {"families": ["ipv6-unicast" if v6 else "ipv4-unicast"]}
    router = Bird(far, "router", ROUTER_AS, [Neighbour(near.ip, APP_AS, far.ip, PASSWORD, passive=True)], back)
    keeper = Keeper(near, chain(lab) + bgp_session(near, far, bgp=families))
    router.established()
    # The app's side is IPv4 either way.
    kinds = ("ipv6",) if v6 else ("ipv4",)
    app = ExaBgp(near, "app", APP_AS, [app_neighbour(families=kinds, next_hop="::1" if v6 else "")], own)
    app.established()
    router.has(*own)
    app.has(*back)
    quiet = Unnoticed(router)

    for what, end in (("an orderly stop", app.stop), ("SIGKILL", app.kill)):
        end()
        keeper.wait_app(0)
        held = keeper.status("link")
        same((held["state"], held["health"], held["plugin_status"]["routes_held"]), ("established", "degraded", len(own)), what)
        same(router.routes(), set(own), f"the router's routes without an app, {what}")
        # What the router says meanwhile is not lost: the app gets it when it returns.
        more = many(3, "2001:db8:e::/64" if v6 else "192.0.2.0/28")
        router.withdraw(more) if what == "SIGKILL" else router.announce(more)
        app.start()
        app.established()
        app.has(*back)
        wait_for(lambda: app.routes() == set(router.announced), 10, f"{what}: the router's whole table; {app.routes()}")
        wait_for(lambda: keeper.status("link")["plugin_status"]["routes_stale"] == 0, 10, "all are announced again")
        same(router.routes(), set(own), f"the router's routes after {what}")
        quiet.check(what)

    # It returns with fewer, and more: what is not announced again is withdrawn, and nothing else.
    app.stop()
    gone, new = own[:7], many(2, "2001:db8:b::/64" if v6 else "198.51.101.0/28")
    app.withdraw(gone)
    app.announce(new)
    app.start()
    app.established()
    wait_for(lambda: router.routes() == set(own[7:] + new), 30, "the routes that are left")
    same(withdrawals(router) - quiet.before[1], len(gone), "withdrawals")
    same(router.established_since(), quiet.before[0], "the session")
    same(router.last_error(), "", "the router's last error")
    keeper.stop()

    # Control. The relay has one link for all its apps, too: it does not know what goes over it.
    app.stop()
    app.neighbours[0].next_hop = near.ip  # a relay does not rewrite it
    relay = Keeper(near, chain(lab, "r") + session(mode="active", peer=far.at(179), source=near.ip, keychain="r",
                                                   link="persistent", app=f"{APP_SIDE}:179"), name="relay")
    app.start()
    router.established()
    router.has(*own[7:])
    control = Unnoticed(router)
    app.kill()
    app.start()
    router.not_established()
    router.established()
    control.check_flap("an app's restart behind a relay")
