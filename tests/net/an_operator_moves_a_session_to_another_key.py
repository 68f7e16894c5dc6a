#!/usr/bin/env python3
"""`key use` moves a live session, says whether the peer came along, and goes back with the session intact when not."""
import threading

from kit import *
from kit.keys import *

with Lab("near", "far") as lab:
    near, far = lab
    for rollover in ("manual", "scheduled", "follow"):
        peer = Peer(far, near.ip, "one").listen(PORT)
        text = keys(lab, (1, "one"), (2, "two", stamp(-100), stamp(-50)), (3, "three", stamp(-200), stamp(-60)), rollover=rollover)
        text += session(mode="active", peer=far.at(PORT), source=near.ip, link="persistent", app=NEAR_APP)
        keeper = Keeper(near, text, rollover)
        sock = peer.accept()
        streams = Stream(connect(near, NEAR_APP), 0.05), Stream(sock, 0.05)
        for stream in streams:
            stream.flows()
        events = keeper.watch("link")

        answer = []
        asked = threading.Thread(target=lambda: answer.append(keeper.cli("key", "use", "link", "2", expect=None)))
        asked.start()
        events.wait(event="key", cause="operator", to="2")
        same(keeper.status("link")["key"]["id"], 2, "the key while the peer is awaited")
        peer.change("two")
        asked.join(60)
        same((answer[0].returncode, answer[0].stdout.splitlines()[-1]), (0, "key 2 is in use"), "the operator's answer")
        for stream in streams:
            stream.flows()
        same(keeper.status("link")["key"], {"chain": "k", "id": 2, "method": "tcp-md5", "cause": "operator"}, "status")
        require("command=\"key use 2\"" in keeper.log_text(), "the operator in the log")

        # The peer stays where it is: back, and nothing was lost.
        done = keeper.cli("key", "use", "link", "3", expect=1)
        require("did not come along" in done.stderr, done.stderr)
        same([(e["from"], e["to"]) for e in events.find(event="key", cause="fallback")], [("3", "2")], "moves back")
        for stream in streams:
            stream.flows(60)
        now = keeper.status("link")
        same((now["key"]["id"], now["key"]["cause"], now["established_count"], now["health"]), (2, "fallback", 1, "degraded"), "after the fallback")
        require("did not come along" in now["health_text"], now["health_text"])

        # Second thoughts within the time that the peer has.
        for to, moved in (("3", ("2", "3")), ("2", ("3", "2"))):
            asked = threading.Thread(target=lambda to=to: answer.append(keeper.cli("key", "use", "link", to, expect=None)))
            asked.start()
            wait_for(lambda: [(e["from"], e["to"]) for e in events.find(event="key")][-1] == moved, 20, f"the move {moved}")
        asked.join(60)
        wait_for(lambda: len(answer) == 3, 30)
        same({(a.returncode, a.stdout.splitlines()[0].split(";")[0].split(",")[0]) for a in answer[1:]},
             {(1, "moved from key 2 to key 3"), (0, "moved back from key 3 to key 2")}, "answers to second thoughts")
        require(any("is in use by now (cause: operator)" in a.stderr for a in answer[1:]), f"{answer}")
        for stream in streams:
            stream.flows(60)

        for words, code, text in ((("link", "9"), 3, "no key 9"), (("nobody", "1"), 3, "no session"), (("link", "x"), 2, "no key id"),
                                  (("link",), 2, "missing")):
            done = keeper.cli("key", "use", *words, expect=code)
            require(text in done.stderr, f"{words}: {done.stderr}")
        same(keeper.cli("key", "use", "link", "2").stdout.splitlines()[0], "key 2 is in use already", "the key that is in use")
        # A reload of the same file keeps the choice.
        keeper.reload()
        same(keeper.status("link")["key"]["id"], 2, "the key after a reload")
        for stream in streams:
            stream.flows()
        for stream in streams:
            stream.stop()
        keeper.stop()
        peer.close()
    cli(near, "--control", lab.dir / "none.sock", "key", "use", "link", "2", expect=4)
