#!/usr/bin/env python3
"""doctor, of peers that are dialled: unsigned, closed, accepted and reset at once, refused by ICMP,
silent, too far away, and well; with and without a capture."""
import socket
import struct

from kit import *
from kit.doctors import *

UNSIGNED, CLOSED, OTHER, FAR, AWAY = 1791, 1792, 1793, 1794, 1795


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


with Lab("near", "far", "mute") as lab:
    near, far, mute = lab
    served = serve(far, far.at(PORT), echo, keyed(near.ip, FIRST))
    unsigned = serve(far, far.at(UNSIGNED), echo)
    serve(far, far.at(OTHER), echo, keyed(near.ip, OUTSIDE))
    serve(far, far.at(FAR), echo, keyed(near.ip, FIRST))  # it sends with a TTL of 64
    serve(far, far.at(AWAY), reset, keyed(near.ip, FIRST))  # as a peer whose app is away
    mute.blackhole(near.ip)

    def dials(name, where, **more):
        return session(name, mode="active", peer=where, source=near.ip, link="persistent", **more)
    text = (two_keys(lab) + dials("well", far.at(PORT)) + dials("unsigned", far.at(UNSIGNED)) + dials("closed", far.at(CLOSED))
            + dials("other", far.at(OTHER)) + dials("mute", mute.at(PORT)) + dials("away", far.at(AWAY))
            + dials("distant", far.at(FAR), transport={"ttl_security_hops": 1}))

    for kind in (Keeper, Blind):
        looks = kind is Keeper
        keeper = kind(near, text, name=kind.__name__)
        keeper.wait_state("established", "well")
        before = len(served.connections)
        doctor = Doctor(keeper, "well", 0)
        same(doctor.sessions["well"], [], "findings of what is well")
        same(doctor.answer["host"], None, "the host, when asked about one session")
        says(keeper, "unsigned", "not-signing", "unsigned", near.ip)
        says(keeper, "closed", "port-closed", "nobody listens")
        says(keeper, "away", "turned-away", "resets it at once", "the key is right", "its app")
        text_of = says(keeper, "other", "no-answer", "no answer of any kind", "another key", near.ip)
        require(("CAP_NET_RAW" in text_of) == (not looks), text_of)
        says(keeper, "mute", "no-answer", "no answer of any kind", "filter")
        if looks:
            says(keeper, "distant", "too-far", "TTL 64", "ttl_security_hops")
        else:
            says(keeper, "distant", "dropped", "GTSM", "CAP_NET_RAW")

        everything = Doctor(keeper, expect=5)
        same(everything.answer["host"]["cap_net_raw"], looks, "what the host may")
        require(everything.answer["host"]["tcp_md5"], "TCP-MD5 is there")
        require(everything.answer["host"]["keys_per_listener"] > 100, f"{everything.answer['host']}")
        same(everything.codes("well"), [], "findings of what is well")
        same(everything.codes("closed"), ["port-closed"], "the same beside others")
        said = keeper.cli("doctor", "closed", expect=5).stdout
        require(2 <= len(said.splitlines()) <= 6, f"a title and at most five lines: {said}")
        for part in ("this host:", "CAP_NET_RAW", "keys on a listener", "dropped since boot", "1 session is well"):
            require(part in keeper.cli("doctor", expect=5, timeout=60).stdout, part)

        same(len(served.connections), before, "connections to a peer whose link is up")
        same(keeper.status("well")["established_count"], 1, "establishments of it")

        # A refusal by ICMP is heeded.
        far.refuse(near.ip)
        says(keeper, "closed", "refused", "ICMP")
        far.heal()

        # What is mended is well.
        keeper.wait_state("established", "well")
        keeper.cli("down", "well")
        says(keeper, "well", "stopped", "peerhold up well")
        keeper.cli("doctor", "nobody", expect=3)
        keeper.stop()
        keeper.cli("doctor", expect=4)
