#!/usr/bin/env python3
"""The router's operator gives it the next password of the chain: it ends the session itself, as routers do, and is
Established again under that key with nothing done on our side; and back. A password of no chain never comes up."""
import subprocess
import sys

from interop.held import *
from interop.routers import *
from kit import *
from kit.doctors import says
from kit.keys import *

FIRST, SECOND, FOREIGN = "the.first.password", "the.second.password", "nobodys.password"
PROGRAM_NAME, MODE = sys.argv[2], sys.argv[3]

with Lab("near", "far") as lab:
    near, far = lab
    router = PROGRAMS[PROGRAM_NAME](far, "router", ROUTER_AS, [
        Neighbour(near.ip, APP_AS, far.ip, FIRST, passive=MODE == "active")])
    text = keys(lab, (1, FIRST), (2, SECOND, stamp(600)))  # to come in ten minutes: the operator of the router is early
    keeper = Keeper(near, text + bgp_session(near, far, mode=MODE, app=None, retry={"connect_timeout": "5s"},
                                             bgp={"families": [f"ipv{lab.family}-unicast"]}))
    router.established()
    before = keeper.wait_state("established")
    same((before["key"]["id"], before["established_count"]), (1, 1), "before")
    events = keeper.watch("link")

    def returns(number, secret):
        """Told another password, the router comes back under that key of the chain."""
        flaps = router.established_since()
        router.set_password(secret)
        now = wait_for(lambda: (s := keeper.status("link"))["key"]["id"] == number and s["state"] == "established"
                       and s["established_count"] > before["established_count"] and s, 90, f"established under key {number}")
        router.established()
        require(router.established_since() != flaps, "the router has noticed its new password")
        before["established_count"] = now["established_count"]
        return now

    for number, secret in ((2, SECOND), (1, FIRST)):
        now = returns(number, secret)
        same((now["key"]["cause"], now["last_down"]["code"]), ("peer", "notification"), "why the key is in use, and the link ended")
        same([(e["to"], e["cause"]) for e in events.find(event="key")][-1], (str(number), "peer"), "the move")
    same(len(events.find(event="key")), 2, "moves")

    # We have moved first, and the router's operator only then, while our side still waits for the router.
    use = near.popen(PROGRAM, "--control", keeper.control, "key", "use", "link", "2", stderr=subprocess.PIPE, text=True)
    events.wait(event="key", cause="operator")
    returns(2, SECOND)
    # The router ends the link for its new password: 1 where that is seen first, 0 where the next link is.
    complaint = use.communicate(timeout=60)[1]
    same(use.returncode, 1 if "the link ended before the peer was seen to come along; key 2 is in use" in complaint else 0,
         f"exit of key use: {complaint}")

    # Control: a password that is in no chain.
    moves = len(events.find(event="key"))
    router.set_password(FOREIGN)
    router.not_established()
    code, finding = ("auth-mismatch", "unknown-key") if MODE == "passive" else ("connect-timeout", "no-answer")
    wait_for(lambda: keeper.status("link")["last_error"]["code"] == code, 60, f"{code}; {keeper.status('link')['last_error']}")
    says(keeper, "link", finding)
    require(keeper.status("link")["state"] != "established" and router.state() != "Established", "a foreign password came up")
    same(len(events.find(event="key")), moves, "moves, with a foreign password")
