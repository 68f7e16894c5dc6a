#!/usr/bin/env python3
"""sd_notify: READY once it answers, STATUS in words, WATCHDOG in time, RELOADING and STOPPING."""
import signal
import socket

from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    inbox.bind("/run/notify")
    inbox.settimeout(0)
    told = []

    def heard(field, value=None):
        while True:
            try:
                told.extend(line.partition("=")[::2] for line in inbox.recv(4096).decode().splitlines())
            except BlockingIOError:
                break
        return [v for k, v in told if k == field and value in (None, v)]

    text = chain(lab) + session(mode="active", peer=far.at(PORT), source=near.ip, link="persistent")
    keeper = Keeper(near, text, env={"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "500000"}, start=False)
    keeper.start(wait=False)
    wait_for(lambda: heard("READY", "1"), 10, "READY=1")
    require(keeper.answers(), "READY came before the control socket answered")
    wait_for(lambda: heard("STATUS"), 10, "STATUS=")
    wait_for(lambda: len(heard("WATCHDOG", "1")) >= 4, 10, "WATCHDOG=1 again and again")

    serve(far, far.at(PORT), echo, keyed(near.ip))
    keeper.wait_state("established")
    wait_for(lambda: any("1" in text for text in heard("STATUS")), 10, "STATUS tells of the session")
    ready = len(heard("READY", "1"))
    keeper.signal(signal.SIGHUP)
    wait_for(lambda: heard("RELOADING", "1") and len(heard("READY", "1")) > ready, 10, "RELOADING=1, then READY=1")
    keeper.stop()
    require(heard("STOPPING", "1"), f"no STOPPING=1 in {told}")

    # A keeper that hangs is silent: the watchdog must be the loop's own.
    keeper.start(wait=False)
    seen = len(heard("WATCHDOG"))
    wait_for(lambda: len(heard("WATCHDOG")) > seen, 10, "WATCHDOG=1")
    keeper.signal(signal.SIGSTOP)
    heard("WATCHDOG")
    seen = len(heard("WATCHDOG"))
    holds_for(lambda: len(heard("WATCHDOG")) <= seen + 1, 2, "silence of a stopped keeper")
    keeper.signal(signal.SIGCONT)
