#!/usr/bin/env python3
"""A keeper whose control socket is answered by another exits 2 and names its pid; a dead one's socket is taken over."""
from kit import *

with Lab("near") as lab:
    near, = lab
    text = chain(lab) + session(mode="active", peer="192.0.2.1:1", source=near.ip, link="persistent")
    keeper = Keeper(near, text)
    second = near.run(PROGRAM, "run", "-c", keeper.config, *plugin_dir_words(), expect=2)
    require(str(keeper.pid) in second.stderr, f"the pid {keeper.pid} is not named: {second.stderr}")
    require(keeper.answers(), "the first keeper is disturbed")
    keeper.crash()
    require(keeper.control.exists(), "this should test a socket that was left behind")
    keeper.start()
