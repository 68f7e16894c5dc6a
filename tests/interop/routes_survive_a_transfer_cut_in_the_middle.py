#!/usr/bin/env python3
"""An app is killed while it announces 100,000 routes, and again, and restarted: no prefix is lost or left over.

The wire is slow enough for "while". What the last run announces is what the router has at the end, prefix by prefix, and
its session is the first one. Control: without the keeper the kill takes the routes away.
"""
from interop.held import *
from interop.routers import *
from kit import *

COUNT = 100000
with Lab("near", "far") as lab:
    near, far = lab
    own = many(COUNT)
    router = Bird(far, "router", ROUTER_AS, [Neighbour(near.ip, APP_AS, far.ip, PASSWORD, passive=True)])
    # Little room on the way: what the app has said before it was killed is passed on however late.
    for name in ("rmem", "wmem"):
        near.write_sysctl(f"net.ipv4.tcp_{name}", "4096 16384 16384")
    keeper = Keeper(near, chain(lab) + bgp_session(near, far, transport={"buffer": "64KiB"}))
    router.established()
    quiet = Unnoticed(router)
    near.run("tc", "qdisc", "add", "dev", near.device, "root", "tbf", "rate", "1mbit", "burst", "4kb", "latency", "200ms")
    app = Bird(near, "app", APP_AS, [app_neighbour()], own)
    seen = 0
    for number in (1, 2):
        app.established()
        wait_for(lambda: router.count() > number * COUNT // 20, 60, "some of the routes")
        app.kill()
        keeper.wait_app(0)
        wait_for(lambda: router.count() == keeper.status("link")["plugin_status"]["routes_held"], 30, "what was sent arrives")
        seen, before = router.count(), seen
        require(before <= seen < COUNT, f"the kill was no longer in the middle: {seen} routes")
        app.start()
    quiet.check("two kills in the middle of a transfer")

    near.run("tc", "qdisc", "del", "dev", near.device, "root")
    router.has_count(COUNT, deadline=90)
    same(router.routes(), set(own), "the router's routes")
    wait_for(lambda: keeper.status("link")["plugin_status"]["routes_stale"] == 0, 30, "all are announced again")
    quiet.check("a transfer of all")

    # Killed once more, it returns with other routes: just those are there in the end.
    app.kill()
    keeper.wait_app(0)
    for route in own[:1000]:
        del app.announced[route]
    new = many(500, "30.0.0.0/24")
    app.announced.update(dict.fromkeys(new))
    app.start()
    app.established()
    wait_for(lambda: router.count() == COUNT - 500, 60, "what is not announced again is withdrawn")
    same(router.routes(), set(own[1000:] + new), "the router's routes at the end")
    same((router.established_since(), withdrawals(router), router.last_error()), (quiet.before[0], 1000, ""), "the router")
    keeper.crash()
    wait_for(lambda: router.count() == 0, 30, "without the keeper the routes are gone")
