#!/usr/bin/env python3
"""mode = "both": the peer changes its key on a link that either side has made, or comes back with another one, dialling or
dialled; and of two keepers that both dial and both follow, one moves and the other comes along on the one link."""
from kit import *
from kit.keys import *

NOBODY = 65534


def both(here, there, **more):
    return session(mode="both", peer=there.at(PORT), source=here.at(PORT), link="persistent", app=NEAR_APP,
                   retry={"connect_timeout": "5s"}, **more)


def drained(streams):
    """Ended with nothing under way: a peer that is gone with data on the way to it resets without a signature."""
    for stream in streams:
        stream.stopped.set()
    here, there = streams
    wait_for(lambda: (here.got, there.got) == (there.sent, here.sent), 30, "all bytes at the other end")
    for stream in streams:
        stream.stop()


with Lab("near", "far") as lab:
    near, far = lab

    def follow(user):
        how = "trial" if user else "capture"
        peer = Peer(far, near.ip, "one").listen(PORT)
        keeper = Keeper(near, keys(lab, (1, "one"), (2, "two", stamp(600)), owner=user or 0) + both(near, far), how, user=user)

        def on(number, establishments, what):
            return wait_for(lambda: (s := keeper.status("link"))["state"] == "established" and s["key"]["id"] == number
                            and s["key"]["cause"] == "peer" and s["established_count"] == establishments, 60,
                            f"{how}: {what}: key {number}; {keeper.status('link')}")

        def live(sock, establishments, secret, number, what):
            with connect(near, NEAR_APP) as app:
                streams = Stream(app, 0.02), Stream(sock, 0.02)
                for stream in streams:
                    stream.flows()
                peer.change(secret)
                for stream in streams:
                    stream.flows(120)
                on(number, establishments, what)
                drained(streams)
        live(peer.accept(), 1, "two", 2, "a live link that we dialled")

        # It comes back by itself, under the first one; nobody listens there meanwhile.
        peer.close()
        keeper.wait_state("backoff")
        peer = Peer(far, near.ip, "one")
        sock = peer.dial(PORT, 60)
        on(1, 2, "the peer has dialled")
        live(sock, 2, "two", 2, "a live link that was dialled by the peer")

        # It does not dial, but is there, under the first one again.
        peer.close()
        peer = Peer(far, near.ip, "one").listen(PORT)
        peer.accept()
        on(1, 3, "the peer is dialled")
        peer.close()

        # Control: it has a key of no chain.
        peer = Peer(far, near.ip, "somebody else's").listen(PORT)
        unanswered(far, near.at(PORT), "somebody else's", timeout=8)
        same((keeper.status("link")["established_count"], keeper.status("link")["key"]["id"]), (3, 1), "after a foreign key")
        peer.close()
        keeper.stop()

    follow(None)
    follow(NOBODY)

    chains = [keys(lab, (1, "one"), (2, "two", stamp(600)), name=one.name) for one in (near, far)]
    keepers = [Keeper(one, chain + both(one, other, keychain=one.name)) for one, other, chain in zip((near, far), (far, near), chains)]
    for keeper in keepers:
        keeper.wait_state("established", deadline=30)
    with connect(near, NEAR_APP) as a, connect(far, NEAR_APP) as b:
        streams = Stream(a, 0.02), Stream(b, 0.02)
        for stream in streams:
            stream.flows()
        counts = [keeper.status("link")["established_count"] for keeper in keepers]
        for mover, number in ((0, 2), (1, 1)):
            keepers[mover].cli("key", "use", "link", str(number))
            for which, cause in ((mover, "operator"), (1 - mover, "peer")):
                wait_for(lambda: keepers[which].status("link")["key"] == {
                    "chain": keepers[which].name, "id": number, "method": "tcp-md5", "cause": cause}, 30, f"key {number} at {which}")
            for stream in streams:
                stream.flows()
        same([keeper.status("link")["established_count"] for keeper in keepers], counts, "establishments")
        drained(streams)
