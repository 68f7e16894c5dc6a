#!/usr/bin/env python3
"""A forged RST, FIN or data segment with exact numbers ends an unsigned link and leaves the signed one unharmed."""
from kit import *
from kit.segments import ACK, FIN, PSH, RST, SYN, Tap

OPEN = 1791
with Lab("near", "far", "forger") as lab:
    near, far, forger = lab
    key = chain(lab)
    Keeper(far, key + session(mode="passive", peer=near.ip, source=far.at(PORT), app=FAR_APP)
           + session("open", mode="passive", peer=near.ip, source=far.at(OPEN), app=FAR_APP, keychain="none"))
    Keeper(near, key + session(mode="active", peer=far.at(PORT), source=near.ip, app=NEAR_APP)
           + session("open", mode="active", peer=far.at(OPEN), source=near.ip, app="127.0.0.1:7001", keychain="none"))
    serve(far, FAR_APP, echo)
    taps = {host.ip: Tap(host) for host in (near, far)}

    def strike(flow, *segment, key=None):
        taps[flow[2]].strike(flow, *segment, key=key, by=forger)

    def link(app, port):
        sock = connect(near, app)
        talk(sock)
        return sock, taps[far.ip].flows_to(port)[-1]

    signed, flow = link(NEAR_APP, PORT)
    for towards in (flow, flow[2:] + flow[:2]):
        for flags, data in ((RST, b""), (RST | ACK, b""), (FIN | ACK, b""), (SYN, b""), (PSH | ACK, b"EVIL")):
            for wrong in (None, b"wrong"):
                talk(signed)
                strike(towards, flags, data, key=wrong)
                talk(signed)

    unsigned, flow = link("127.0.0.1:7001", OPEN)
    strike(flow, RST)
    refused(lambda: [talk(unsigned) for _ in range(3)], OSError, AssertionError)
    unsigned, flow = link("127.0.0.1:7001", OPEN)
    strike(flow[2:] + flow[:2], PSH | ACK, b"EVIL")
    unsigned.settimeout(20)  # the keeper on the way may be slow, the bytes are not lost
    same(read_exactly(unsigned, 4), b"EVIL", "what came of the forged bytes on the unsigned link")

    # The forger's only lack is the key.
    signed, flow = link(NEAR_APP, PORT)
    strike(flow, RST, key=SECRET.encode())
    refused(lambda: [talk(signed) for _ in range(3)], OSError, AssertionError)
