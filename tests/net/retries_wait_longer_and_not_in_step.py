#!/usr/bin/env python3
"""Delays between attempts grow by the factor up to the maximum, and jitter keeps sessions from returning together."""
import threading
import time

from kit import *

SESSIONS, ATTEMPTS = 20, 5
MIN, FACTOR, MAX, JITTER = 0.2, 2.0, 1.0, 0.25
with Lab("near", "far") as lab:
    near, far = lab
    retry = {"min": "200ms", "max": "1s", "reset_after": "30s"}
    accepted = {}

    def end_at_once(port):
        """A peer that accepts and closes: no establishment worth the name, so it must not loop fast."""
        listener = listen(far, far.at(port), keyed(near.ip))
        listener.settimeout(None)
        while True:
            sock, _ = listener.accept()
            accepted[port].append(time.monotonic())
            sock.close()

    text = chain(lab)
    for number in range(SESSIONS):
        port = PORT + number
        accepted[port] = []
        threading.Thread(target=end_at_once, args=(port,), daemon=True).start()
        text += session(f"s{number}", mode="active", peer=far.at(port), source=near.ip, link="persistent", retry=retry)
    keeper = Keeper(near, text)
    wait_for(lambda: min(map(len, accepted.values())) > ATTEMPTS, 60, "every session has tried often enough")

    thirds = []
    for times in accepted.values():
        gaps = [b - a for a, b in zip(times, times[1:])][:ATTEMPTS]
        for number, gap in enumerate(gaps):
            least = min(MIN * FACTOR ** number, MAX) * (1 - JITTER)
            require(gap > least - 0.02, f"attempt {number + 2} after {gap:.3f} s, not before {least:.3f} s: {gaps}")
        thirds.append(gaps[2])
    spread = max(thirds) - min(thirds)
    require(spread > 0.1, f"{SESSIONS} sessions came back within {spread:.3f} s of each other")
    now = keeper.status("s0")
    require(now["attempts"] > ATTEMPTS and now["last_error"], f"status: {now}")
    same(now["last_down"]["code"], "peer-closed", "why the latest establishment ended")
