#!/usr/bin/env python3
"""The configurations in etc/examples/bgp load as they stand and reach Established against a BIRD in the keeper's place."""
import pathlib
import sys

from interop.routers import *
from kit import *

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "etc" / "examples" / "bgp"
FILES = {"bird": "bird.conf", "exabgp": "exabgp.conf", "frr": "frr.conf", "gobgp": "gobgp.toml", "openbgpd": "openbgpd.conf"}
FROM_APPS, FROM_ROUTERS = "198.51.100.0/24", "203.0.113.0/24"
LINES = {"192.0.2.1": "192.0.2.2", "192.0.2.5": "192.0.2.6"}    # the router's end and the keeper's
PASSWORDS = {"192.0.2.1": "password-of-line-1", "192.0.2.5": "password-of-line-2"}

kind, name = sys.argv[1].split("/")
program, file = PROGRAMS[name], EXAMPLES / kind / FILES[name]
# GoBGP's configuration has no routes; they come at run time, as its users add them.
own = {"apps": FROM_APPS, "routers": FROM_ROUTERS}[kind]
late = [own] if name == "gobgp" else []

with Lab("near", "far") as lab:
    near, far = lab
    for ours in LINES.values():
        near.add_address(ours)
    for theirs in LINES:
        far.add_address(theirs)

    if kind == "apps":
        # The keeper's app side: no password, one loopback address a session.
        keeper = Bird(near, "keeper", ROUTER_AS, [Neighbour("127.0.0.1", APP_AS, "127.0.0.11", passive=True,
                                                            next_hop="192.0.2.1")], [FROM_ROUTERS])
        second = Bird(near, "second", ROUTER_AS, [Neighbour("127.0.0.1", APP_AS, "127.0.0.12", passive=True,
                                                            next_hop="192.0.2.5")], [FROM_ROUTERS])
        speaker = program(near, name, APP_AS, ["127.0.0.11", "127.0.0.12"], late, config=file,
                          arguments=["-l", "127.0.0.1", "-Z", "-z", lab.dir / "none"] if name == "frr" else [])  # its comment
        speaker.established()
        for bird in (keeper, second):
            bird.established()
            bird.has(FROM_APPS)
        same({s["local"] for s in near.sockets("sport", "=", ":179") if s["state"] == "LISTEN"} - {"127.0.0.1:179"},
             {"127.0.0.11:179", "127.0.0.12:179"}, "who listens beside the keeper")
    else:
        # The keeper's line side.
        keeper = Bird(near, "keeper", APP_AS, [Neighbour(theirs, ROUTER_AS, ours, PASSWORDS[theirs])
                                               for theirs, ours in LINES.items()], [FROM_APPS])
        speaker = program(far, name, ROUTER_AS, list(LINES.values()), late, config=file)
        speaker.established()
        for theirs in LINES:
            keeper.established(of=theirs)
            keeper.has(FROM_ROUTERS, of=theirs)
    for neighbour in speaker.addresses:
        speaker.has({"apps": FROM_ROUTERS, "routers": FROM_APPS}[kind], of=neighbour)

    if kind == "routers":
        # Control: it is the passwords that make it work.
        keeper.neighbours[1].password = PASSWORDS["192.0.2.1"]
        keeper.restart()
        keeper.established(60, of="192.0.2.1")

        def refused():
            with near:
                here = counters()["TCPMD5Failure"]
            with far:
                return here + counters()["TCPMD5Failure"]
        wait_for(refused, 60, "a wrong signature")
        same((keeper.state("192.0.2.1"), keeper.state("192.0.2.5") == "Established"), ("Established", False), "the two lines")
