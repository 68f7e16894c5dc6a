#!/usr/bin/env python3
"""Two keepers, each stopped or killed and started again in every order: the link is back and carries bytes."""
from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    one, two = pair(lab, "persistent")

    def works(what):
        for keeper in (one, two):
            keeper.wait_state("established", deadline=20)
        # Bytes of an app that came too early may meet the old link's end: ask until answered.
        def across():
            with connect(near, NEAR_APP, 3) as a, connect(far, FAR_APP, 3) as b:
                a.sendall(what.encode())
                return read_exactly(b, len(what)) == what.encode()
        def attempt():
            try:
                return across()
            except AssertionError as error:
                raise LookupError(error) from None
        wait_for(attempt, 20, f"bytes after: {what}")

    works("first start")
    for stop in ("stop", "crash"):
        for keeper in (one, two):
            getattr(keeper, stop)()
            keeper.start()
            works(f"{stop} of {keeper.name}")
        for first, second in ((one, two), (two, one)):
            for back in ((one, two), (two, one)):
                for keeper in (first, second):
                    getattr(keeper, stop)()
                for keeper in back:
                    keeper.start()
                works(f"{stop} of {first.name} then {second.name}, {back[0].name} back first")
