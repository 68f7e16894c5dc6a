#!/usr/bin/env python3
"""probe and doctor, of answers to our SYN that the kernel drops: another key, a rewritten address, none; a forger plays the peer."""
import ipaddress
import threading
import time

from kit import *
from kit.doctors import *
from kit.segments import ACK, SYN, Segment, Tap

ANOTHER, REWRITTEN, BARE, SECOND_KEY, MUTE = 1791, 1792, 1793, 1794, 1795
with Lab("near", "far") as lab:
    near, far = lab
    version = "ip6" if lab.family == 6 else "ip"
    far.nft(f"add rule inet lab in {version} saddr {near.ip} meta l4proto tcp drop")  # its kernel keeps out of it
    tap, elsewhere = Tap(far), far.ip[:-1] + "77"

    def answer(syn):
        reply = Segment(syn.target, syn.target_port, syn.source, syn.source_port, 1, syn.seq + 1, SYN | ACK)
        if syn.target_port == REWRITTEN:  # signed for the one address, sent from the other
            packet = reply.packed(FIRST.encode())
            ours, theirs = (ipaddress.ip_address(a).packed for a in (far.ip, elsewhere))
            packet = packet.replace(ours, theirs, 1)
            reply.source, reply.packed = elsewhere, lambda key: packet
            return reply.send(far, None)
        key = {ANOTHER: OUTSIDE, SECOND_KEY: SECOND}.get(syn.target_port)
        return reply.send(far, key.encode() if key else None)

    def forge():
        done = 0
        while True:
            for segment in tap.segments[done:]:
                done += 1
                if segment.flags == SYN and segment.target == far.ip and segment.target_port != MUTE:
                    # An unsigned attempt is what the doctor makes; nothing answers it here.
                    if segment.option(19) is not None:
                        answer(segment)
            time.sleep(0.02)
    threading.Thread(target=forge, daemon=True).start()
    text = two_keys(lab)

    def probe(port, *before):
        words = [*before, PROGRAM, "--control", lab.dir / "nobody.sock", "probe", far.at(port), "--secret-file", lab.dir / "k.1.key",
                 "--timeout", "3s"]
        said = near.run(*words, expect=5, timeout=60).stdout
        print(f"{port}: {said}")
        require(OUTSIDE not in said and FIRST not in said, "a secret is shown")
        return said

    blind = ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw")
    require("signs with another key" in (said := probe(ANOTHER)) and "silent" not in said, "another key")
    require(elsewhere in (said := probe(REWRITTEN)) and "NAT" in said, "a rewritten address")
    require("does not sign" in probe(BARE), "an unsigned answer")
    for port in (ANOTHER, REWRITTEN, BARE):
        said = probe(port, *blind)
        require("CAP_NET_RAW" in said and elsewhere not in said and "does not sign" not in said, said)
    said = probe(MUTE)
    require("possible" in said and "signs" not in said and "CAP_NET_RAW" not in said, said)

    # The same of sessions, and in last_error at the end of an attempt.
    ports = {"another": ANOTHER, "rewritten": REWRITTEN, "bare": BARE, "second": SECOND_KEY, "mute": MUTE}
    for name, port in ports.items():
        text += session(name, mode="active", peer=far.at(port), source=near.ip, link="persistent")
    keeper = Keeper(near, text)
    says(keeper, "another", "unknown-key", "not in keychain")
    says(keeper, "rewritten", "rewritten", elsewhere, "NAT")
    says(keeper, "bare", "not-signing", "does not sign")
    says(keeper, "second", "other-key", "key 2")
    says(keeper, "mute", "no-answer", "neither to a SYN signed")
    for name, code in (("another", "auth-mismatch"), ("bare", "auth-missing"), ("second", "auth-mismatch")):
        wait_for(lambda: keeper.status(name)["last_error"]["code"] == code, 60, f"{name}: {code}")
    same(keeper.status("mute")["last_error"]["code"], "connect-timeout", "of a mute peer")
    same(keeper.status()["keeper"]["established"], 0, "sessions that took such an answer")
