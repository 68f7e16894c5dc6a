#!/usr/bin/env python3
"""No link, and the peer has another key of the chain now: whoever dials finds it, the listener and our own SYNs,
with capture and by trial; a key of no chain meets silence."""
from kit import *
from kit.keys import *

NOBODY = 65534

with Lab("near", "far") as lab:
    near, far = lab
    def three(user):
        return keys(lab, (1, "one"), (2, "two", stamp(-100)), (3, "three", stamp(500)), owner=user or 0)

    for user in (None, NOBODY):
        how = "trial" if user else "capture"
        keeper = Keeper(near, three(user) + session(mode="passive", peer=far.ip, source=near.at(PORT), link="persistent",
                                                       app=NEAR_APP), f"passive.{how}", user=user)
        same(keeper.status("link")["key"]["id"], 2, "the key by its lifetime")
        for secret, number in (("one", 1), ("three", 3), ("two", 2)):
            peer = Peer(far, near.ip, secret)
            peer.dial(PORT)
            now = keeper.wait_state("established")
            same((now["key"]["id"], now["key"]["cause"]), (number, "peer"), f"{how}: the key of the link that came")
            peer.close()
            keeper.wait_state("listening")
        unanswered(far, near.at(PORT), "somebody else's", timeout=3)
        unanswered(far, near.at(PORT), timeout=2)
        keeper.stop()

    # Our own SYNs: the peer answers under another key of the chain than we begin with.
    for secret, number in (("two", 2), ("one", 1), ("three", 3)):
        peer = Peer(far, near.ip, secret).listen(PORT)
        keeper = Keeper(near, three(NOBODY) + session(mode="active", peer=far.at(PORT), source=near.ip, link="persistent",
                                                       retry={"connect_timeout": "10s"}), f"dials.{secret}", user=NOBODY)
        peer.accept()
        now = keeper.wait_state("established", deadline=30)
        same((now["key"]["id"], now["attempts"]), (number, 1), "the key that was answered, within one attempt")
        keeper.stop()
        peer.close()
    peer = Peer(far, near.ip, "somebody else's").listen(PORT)
    keeper = Keeper(near, three(NOBODY) + session(mode="active", peer=far.at(PORT), source=near.ip, link="persistent",
                                                   retry={"connect_timeout": "5s"}), "dials.foreign", user=NOBODY)
    wait_for(lambda: (keeper.status("link")["last_error"] or {}).get("code") in ("connect-timeout", "auth-mismatch"), 20, "a timeout")
    same(keeper.status("link")["key"]["id"], 2, "the key after silence to all")
