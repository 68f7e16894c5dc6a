#!/usr/bin/env python3
"""BIRD demands a password; ExaBGP has none, and reaches Established through a keeper, and not without."""
from interop.routers import *
from kit import *

LOOPBACK, ROUTE, BACK = "127.0.0.11", "198.51.100.0/24", "203.0.113.0/24"


def exabgp(name, local, neighbour):
    neighbours = [Neighbour(neighbour, ROUTER_AS, local, next_hop=near.v4, route_refresh=False)]
    return ExaBgp(near, name, APP_AS, neighbours, [ROUTE])


with Lab("near", "far") as lab:
    near, far = lab
    bird = Bird(far, "router", ROUTER_AS, [Neighbour(near.v4, APP_AS, far.v4, PASSWORD, passive=True)], [BACK])

    # Control first: straight to the router there is silence.
    direct = exabgp("direct", near.v4, far.v4)
    wait_for(lambda: [s for s in near.sockets() if s["state"] == "SYN-SENT" and s["peer"] == far.at(179)], 20,
             "ExaBGP tries\n" + direct.said())
    holds_for(lambda: bird.state() != "Established", 4, "no session without a keeper")
    with far:
        require(counters()["TCPMD5NotFound"] > 0, "nobody knocked without a signature")
    direct.kill()

    keeper = Keeper(near, chain(lab, secret=PASSWORD)
                    + session(mode="active", peer=far.at(179), source=near.v4, link="per-client", app=f"{LOOPBACK}:179"))
    app = exabgp("app", "127.0.0.1", LOOPBACK)
    app.established()
    since = bird.established()
    bird.has(ROUTE)
    now = keeper.wait_state("established")
    same((now["links"], now["app"]["attached"]), (1, 1), "links, apps")
    app.has(BACK)
    # It is the hold timer's work as well: the session stays, well beyond three KEEPALIVEs.
    holds_for(lambda: bird.established_since() == since, 10, "Established")
    app.kill()
    wait_for(lambda: bird.state() != "Established", 20, "a relay's link ends with its client")
