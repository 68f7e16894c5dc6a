#!/usr/bin/env python3
"""A keeper restarts in front of a router that knows graceful restart (RFC 4724): the routes stay at the router.

They stay until the app has announced again; then End-of-RIB lets go what it did not. The R bit says that it is a restart.
Control: with on_stop = "cease" the same restart takes the routes away.
"""
from interop.held import *
from interop.routers import *
from kit import *

OWN = many(20)
with Lab("near", "far") as lab:
    near, far = lab
    router = Bird(far, "router", ROUTER_AS, [Neighbour(near.ip, APP_AS, far.ip, PASSWORD, passive=True, graceful_restart=60,
                                                       options="debug { states, events, packets };")], ["203.0.113.0/24"])
    keeper = Keeper(near, chain(lab) + bgp_session(near, far, bgp={"graceful_restart": "60s"}))
    router.established()
    require("Restart recovery" not in router.details(), f"a first start is no restart:\n{router.details()}")
    app = ExaBgp(near, "app", APP_AS, [app_neighbour()], OWN)
    app.established()
    router.has(*OWN)
    quiet = Unnoticed(router)

    def gone():
        return withdrawals(router) - quiet.before[1]

    app.stop()
    keeper.stop()
    wait_for(lambda: "neighbor graceful restart" in router.said() or "Neighbor graceful restart" in router.details(), 10,
             "the router waits for the keeper")
    same(router.routes(), set(OWN), "the routes while the keeper is away")
    ends = router.said().count("Got END-OF-RIB")
    keeper.start()
    router.established()
    quiet.check_flap("a restart of the keeper")
    require("Restart recovery" in router.details(), f"the R bit:\n{router.details()}")
    same(router.routes(), set(OWN), "the routes before an app has come")
    holds_for(lambda: router.routes() == set(OWN) and router.said().count("Got END-OF-RIB") == ends, 3, "no End-of-RIB before the app's")

    # The app returns with fewer.
    app.withdraw(OWN[:5])
    app.start()
    app.established()
    app.has("203.0.113.0/24")
    wait_for(lambda: router.said().count("Got END-OF-RIB") > ends, 30, "End-of-RIB")
    wait_for(lambda: router.routes() == set(OWN[5:]), 20, "what was not announced again is let go")

    # Killed, and back: the kernel's reset is all that the router sees.
    keeper.crash()
    same(router.routes(), set(OWN[5:]), "the routes when the keeper was killed")
    keeper.start()
    router.established()
    app.established()
    wait_for(lambda: router.said().count("Got END-OF-RIB") > ends + 1, 40, "End-of-RIB")
    same(router.routes(), set(OWN[5:]), "the routes after a kill")

    keeper.write(keeper.text.replace('"settle"', '"on_stop" = "cease", "settle"'))
    keeper.reload()
    keeper.stop()
    router.not_established()
    wait_for(lambda: router.count() == 0, 10, "control: a Cease takes the routes away")
