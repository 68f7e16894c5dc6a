#!/usr/bin/env python3
"""idle_timeout closes a connection on which nothing moves, either way; one that is used, or has none, stays."""
import time

from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    key = chain(lab)
    Keeper(far, key + session(mode="passive", peer=near.ip, source=far.at(PORT), app=FAR_APP))
    keeper = Keeper(near, key
                    + session("idle", mode="active", peer=far.at(PORT), source=near.ip, app=NEAR_APP, raw={"idle_timeout": "1s"})
                    + session("free", mode="active", peer=far.at(PORT), source=near.ip, app="127.0.0.1:7001"))
    serve(far, FAR_APP, echo)
    idle, busy, free = connect(near, NEAR_APP), connect(near, NEAR_APP), connect(near, "127.0.0.1:7001")
    talk(idle)
    talk(free)
    began = time.monotonic()
    idle.settimeout(15)
    while time.monotonic() < began + 3:
        talk(busy)
        time.sleep(0.2)
    same(refused(lambda: read_exactly(idle, 1), AssertionError, ConnectionResetError) is not None, True, "idle one closed")
    talk(busy)
    talk(free)
    wait_for(lambda: keeper.status("idle")["links"] == 1, 10, "one link is left")
