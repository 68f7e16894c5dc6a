#!/usr/bin/env python3
"""down, up and reset: what each does to the link, to waiting apps and to status; down outlives reload, not restart."""
from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    keeper, listening = pair(lab, "persistent")
    watch = keeper.watch("link")
    keeper.wait_state("established")

    keeper.cli("down", "link", "--message", "planned work")
    keeper.wait_state("down")
    wait_for(lambda: listening.status("link")["state"] != "established", 10, "the peer has heard")
    same(listening.status("link")["last_down"]["code"], "peer-closed", "why, at the peer")
    keeper.reload()
    keeper.reload(keeper.text.replace('"1s"', '"2s"'))
    holds_for(lambda: keeper.status("link")["state"] == "down", 1, "down")
    same(keeper.cli("down", "link").returncode, 0, "down twice")
    keeper.cli("up", "link")
    keeper.wait_state("established")
    listening.wait_state("established")

    count = keeper.status("link")["established_count"]
    keeper.cli("reset", "link")
    wait_for(lambda: keeper.status("link")["established_count"] > count, 15, "reset drops and redials")
    same(keeper.status("link")["last_down"]["code"], "admin", "why the link ended")
    keeper.cli("down", "all", "--yes")
    keeper.wait_state("down")
    keeper.stop()
    keeper.start()
    keeper.wait_state("established")

    # Down on the listening side: its claim is gone, the port is silent.
    listening.cli("down", "link")
    keeper.wait_state("backoff", deadline=20)
    unanswered(near, far.at(PORT), SECRET)
    listening.cli("up", "link")
    keeper.wait_state("established", deadline=20)

    require(watch.find(event="operator", session="link"), f"no operator event: {watch.events}")
    require(watch.find(event="state", **{"from": "established", "to": "down"}), f"no state event: {watch.events}")
    for words in (["up", "nobody"], ["down", "nobody"], ["reset", "nobody"]):
        keeper.cli(*words, expect=3)
    keeper.cli("down", "all", expect=2, input="")  # without a terminal only with --yes
    same(keeper.status("link")["state"], "established", "state after a `down all` that was not confirmed")
