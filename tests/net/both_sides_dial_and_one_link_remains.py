#!/usr/bin/env python3
"""mode = "both" on either side: simultaneous opens end with one link, the same on both ends, and bytes cross it."""
from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    key = chain(lab)
    keepers = [Keeper(one, key + session(mode="both", peer=other.at(PORT), source=one.at(PORT), link="persistent", app=NEAR_APP,
                                         retry={"reset_after": "30s"}), start=False)
               for one, other in ((near, far), (far, near))]

    def links(host):
        ends = [s for s in host.sockets() if s["state"] == "ESTAB" and f":{PORT}" in s["local"] + " " + s["peer"]
                and near.ip in s["local"] + s["peer"]]
        return sorted(tuple(sorted((s["local"], s["peer"]))) for s in ends)

    def one_link():
        for keeper in keepers:
            keeper.wait_state("established", deadline=20)
        return wait_for(lambda: len(links(near)) == 1 and links(near) == links(far) and links(near), 10, "one link, the same on both ends")

    def across(what):
        one_link()
        def attempt():
            try:
                with connect(near, NEAR_APP, 3) as a, connect(far, NEAR_APP, 3) as b:
                    for one, other in ((a, b), (b, a)):
                        one.sendall(what.encode())
                        if read_exactly(other, len(what)) != what.encode():
                            return False
                    return True
            except AssertionError as error:
                raise LookupError(error) from None
        wait_for(attempt, 20, f"bytes both ways after: {what}")

    for keeper in keepers:
        keeper.start(wait=False)
    for keeper in keepers:
        wait_for(keeper.answers, 20, f"{keeper.name} answers")
    across("first start")
    for turn in range(6):
        for keeper in keepers:
            keeper.cli("reset", "link")
        across(f"reset of both, {turn}")
    for keeper in keepers:
        keeper.cli("reset", "link")
        across(f"reset by {keeper.name}")
        keeper.crash()
        keeper.start()
        across(f"crash of {keeper.name}")
    before, count = links(near), [keeper.status("link")["established_count"] for keeper in keepers]
    holds_for(lambda: links(near) == before, 3, "the link that remained")
    same([keeper.status("link")["established_count"] for keeper in keepers], count, "establishments at rest")

    # Control: with one of them gone the other is alone, and says so.
    keepers[1].stop()
    wait_for(lambda: keepers[0].status("link")["state"] != "established", 10, "alone")
    same(links(near), [], "links")
