#!/usr/bin/env python3
"""idle_timeout closes a connection on which nothing moves, either way; one that is used, or has none, stays."""
from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    key = chain(lab)
    Keeper(far, key + session(mode="passive", peer=near.ip, source=far.at(PORT), app=FAR_APP))
    keeper = Keeper(near, key
                    + session("idle", mode="active", peer=far.at(PORT), source=near.ip, app=NEAR_APP, raw={"idle_timeout": "4s"})
                    + session("free", mode="active", peer=far.at(PORT), source=near.ip, app="127.0.0.1:7001"))
    serve(far, FAR_APP, echo)
    idle, busy, free = connect(near, NEAR_APP), connect(near, NEAR_APP), connect(near, "127.0.0.1:7001")
    talk(idle)
    talk(free)
    idle.settimeout(0.2)

    def closed():
        """The idle one is; meanwhile the other is kept busy."""
        talk(busy)
        try:
            return idle.recv(1) == b""
        except TimeoutError:
            return False
        except ConnectionResetError:
            return True
    wait_for(closed, 30, "the idle one is closed")
    talk(busy)
    talk(free)
    wait_for(lambda: keeper.status("idle")["links"] == 1, 10, "one link is left")
