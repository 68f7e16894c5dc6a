#!/usr/bin/env python3
"""However many signals come, and whenever: SIGHUP ends no keeper, and one that was told to stop exits 0."""
import signal
import threading

from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    many = "".join(session(f"s{n}", mode="passive", peer=f"10.9.{n // 200}.{n % 200 + 1}", source=near.at(PORT),
                           link="persistent", app=f"unix:/run/app.{n}") for n in range(800))
    keeper = Keeper(near, chain(lab) + many, start=False, settings={"log_level": "warn"})

    def flood(signals, until):
        while not until.is_set() and keeper.process.poll() is None:
            for number in signals:
                keeper.process.send_signal(number)

    for signals, count in (([signal.SIGHUP], 3), ([signal.SIGHUP, signal.SIGTERM], 3)):
        for _ in range(count):
            keeper.start(wait=False)
            # The program has begun: before that a signal meets nsenter, or the program's loading.
            wait_for(lambda: "SigBlk:\t0000000000000001" in open(f"/proc/{keeper.pid}/status").read()
                     or keeper.answers(), 20, "SIGHUP waits, or is handled", every=0)
            until = threading.Event()
            hups = threading.Thread(target=flood, args=([signal.SIGHUP], until))
            hups.start()
            wait_for(keeper.answers, 60, "the keeper answers")
            until.set()
            hups.join()
            same(keeper.process.poll(), None, "SIGHUP during the start: exit status")
            keeper.signal(signal.SIGTERM)
            flood(signals, threading.Event())
            same(keeper.wait_exit(), 0, f"exit status after SIGTERM and a flood of {signals}")
