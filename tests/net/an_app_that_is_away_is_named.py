#!/usr/bin/env python3
"""per-client: the app or the peer is away; clients are not left hanging, status names the cause, and its return is enough."""
import time

from kit import *
from kit.doctors import Doctor

with Lab("near", "far") as lab:
    near, far = lab
    keeper, listening = pair(lab)

    def turned_away(what):
        began = time.monotonic()
        refused(lambda: read_exactly(connect(near, NEAR_APP, 15), 1), AssertionError, ConnectionResetError)
        print(f"{what}: turned away after {time.monotonic() - began:.2f} s")

    def served():
        client = connect(near, NEAR_APP, 5)
        try:
            talk(client)
        except AssertionError as error:
            raise LookupError(error) from None
        return client

    turned_away("no app behind the far keeper")
    error = wait_for(lambda: listening.status("link")["last_error"], 10, "the far keeper says why")
    same(error["code"], "app-unreachable", "code")
    require(FAR_APP in error["text"], f"the app is not named: {error}")
    # What status calls degraded is found by doctor, in the same words.
    same(listening.status("link")["health"], "degraded", "health without the app")
    doctor = Doctor(listening, "link", 5)
    same(doctor.codes("link"), ["degraded"], "findings without the app")
    text = doctor.text("link")
    print(text)
    require(listening.status("link")["health_text"] in text and f"next: start what shall listen at {FAR_APP}" in text, text)
    app = serve(far, FAR_APP, echo)
    wait_for(served, 15, "served once the app is there").close()
    same(Doctor(listening, "link", 0).codes("link"), [], "findings with the app")
    wait_for(lambda: keeper.status("link")["links"] == 0, 10, "no link is left")
    same(keeper.wait_state("listening")["app"]["attached"], 0, "apps attached")

    # The peer is away: as long as connect_timeout (3 s here), not for ever.
    far.blackhole(near.ip)
    turned_away("the peer is silent")
    error = keeper.status("link")["last_error"]
    require(error["code"] in ("connect-timeout", "auth-mismatch"), f"code: {error}")
    far.heal()
    far.refuse(near.ip)
    turned_away("the peer is refused by ICMP")
    require(keeper.status("link")["last_error"]["code"] in ("connect-refused", "unreachable"), f"{keeper.status('link')}")
    far.heal()
    wait_for(served, 15, "served once the peer answers")

    # Many that wait share one dial; nobody is forgotten.
    far.blackhole(near.ip)
    waiting = [connect(near, NEAR_APP, 30) for _ in range(20)]
    wait_for(lambda: [s for s in near.sockets() if s["state"] == "SYN-SENT"], 10, "it dials")
    holds_for(lambda: len([s for s in near.sockets() if s["state"] == "SYN-SENT"]) <= 1, 2, "one dial at a time")
    far.heal()
    outcome = []
    for sock in waiting:
        try:
            talk(sock)
            outcome.append("served")
        except (OSError, AssertionError):
            outcome.append("turned away")
    print({what: outcome.count(what) for what in set(outcome)})
    wait_for(served, 15, "served after the storm")
