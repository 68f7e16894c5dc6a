#!/usr/bin/env python3
"""Whoever is not named by a session gets no answer from a keyed port, signed or not (the kernel alone would answer)."""
from kit import *
from kit.segments import Tap

with Lab("near", "far", "stranger") as lab:
    near, far, stranger = lab
    Keeper(far, chain(lab) + chain(lab, "open")
           + session(mode="passive", peer=near.ip, source=far.at(PORT), app=FAR_APP)
           + session("open", mode="passive", peer=near.ip, source=far.at(81), app=FAR_APP, keychain="none"))
    serve(far, FAR_APP, echo)
    tap = Tap(stranger)
    unanswered(stranger, far.at(PORT))
    unanswered(stranger, far.at(PORT), SECRET)
    unanswered(stranger, far.at(PORT), source=stranger.v6 if lab.family == 6 else stranger.v4)
    same([s for s in tap.segments if s.source_port == PORT], [], "segments in answer")

    # Controls: the named address is served, and a port of which nobody asks a key is not silent.
    talk(dial(near, far.at(PORT), SECRET))
    talk(dial(near, far.at(81)))
