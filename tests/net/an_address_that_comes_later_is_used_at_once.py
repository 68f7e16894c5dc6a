#!/usr/bin/env python3
"""A source that is not on this host yet waits in backoff, and is used the moment it appears; with freebind at once."""
import time

from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    later = "fd00::77" if lab.family == 6 else "10.0.0.77"
    lazy = {"retry": {"min": "1h", "max": "1h"}}   # only the kernel's word can be in time
    free = {"transport": {"freebind": True}}
    key = chain(lab)
    serve(far, far.at(PORT), echo, keyed(later))
    serve(near, FAR_APP, echo)

    def passive(name, port, **options):
        return session(name, mode="passive", peer=far.ip, source=near.at(port, later), app=FAR_APP, **options)

    keeper = Keeper(near, key
                    + session("dials", mode="active", peer=far.at(PORT), source=later, link="persistent", **lazy)
                    + passive("listens", 91, **lazy) + passive("free", 92, **lazy, **free))
    for name in ("dials", "listens"):
        now = keeper.wait_state("backoff", name)
        same(now["last_error"]["code"], "resource", f"{name}: code")
        require(later in now["last_error"]["text"], f"{name}: the address is not named: {now['last_error']}")
    keeper.wait_state("listening", "free")
    holds_for(lambda: keeper.status("dials")["state"] == "backoff", 1, "backoff while the address is away")

    began = time.monotonic()
    near.add_address(later)
    keeper.wait_state("established", "dials", deadline=10)
    keeper.wait_state("listening", "listens", deadline=10)
    print(f"both up {time.monotonic() - began:.2f} s after the address")
    for port in (91, 92):
        talk(dial(far, near.at(port, later), SECRET))

    # The same when it had gone meanwhile.
    near.remove_address(later)
    keeper.cli("reset", "dials")
    same(keeper.wait_state("backoff", "dials")["last_error"]["code"], "resource", "code once the address is gone")
    near.add_address(later)
    keeper.wait_state("established", "dials", deadline=10)
