#!/usr/bin/env python3
"""BIRD demands a password; ExaBGP has none, and reaches Established through a keeper, and not without."""
from interop.bird import *
from kit import *

LOOPBACK = "127.0.0.11"
with Lab("near", "far") as lab:
    near, far = lab
    bird = router(lab, "passive;")

    # Control first: straight to the router there is silence.
    direct = ExaBGP(near, near.v4, far.v4, "direct")
    wait_for(lambda: [s for s in near.sockets() if s["state"] == "SYN-SENT" and s["peer"] == far.at(179)], 20,
             "ExaBGP tries\n" + direct.said())
    holds_for(lambda: bird.state() != "Established", 4, "no session without a keeper")
    with far:
        require(counters()["TCPMD5NotFound"] > 0, "nobody knocked without a signature")
    direct.process.kill()

    keeper = Keeper(near, chain(lab, secret=PASSWORD)
                    + session(mode="active", peer=far.at(179), source=near.v4, link="per-client", app=f"{LOOPBACK}:179"))
    exabgp = ExaBGP(near, "127.0.0.1", LOOPBACK)
    bird.established()
    bird.has(ROUTE)
    now = keeper.wait_state("established")
    same((now["links"], now["app"]["attached"]), (1, 1), "links, apps")
    wait_for(lambda: BACK.split("/")[0] in exabgp.said() or now["bytes"]["peer_to_app"] > 0, 10, "the router's routes")
    # It is the hold timer's work as well: the session stays, well beyond three KEEPALIVEs.
    holds_for(lambda: bird.state() == "Established", 10, "Established")
    exabgp.process.kill()
    wait_for(lambda: bird.state() != "Established", 20, "a relay's link ends with its client")
