#!/usr/bin/env python3
"""ttl_security_hops (RFC 5082): sent with 255, taken from 256 - N; dscp and mss of the configuration are on the wire."""
import socket

from kit import *
from kit.segments import SYN, Tap

MSS_OPTION = 2
with Lab("near", "far") as lab:
    near, far = lab
    transport = {"ttl_security_hops": 1, "dscp": 48, "mss": 1000}
    keeper, listening = pair(lab, near_options={"transport": transport}, far_options={"transport": transport})
    serve(far, FAR_APP, echo)
    tap = Tap(far)
    sock = connect(near, NEAR_APP)
    talk(sock)
    sent = [s for s in tap.segments if PORT in (s.source_port, s.target_port)]
    same({s.ttl for s in sent}, {255}, "TTL of every segment, both ways")
    syn = [s for s in sent if s.flags == SYN][0]
    same(int.from_bytes(syn.option(MSS_OPTION), "big") <= 1000, True, "MSS in the SYN")

    # The right key does not help who is too far away.
    def near_enough(sock, ttl=255):
        keyed(far.ip)(sock)
        sock.setsockopt(*((socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) if lab.family == 6 else (socket.IPPROTO_IP, socket.IP_TTL)), ttl)

    unanswered(near, far.at(PORT), SECRET)
    refused(lambda: connect(near, far.at(PORT), 1.5, near.ip, lambda s: near_enough(s, 254)), TimeoutError)
    talk(connect(near, far.at(PORT), 5, near.ip, near_enough))
    talk(sock)
