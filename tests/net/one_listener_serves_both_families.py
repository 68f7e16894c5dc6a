#!/usr/bin/env python3
"""A session on [::] takes its IPv4 peer too, keyed, and hides from others in both families; v6only leaves IPv4 alone."""
from kit import *

with Lab("near", "far", "stranger") as lab:
    near, far, stranger = lab
    key = chain(lab) + chain(lab, "six", "another.key")

    def listening(name, peer, **options):
        return session(name, mode="passive", peer=peer, source=f"[::]:{PORT}", app=FAR_APP, **options)

    keeper = Keeper(far, key + listening("four", near.v4) + listening("six", near.v6, keychain="six"))
    serve(far, FAR_APP, echo)
    links = [dial(near, far.at(PORT, far.v4), SECRET), dial(near, far.at(PORT, far.v6), "another.key")]
    for link in links:
        talk(link)
    for name, ip in (("four", near.v4), ("six", near.v6)):
        now = keeper.wait_state("established", name)
        same(now["links"], 1, f"links of {name}")
        require(now["peer"].strip("[]").startswith(ip), f"{name}: the peer is shown as {now['peer']}")
    for ip, wrong in ((far.v4, "another.key"), (far.v6, SECRET)):
        unanswered(near, far.at(PORT, ip))
        unanswered(near, far.at(PORT, ip), wrong)   # each peer has its own key
        unanswered(stranger, far.at(PORT, ip))
        unanswered(stranger, far.at(PORT, ip), SECRET)
    for link in links:
        talk(link)

    # An IPv4 peer that dials a keeper of which only the IPv6 half listens is refused by the kernel.
    keeper.reload(key + listening("six", near.v6, keychain="six", v6only=True))
    talk(wait_for(lambda: dial(near, far.at(PORT, far.v6), "another.key", timeout=2), 10, "the IPv6 half"))
    refused(lambda: dial(near, far.at(PORT, far.v4)), ConnectionRefusedError)
