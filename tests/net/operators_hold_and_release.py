#!/usr/bin/env python3
"""hold, release and reset --soft reach the plugin; a prefix peer has a session of its own; established is remembered."""
import re

from kit import *

with Lab("near", "far", "other") as lab:
    near, far, other = lab
    key = chain(lab)
    prefix = f"{near.ip}/24"
    text = key + session(plugin="holder", mode="passive", peer=prefix, source=far.at(PORT), link="persistent",
                         app=f"unix:{lab.dir}/{{name}}.{{addr}}", max_dynamic=1) \
        + session("plain", mode="passive", peer=near.ip, source=far.at(PORT + 1), link="persistent", app=FAR_APP)
    keeper = Keeper(far, text)
    child = f"link@{near.ip}"
    keeper.wait_state("listening")
    dialling = Keeper(near, key + session(plugin="holder", peer=far.at(PORT), source=near.ip, link="persistent",
                                          app=NEAR_APP))
    keeper.wait_state("established", child)
    same([s["name"] for s in keeper.status()["sessions"]], ["link", child, "plain"], "the sessions")
    same(keeper.status(child)["app"]["hold_left_s"], 120.0, "hold_left_s")
    require("no app is attached, 7 routes" == keeper.status(child)["health_text"], keeper.status(child))
    table = keeper.cli("status").stdout
    require(", 7 routes, releases in 2m" in table, table)

    # One more than max_dynamic.
    another = Keeper(other, key + session(plugin="holder", peer=far.at(PORT), source=other.ip, link="persistent",
                                          app=NEAR_APP))
    wait_for(lambda: "event=dynamic-peer" in keeper.log_text(), 15, "the other one is turned away")
    require(f"link@{other.ip}" not in str(keeper.status()), "it has a session")
    another.stop()

    same(keeper.cli("hold", child, "--for", "30m").stdout, "holds for 1800s\n", "the reply")
    same(keeper.status(child)["app"]["hold_left_s"], 1800.0, "hold_left_s")
    require('"hold for 30m by uid 0' in keeper.log_text(), "the log says for how long")
    same(keeper.cli("hold", "link", "--for", "10m").stdout, f"{child}: holds for 600s\n", "the reply of each child")
    same(keeper.cli("release", child).stdout, "", "nothing to say")
    require("nothing is held" in keeper.cli("release", child, expect=1).stderr, "a refusal is told")
    require("plugin holder has nothing to refresh" in keeper.cli("reset", "--soft", child, expect=1).stderr, "ENOTSUP")
    same(keeper.cli("hold", "plain", "--for", "1s", expect=1).stderr, 'peerhold: session "plain": plugin raw has nothing to hold\n', "raw")
    said, = [line for line in keeper.log_text().splitlines() if "hold for 1s by uid 0" in line]
    require(re.search(r', refused: session \\?"plain\\?": plugin raw has nothing to hold', said), f"the refusal in the log: {said}")
    same(keeper.cli("hold", "all", "--for", "5m", "--yes").stdout, f"{child}: holds for 300s\nhold: 1 session\n", "all")
    keeper.cli("reset", "--soft", "all", "--yes", expect=1)
    keeper.cli("hold", "all", "--for", "5m", expect=2, input="")
    for words in (["hold", child], ["hold", child, "--for", "soon"], ["hold", child, "--for", "60d"]):
        keeper.cli(*words, expect=2)
    for words in (["hold", "nobody", "--for", "1s"], ["release", "nobody"]):
        keeper.cli(*words, expect=3)

    # The next keeper knows that it was established; not when an operator took it down.
    same(dialling.status("link")["plugin_status"], {"ago": 0}, "while it is")
    dialling.crash()
    dialling.start()
    dialling.wait_state("established")
    require((lab.dir / "established" / "link").exists(), "the mark")
    keeper.cli("down", "link")
    keeper.wait_state("down")
    wait_for(lambda: 0 < dialling.status("link")["plugin_status"]["ago"] < 60000, 15, "since the link has ended")
    dialling.cli("down", "link")
    require(not (lab.dir / "established" / "link").exists(), "a mark after down")
