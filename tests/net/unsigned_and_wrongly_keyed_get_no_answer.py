#!/usr/bin/env python3
"""A keyed port answers the right key alone: anything else gets no segment back, and disturbs nobody."""
from kit import *
from kit.segments import Tap

with Lab("near", "far") as lab:
    near, far = lab
    keeper = Keeper(far, chain(lab) + session(mode="passive", peer=near.ip, source=far.at(PORT), app=FAR_APP))
    serve(far, FAR_APP, echo)
    link = dial(near, far.at(PORT), SECRET)
    talk(link)

    tap = Tap(near)
    unanswered(near, far.at(PORT))
    for wrong in ("wrong", SECRET + "x", SECRET[:-1], SECRET.upper(), SECRET + "\n"):
        unanswered(near, far.at(PORT), wrong, timeout=0.5)
    require(tap.flows_to(PORT), "the tap saw nothing")
    answers = [s for s in tap.segments if s.source_port == PORT]
    same(answers, [], "segments in answer")

    talk(link)
    second = dial(near, far.at(PORT), SECRET)
    talk(second)
    same(keeper.status("link")["links"], 2, "links")
