#!/usr/bin/env python3
"""The lab tells signed from unsigned, forged from real, cut from whole: without the program under test."""
from kit import *
from kit.segments import ACK, PSH, RST, Tap
from kit.wire import Wire

with Lab("near", "far", "other") as lab:
    near, far, other = lab
    # Signed, unsigned, wrongly signed.
    serve(far, far.at(PORT), echo, keyed(near.ip))
    serve(far, far.at(81), echo)
    link = dial(near, far.at(PORT), SECRET)
    talk(link)
    with far:
        before = counters()
    unanswered(near, far.at(PORT))
    unanswered(near, far.at(PORT), "wrong")
    with far:
        after = counters()
    require(after["TCPMD5NotFound"] > before["TCPMD5NotFound"], "unsigned SYN was not counted")
    require(after["TCPMD5Failure"] > before["TCPMD5Failure"], "wrongly signed SYN was not counted")
    talk(dial(other, far.at(PORT)))  # a lone key leaves the others alone: keepers must do more than this

    # The forger's digest is right (a rightly signed forgery works), so a wrong one fails for its key alone.
    tap = Tap(far)

    def strike(sock, flags, data=b"", key=None):
        talk(sock)
        tap.strike(sock.getsockname()[:2] + sock.getpeername()[:2], flags, data, key, by=other)

    unsigned = dial(near, far.at(81))
    strike(unsigned, RST)
    refused(lambda: talk(unsigned), ConnectionError, AssertionError)
    strike(link, RST)
    strike(link, RST, key=b"wrong")
    strike(link, PSH | ACK, b"EVIL")
    talk(link)
    flow = link.getsockname()[:2] + link.getpeername()[:2]
    wait_for(lambda: tap.last[flow].signed_with(SECRET.encode()), 10, "a segment that the tap can verify")
    strike(link, RST, key=SECRET.encode())
    refused(lambda: talk(link), ConnectionError, AssertionError, TimeoutError)

    # Faults come and go.
    far.blackhole(near.ip)
    unanswered(near, far.at(PORT), SECRET)
    far.heal()
    far.refuse(near.ip)  # the first answer may be lost to a lock
    refused(lambda: dial(near, far.at(PORT), SECRET), ConnectionRefusedError)
    far.heal()
    near.unplug()
    refused(lambda: dial(near, far.at(PORT), SECRET), OSError)
    near.plug()
    talk(wait_for(lambda: dial(near, far.at(PORT), SECRET, timeout=1), 10, "the link is back"))

    # The bad wire delivers all the same.
    a, b = ("fd01::1", "fd01::2") if lab.family == 6 else ("10.1.0.1", "10.1.0.2")
    wire = Wire(near, far, a, b, delay=0.002, jitter=0.002, loss=0.02, repeat=0.02, damage=0.01)
    serve(far, far.at(82, b), echo, keyed(a))
    sock = dial(near, far.at(82, b), SECRET, source=a)
    for _ in range(50):
        talk(sock, b"x" * 2000)
    require(wire.lost > 0, "the wire lost nothing")
