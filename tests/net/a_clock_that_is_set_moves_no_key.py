#!/usr/bin/env python3
"""Until the clock is synchronised no lifetime moves a key, for the first five minutes; afterwards steps of the clock move
none twice or back."""
from kit import *
from kit.keys import *

with Lab("near", "far") as lab:
    near, far = lab
    clock = TestClock(lab, synchronised=False)
    peer = Peer(far, near.ip, "one").listen(PORT)
    text = keys(lab, (1, "one"), (2, "two", stamp(1000)), (3, "three", stamp(5000)), rollover="scheduled") + session(
        mode="active", peer=far.at(PORT), source=near.ip, link="persistent", app=NEAR_APP)
    keeper = Keeper(near, text, env=clock.env)
    stream = Stream(peer.accept(), 0.05)
    Stream(connect(near, NEAR_APP), 0.05)
    stream.flows()
    events = keeper.watch("link")

    def moves():
        return [(e["from"], e["to"], e["cause"]) for e in events.find(event="key")]

    clock.set(1500, synchronised=False)
    holds_for(lambda: moves() == [], 1.5, "no move by a clock that nobody vouches for")
    clock.set(1500)  # and now it is synchronised
    events.wait(event="key", to="2", cause="schedule")
    peer.change("two")
    stream.flows()
    for offset in (900, 999, -100000, 1001, 998.5, 1000.5):
        clock.set(offset)
        holds_for(lambda: len(moves()) == 1, 0.5, f"one move, with the clock at {offset}")
    stream.flows()
    clock.set(6000)  # the next key is another matter
    events.wait(event="key", to="3", cause="schedule")
    peer.change("three")
    stream.flows()
    same(moves(), [("1", "2", "schedule"), ("2", "3", "schedule")], "moves")
    same(keeper.status("link")["established_count"], 1, "establishments")

    # Nobody ever vouches for the clock: after five minutes the one that there is must do.
    keeper.stop()
    peer.close()
    clock = TestClock(lab, "alone", offset=1500, synchronised=False)
    peer = Peer(far, near.ip, "two").listen(PORT)
    text = keys(lab, (1, "one"), (2, "two", stamp(1000)), (3, "three", stamp(2000)), rollover="scheduled") + session(
        mode="active", peer=far.at(PORT), source=near.ip, link="persistent", app=NEAR_APP)
    keeper = Keeper(near, text, "alone", env=clock.env)
    stream = Stream(peer.accept(), 0.05)
    Stream(connect(near, NEAR_APP), 0.05)
    stream.flows()
    events = keeper.watch("link")
    clock.set(2500, synchronised=False, passed=270)
    holds_for(lambda: moves() == [], 1.5, "no move within five minutes")
    clock.set(2500, synchronised=False, passed=301)
    events.wait(event="key", to="3", cause="schedule")
    peer.change("three")
    stream.flows()
    same((moves(), keeper.status("link")["established_count"]), ([("2", "3", "schedule")], 1), "moves, establishments")
