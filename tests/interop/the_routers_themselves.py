#!/usr/bin/env python3
"""Every BGP program of the tests against BIRD, with passwords and without the keeper: what the kit says of them is so.

Each program dials one BIRD, is called by another, and has a third neighbour whose password is a different one.
"""
import re
import sys

from interop.routers import *
from kit import *

V6 = sys.argv[1:2] == ["6"]
BACK, CALLED = ("2001:db8:a::/48", "2001:db8:b::/48") if V6 else ("203.0.113.0/25", "203.0.113.128/25")
FAREWELL = {"bird", "frr", "gobgp", "openbgpd"}  # who says Cease at an orderly end; ExaBGP just goes
WITHOUT_REFRESH = {"exabgp"}                     # which ends the session when BIRD asks for one


def own(number, more=0):
    return f"2001:db8:{number + 1:x}:{more + 1}::/64" if V6 else f"198.51.{100 + number}.{more * 16}/28"


def fed(bird, of, what):
    """BIRD's own count of routes taken from, or offered to, a neighbour."""
    return int(re.search(rf"{what} updates:\s+(\d+)", bird.details(of))[1])


names = list(PROGRAMS)
with Lab("router", "caller", "stranger", *names) as lab:
    router_host, caller_host, stranger_host, *hosts = lab
    stranger = Bird(stranger_host, "a-stranger", ROUTER_AS, [
        Neighbour(host.ip, APP_AS, stranger_host.ip, "quite.another.key") for host in hosts], [BACK])
    caller = Bird(caller_host, "a-caller", ROUTER_AS, [
        Neighbour(host.ip, APP_AS, caller_host.ip, PASSWORD) for host in hosts], [CALLED])
    router = Bird(router_host, "a-router", ROUTER_AS, [
        Neighbour(host.ip, APP_AS, router_host.ip, PASSWORD, passive=True) for host in hosts], [BACK])
    programs = [PROGRAMS[name](host, name, APP_AS, [
        Neighbour(router_host.ip, ROUTER_AS, host.ip, PASSWORD, route_refresh=name not in WITHOUT_REFRESH),
        Neighbour(caller_host.ip, ROUTER_AS, host.ip, PASSWORD, passive=True),
        Neighbour(stranger_host.ip, ROUTER_AS, host.ip, PASSWORD)], [own(number)])
        for number, (name, host) in enumerate(zip(names, hosts))]

    for program in programs:
        program.established(of=router_host.ip)
        router.established(of=program.host.ip)
        if program.keyed_listener:
            program.established(of=caller_host.ip)
            caller.established(of=program.host.ip)
            program.has(CALLED, of=caller_host.ip)
    before = {program: (program.established_since(), router.established_since(program.host.ip)) for program in programs}
    require(None not in [stamp for pair in before.values() for stamp in pair], f"stamps: {before}")

    # Routes both ways, at the start and at run time.
    for number, program in enumerate(programs):
        program.has(BACK)
        router.has(own(number), of=program.host.ip)
        same((program.count(), router.count(program.host.ip)), (1, 1), f"{program.name}: counts")
        program.announce([own(number, 1), own(number, 2)])
        router.has(own(number, 1), own(number, 2), of=program.host.ip)
        program.withdraw([own(number), own(number, 2)])
        router.lacks(own(number), own(number, 2), of=program.host.ip)
        same(router.routes(program.host.ip), {own(number, 1)}, program.name)
    router.withdraw([BACK])
    for program in programs:
        program.lacks(BACK)
    router.announce([BACK])
    for program in programs:
        program.has(BACK)

        if program.name in WITHOUT_REFRESH:
            continue
        # ROUTE-REFRESH, asked and answered.
        offered, taken = fed(router, program.host.ip, "Export"), fed(router, program.host.ip, "Import")
        if program.asks_refresh:
            program.refresh()
            wait_for(lambda: fed(router, program.host.ip, "Export") > offered, 10, f"{program.name} asks")
        router.refresh(program.host.ip)
        if program.answers_refresh:
            wait_for(lambda: fed(router, program.host.ip, "Import") > taken, 10, f"{program.name} answers")

    # None of that was a flap; and nobody got anywhere with the wrong key, or by calling who does not key its listener.
    for program in programs:
        same((program.established_since(), router.established_since(program.host.ip)), before[program], program.name)
        require(program.state(stranger_host.ip) not in ("Established", ""), f"{program.name} and a wrong key")
        require(stranger.state(program.host.ip) not in ("Established", ""), f"a wrong key and {program.name}")
        same(stranger.routes(program.host.ip), set(), "routes by a wrong key")
        same(caller.state(program.host.ip) == "Established", program.keyed_listener, f"{program.name} is called")
        with program.host:
            # Unexpected: ExaBGP keys its listener for those neighbours only whom it does not dial.
            require(counters()["TCPMD5Failure"] + counters()["TCPMD5Unexpected"] > 0, f"{program.name}: no wrong signature seen")
    with stranger_host:
        require(counters()["TCPMD5Failure"] > 0, "no wrong signature was seen")

    # An orderly end and a new start are a flap on both sides, and the routes that were announced come again.
    for program in programs:
        program.stop()
    for number, program in enumerate(programs):
        router.not_established(of=program.host.ip)
        same("Received: " in router.last_error(program.host.ip), program.name in FAREWELL,
             f"{program.name} says farewell: {router.last_error(program.host.ip)}")
        same(program.established_since(), None, program.name)
    for program in programs:
        program.start()
    for number, program in enumerate(programs):
        program.established(of=router_host.ip)
        router.has(own(number, 1), of=program.host.ip)
        require(program.established_since() != before[program][0], f"{program.name} has not noticed")
        require(router.established_since(program.host.ip) != before[program][1], f"BIRD has not noticed {program.name}")

    # The router ends a session: everybody can say what happened.
    for program in programs:
        router.birdc("disable", router.protocol(program.host.ip))
    for program in programs:
        program.not_established()
        wait_for(lambda: re.search("notification|shutdown", program.last_error(), re.I), 5, f"{program.name} says why")
        require(program.routes() == set(), f"{program.name} still has routes")

    # SIGKILL: no farewell. It is the other BIRD that sees it.
    for program in programs:
        if program.keyed_listener:
            caller.established(of=program.host.ip)
            program.kill()
            caller.not_established(of=program.host.ip)
            said = caller.last_error(program.host.ip)
            require("Received: " not in said, f"{program.name}: {said}")
