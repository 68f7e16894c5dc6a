#!/usr/bin/env python3
"""At a key's start both ends move, on live links, however far apart they do it: no reset, no byte lost, and a clock
that is set moves nothing twice or back."""
import sys
import time

from kit import *
from kit.keys import *
from kit.wire import Wire

with Lab("near", "far") as lab:
    near, far = lab

    def move(apart, pace, name, ips=None, deadline=60):
        """Both ends have key 1, and move to key 2 `apart` seconds one after the other."""
        here, there = ips or (near.ip, far.ip)
        clock = TestClock(lab, f"clock.{name}")
        peer = Peer(far, here, "one").listen(PORT, there)
        text = keys(lab, (1, "one"), (2, "two", stamp(1000)), rollover="scheduled") + session(
            mode="active", peer=far.at(PORT, there), source=here, link="persistent", app=NEAR_APP)
        keeper = Keeper(near, text, name, env=clock.env)
        sock = peer.accept()
        streams = Stream(connect(near, NEAR_APP), pace), Stream(sock, pace)
        for stream in streams:
            stream.flows(60)
        same(keeper.status("link")["key"]["id"], 1, "the key before the move")
        events = keeper.watch("link")
        clock.set(1000.5)  # its start has come
        events.wait(event="key", cause="schedule", to="2", deadline=20)
        before = [stream.got for stream in streams]
        if apart > 1:
            wait_for(lambda: not keeper.status("link")["key_confirmed"], what="the peer is awaited")
            time.sleep(apart)  # the distance of the clocks, which this is about
            if apart < 9:
                same(events.find(event="key", cause="fallback"), [], "moves back")
        else:
            time.sleep(apart)
        peer.change("two")
        for stream, had in zip(streams, before):
            wait_for(lambda: stream.check() and stream.got > had + (0 if pace else 1 << 20), deadline, f"{name}: bytes after the move")
        wait_for(lambda: keeper.status("link")["key_confirmed"], 20, "the peer is seen on the new key")
        now = keeper.status("link")
        same((now["key"]["id"], now["key"]["cause"], now["established_count"], now["last_down"]),
             (2, "schedule", 1, None), "the session after the move")
        used = {key["id"]: key for key in keeper.ask("keys")["chains"][0]["keys"]}
        same((used[1]["in_use_by"], used[2]["in_use_by"]), ([], ["link"]), "keys in use")
        require(used[1]["last_received"] and used[2]["last_received"] and used[2]["last_sent"], f"last uses: {used}")
        # Negative control: the old key is over, on the live link as well.
        peer.change("one")
        had = [stream.got for stream in streams]
        wait_for(lambda: all(now - stream.last_got > 1 for now in [time.monotonic()] for stream in streams), 20, "silence under the old key")
        peer.change("two")
        for stream in streams:
            stream.flows()
        for stream in streams:
            stream.stop()
        keeper.stop()
        peer.close()

    if "20" in sys.argv:
        move(20, 0.1, "far.apart")
        sys.exit()
    move(0, 0.05, "together")
    move(0.5, 0.05, "half")
    move(2, None, "busy")
    move(5, 0.05, "five")

    # The same while a tenth of all segments is lost.
    ips = ("fd00:1::1", "fd00:1::2") if lab.family == 6 else ("10.1.0.1", "10.1.0.2")
    Wire(near, far, *ips, loss=0.1, delay=0.002)
    # Each loss in a row doubles the wait for the next try.
    move(0.5, 0.02, "lossy", ips=ips, deadline=120)
