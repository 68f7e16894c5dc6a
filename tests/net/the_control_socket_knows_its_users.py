#!/usr/bin/env python3
"""Root and the control group may do everything, the reading group may look, others get a refusal in words."""
import shutil

import kit.keeper
from kit import *

NOBODY, DAEMON, BIN = 65534, 1, 2  # users and groups of every Debian
with Lab("near", "far") as lab:
    near, far = lab
    settings = {"control_group": "daemon", "control_read_group": "bin"}
    keeper = Keeper(near, chain(lab) + session(mode="active", peer=far.at(PORT), source=near.ip, link="persistent",
                                               app=NEAR_APP), settings=settings)
    program = shutil.copy(kit.keeper.PROGRAM, lab.dir)

    def ask(groups, *words):
        return near.run(*as_user_words(NOBODY, groups), program, "--control", keeper.control, *words, expect=None)

    mode = keeper.control.stat().st_mode & 0o777
    same(mode & 0o007, 0, f"rights of others on the control socket ({mode:o})")
    require(ask([], "status").returncode != 0, "a stranger may look")
    keeper.control.chmod(0o666)  # were the file open, the keeper itself must still know who asks
    before = keeper.status("link")["attempts"]
    for words in (["status"], ["status", "--json"], ["down", "link"], ["reload"], ["reset", "link"], ["attach", "link"]):
        answer = ask([], *words)
        require(answer.returncode != 0 and answer.stderr and not answer.stdout, f"{words}: {answer}")
    print(answer.stderr)
    require("down" != keeper.status("link")["state"], "a stranger took the session down")

    same(ask([BIN], "status", "--json").returncode, 0, "the reading group looks")
    require(ask([BIN], "down", "link").returncode != 0, "the reading group may take sessions down")
    require("down" != keeper.status("link")["state"], "the reading group took the session down")
    same(ask([DAEMON], "status").returncode, 0, "the control group looks")
    same(ask([DAEMON], "down", "link").returncode, 0, "the control group takes the session down")
    keeper.wait_state("down")
    same(ask([DAEMON], "reload").returncode, 0, "the control group reloads")
    require(keeper.status("link")["attempts"] >= before, "counters went back")
