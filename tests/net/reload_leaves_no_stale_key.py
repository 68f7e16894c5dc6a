#!/usr/bin/env python3
"""Keys taken from a live listener stop working at once, changed ones change, and the others' links stay."""
from kit import *

with Lab("near", "far", "other") as lab:
    near, far, other = lab

    def passive(name, peer, keychain):
        return session(name, mode="passive", peer=peer, source=far.at(PORT), app=FAR_APP, keychain=keychain)

    serve(far, FAR_APP, echo)
    text = chain(lab, "a", "first") + chain(lab, "b", "second")
    keeper = Keeper(far, text + passive("near", near.ip, "a") + passive("other", other.ip, "b"))
    steady, leaving = dial(near, far.at(PORT), "first"), dial(other, far.at(PORT), "second")
    talk(steady)
    talk(leaving)
    unanswered(near, far.at(PORT), "second")   # each address has its own key
    unanswered(other, far.at(PORT), "first")

    keeper.reload(text + passive("near", near.ip, "a"))
    unanswered(other, far.at(PORT), "second")
    unanswered(other, far.at(PORT))
    refused(lambda: [talk(leaving) for _ in range(3)], OSError, AssertionError)
    talk(steady)
    talk(dial(near, far.at(PORT), "first"))

    # A rewritten key file counts at reload; until then nothing changes.
    chain(lab, "a", "third")
    talk(dial(near, far.at(PORT), "first"))
    keeper.reload()
    talk(dial(near, far.at(PORT), "third"))
    unanswered(near, far.at(PORT), "first")

    # Back again, as a prefix: no old /32 may beat it.
    prefix = "fd00::/64" if lab.family == 6 else "10.0.0.0/24"
    keeper.reload(text + passive("lan", prefix, "b"))
    talk(dial(other, far.at(PORT), "second"))
    talk(dial(near, far.at(PORT), "second"))
    unanswered(near, far.at(PORT), "third")

    # And the last one gone closes the port.
    keeper.reload(text)
    unanswered(other, far.at(PORT), "second")
    same([s for s in far.sockets() if s["state"] == "LISTEN" and s["local"].endswith(f":{PORT}")], [], "listeners")
