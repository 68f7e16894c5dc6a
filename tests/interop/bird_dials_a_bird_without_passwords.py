#!/usr/bin/env python3
"""BIRD with a password dials a keeper, behind which a BIRD without one listens: Established, routes both ways."""
from interop.routers import *
from kit import *

ROUTE, BACK = "198.51.100.0/24", "203.0.113.0/24"
with Lab("near", "far") as lab:
    near, far = lab
    app = Bird(near, "app", APP_AS, [
        Neighbour("127.0.0.1", ROUTER_AS, "127.0.0.11", passive=True, next_hop=near.v4)], [ROUTE])
    keeper = Keeper(near, chain(lab, secret=PASSWORD)
                    + session(mode="passive", peer=far.v4, source=near.at(1179, near.v4), link="per-client", app="127.0.0.11:179"))
    bird = Bird(far, "router", ROUTER_AS, [Neighbour(near.v4, APP_AS, far.v4, PASSWORD, port=1179)], [BACK])
    bird.established()
    app.established()
    bird.has(ROUTE)
    app.has(BACK)
    same(keeper.wait_state("established")["links"], 1, "links")

    # A keeper that restarts is a flap for a relay, and heals by itself.
    keeper.stop()
    wait_for(lambda: bird.state() != "Established", 20, "the flap")
    keeper.start()
    bird.established(60)
    bird.has(ROUTE)

    # Control: with another password the router gets nowhere.
    chain(lab, secret="quite.another.key")
    keeper.stop()
    keeper.start()
    holds_for(lambda: bird.state() != "Established", 5, "no session with a wrong key")
