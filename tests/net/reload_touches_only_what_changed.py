#!/usr/bin/env python3
"""reload is a diff: an unchanged session keeps its TCP connection while others are added, removed, changed."""
import re
import signal

from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    key = chain(lab)
    for port in range(PORT, PORT + 5):
        serve(far, far.at(port), echo, keyed(near.ip))

    def persistent(name, port, **options):
        return session(name, mode="active", peer=far.at(port), source=near.ip, link="persistent",
                       app=f"unix:/run/{name}.app", **options)

    def link(port):
        """Local port and inode of the established link to this port, or None."""
        found = [(s["local"], s["inode"]) for s in near.sockets() if s["state"] == "ESTAB" and s["peer"].endswith(f":{port}")]
        require(len(found) < 2, f"links to {port}: {found}")
        return found[0] if found else None

    def words(text, name):
        """What `reload --dry-run` says of a session."""
        lines = [line for line in text.splitlines() if re.search(rf"\b{name}\b", line)]
        same(len(lines), 1, f"lines about {name} in {text!r}")
        return lines[0]

    keeper = Keeper(near, key + persistent("same", PORT) + persistent("live", PORT + 1) + persistent("moved", PORT + 2)
                    + persistent("gone", PORT + 3))
    for name in ("same", "live", "moved", "gone"):
        keeper.wait_state("established", name)
    app = connect(near, "unix:/run/same.app")
    talk(app)
    before = {port: link(port) for port in range(PORT, PORT + 4)}
    require(all(before.values()), f"links before: {before}")
    watch = keeper.watch()

    changed = (key + persistent("same", PORT)
               + persistent("live", PORT + 1, description="now with words", transport={"user_timeout": "90s"})
               + persistent("moved", PORT + 4) + persistent("new", PORT + 2))
    keeper.write(changed)
    plan = keeper.cli("reload", "--dry-run").stdout
    for name, word in (("same", "keep"), ("live", "live"), ("moved", "restart"), ("gone", "remove"), ("new", "add")):
        require(word in words(plan, name), f"{name} should be '{word}' in:\n{plan}")
    require("peer" in words(plan, "moved"), f"the key that makes 'moved' restart is not named:\n{plan}")
    same({port: link(port) for port in before}, before, "links after --dry-run")

    keeper.reload()
    watch.wait(event="reload")
    for name in ("same", "live", "moved", "new"):
        keeper.wait_state("established", name)
    same(link(PORT), before[PORT], "the unchanged session's socket")
    same(link(PORT + 1), before[PORT + 1], "the socket of the session that changed what needs no restart")
    same(keeper.status("live")["description"], "now with words", "description")
    wait_for(lambda: link(PORT + 3) is None, 10, "the removed session's link is gone")
    require(link(PORT + 4) and link(PORT + 2) != before[PORT + 2], "moved and new have links of their own")
    talk(app)
    keeper.cli("status", "gone", expect=3)

    # A bad file changes nothing and says where it is wrong; SIGHUP likewise.
    bad = changed + 'nonsense = 1\n'
    answer = keeper.reload(bad, expect=2)
    require(re.search(r":\d+:\d+: error: .*nonsense", answer.stderr), f"reload of a bad file said: {answer.stderr}")
    keeper.signal(signal.SIGHUP)
    wait_for(lambda: "nonsense" in keeper.log_text(), 10, "SIGHUP with a bad file is logged")
    talk(app)
    same(link(PORT), before[PORT], "the unchanged session's socket")
    same(len(keeper.status()["sessions"]), 4, "sessions")

    # SIGHUP with a good one.
    keeper.write(key + persistent("same", PORT))
    keeper.signal(signal.SIGHUP)
    wait_for(lambda: len(keeper.status()["sessions"]) == 1, 10, "SIGHUP has taken the rest away")
    talk(app)
    same(link(PORT), before[PORT], "the unchanged session's socket")
