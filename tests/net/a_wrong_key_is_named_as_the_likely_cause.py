#!/usr/bin/env python3
"""With a wrong key on one end, status says within the first attempts that the key is the most likely cause."""
import re

from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    _, listening = pair(lab, "persistent", start=False)
    listening.start()
    chain(lab, secret="quite.another.key")
    keeper = lab.keepers[0]
    keeper.start()

    def told():
        error = keeper.status("link")["last_error"]
        return error if error and re.search(r"key|sign", error["text"]) else None

    error = wait_for(told, 20, "the key is named")
    print(error)
    require(error["code"] in ("auth-mismatch", "connect-timeout"), f"code: {error}")
    require("quite.another.key" not in str(keeper.status()), "the key itself is shown")
    same(keeper.status("link")["established_count"], 0, "establishments")

    # Mended by a new file and a reload, without a restart.
    chain(lab)
    keeper.reload()
    keeper.wait_state("established", deadline=20)
    listening.wait_state("established")
