#!/usr/bin/env python3
"""Two keepers run as nobody, without a capability, keep a signed link; a port below 1024 waits and says what it lacks."""
import os

from kit import *

NOBODY = 65534
with Lab("near", "far") as lab:
    near, far = lab
    serve(far, FAR_APP, echo)
    key = chain(lab)
    os.chown(lab.dir / "k.key", NOBODY, NOBODY)
    texts = {near: session(mode="active", peer=far.at(PORT), source=near.ip, app=NEAR_APP),
             far: session(mode="passive", peer=near.ip, source=far.at(PORT), app=FAR_APP)
             + session("low", mode="passive", peer=near.ip, source=far.at(179), app=FAR_APP)}
    keepers = []
    for host, text in texts.items():
        home = lab.dir / f"home.{host.name}"
        home.mkdir()
        os.chown(home, NOBODY, NOBODY)
        keepers.append(Keeper(host, key + text, user=NOBODY, settings={"control": home / "sock"}, start=False))
        keepers[-1].control = home / "sock"
        keepers[-1].start()
    for _ in range(3):
        talk(connect(near, NEAR_APP))
    unanswered(near, far.at(PORT))
    low = keepers[1].wait_state("backoff", "low")
    same(low["last_error"]["code"], "resource", "code")
    require("CAP_NET_BIND_SERVICE" in low["last_error"]["text"], f"text: {low['last_error']}")
    capabilities = [line for line in open(f"/proc/{keepers[0].pid}/status") if line.startswith(("CapEff", "Uid"))]
    same([line.split()[1] for line in capabilities], [str(NOBODY), "0" * 16], "uid and capabilities")
