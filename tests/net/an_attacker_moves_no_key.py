#!/usr/bin/env python3
"""Whoever replays, forges or floods segments moves no key, ends no session and costs bounded CPU: also segments that
are correctly signed with an old key of the chain. The peer itself is followed all the same."""
import ipaddress
import os
import socket
import struct
import threading
import time

from kit import *
from kit.keys import *
from kit.md5 import counters
from kit.segments import ACK, PSH, SYN, Segment, Tap

NOBODY = 65534

def as_recorded(segment):
    """In an IP header of its own."""
    ends = [ipaddress.ip_address(a).packed for a in (segment.source, segment.target)]
    if len(ends[0]) == 4:
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment.raw), 0, 0, 64, socket.IPPROTO_TCP, 0, *ends)
    else:
        header = struct.pack("!IHBB16s16s", 6 << 28, len(segment.raw), socket.IPPROTO_TCP, 64, *ends)
    return header + segment.raw


with Lab("near", "far", "attacker") as lab:
    near, far, attacker = lab

    def cpu(keeper):
        fields = open(f"/proc/{keeper.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def attack(user):
        name = "trial" if user else "capture"
        tap = Tap(far)
        peer = Peer(far, near.ip, "one").listen(PORT)
        text = keys(lab, (1, "one"), (2, "two", stamp(-5)), owner=user or 0)
        keeper = Keeper(near, text + session(mode="active", peer=far.at(PORT), source=near.ip, link="persistent", app=NEAR_APP,
                                             retry={"connect_timeout": "10s"}), name, user=user)
        sock = peer.accept()  # the keeper has tried the chain's older key
        app = connect(near, NEAR_APP)
        for _ in range(20):
            for one, other in ((app, sock), (sock, app)):
                one.sendall(b"recorded word")
                read_exactly(other, 13)
        same(keeper.status("link")["key"]["id"], 1, "the key of the handshake")
        # What an attacker on the way has recorded under key 1, before both ends went to key 2.
        def recorded():
            return [s for s in list(tap.segments) if s.source_port == PORT and s.signed_with(b"one") and not s.flags & SYN]
        wait_for(lambda: len(recorded()) >= 20, 20, "recorded segments")
        old = recorded()
        peer.change("two")
        sock.sendall(b"moved")
        app.settimeout(60)
        same(read_exactly(app, 5), b"moved", "after the move")
        wait_for(lambda: keeper.status("link")["key"]["id"] == 2, 30)
        wait_for(lambda: keeper.status("link")["key_confirmed"], 30)
        events = keeper.watch("link")

        with near:
            before = counters()["TCPMD5Failure"]
        # 1. Replays, among them acknowledgements whose number still is in the window of the idle link.
        bare = [s for s in list(tap.segments) if s.source_port == PORT and not s.data and s.signed_with(b"one")]
        with attacker:
            raw = socket.socket(socket.AF_INET6 if lab.family == 6 else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        for _ in range(15):
            for segment in old[-30:] + bare[-5:]:
                raw.sendto(as_recorded(segment), (near.ip, 0))
            time.sleep(0.1)
        # 2. Bytes at exactly the next number, signed with a key that the attacker has made up.
        flow = next(s.flow for s in reversed(tap.segments) if s.source_port == PORT)
        ends = [[s.next_seq for s in list(tap.segments) if s.flow == way and s.data][-1] for way in (flow, flow[2:] + flow[:2])]
        for _ in range(5):
            Segment(*flow, *ends, ACK | PSH, b"EVIL").send(attacker, b"made up")
        # 3. A flood of them.
        used, start = cpu(keeper), time.monotonic()
        forged = Segment(*flow, *ends, ACK | PSH, b"E" * 1000).packed(b"made up")
        while time.monotonic() - start < 4:
            for _ in range(100):
                raw.sendto(forged, (near.ip, 0))
            time.sleep(0.005)
        share = (cpu(keeper) - used) / (time.monotonic() - start)
        with near:
            dropped = counters()["TCPMD5Failure"] - before
        require(dropped > 5000, f"the attack was seen to arrive: {dropped} segments")
        print(f"{name}: {dropped} wrong segments, {share:.0%} of a CPU during the flood")
        require(share < 0.5, f"CPU during the flood: {share:.0%}")
        for one, other in ((app, sock), (sock, app)):
            one.sendall(b"still")
            other.settimeout(60)
            same(read_exactly(other, 5), b"still", "bytes after the attack")
        now = keeper.status("link")
        same((now["key"]["id"], now["established_count"], now["last_down"]), (2, 1, None), f"{name}: after the attack")
        same(events.find(event="key"), [], "key moves by the attack")

        # Control: the same old key, from the peer itself, and nobody keeps us from seeing it by a flood of SYNs.
        syn = [Segment(*flow, n << 24, 0, SYN).packed(b"made up") for n in range(200)]
        over = threading.Event()

        def flood():
            while not over.is_set():
                for packet in syn:
                    raw.sendto(packet, (near.ip, 0))
                time.sleep(0.02)
        flooding = threading.Thread(target=flood)
        flooding.start()
        peer.change("one")
        sock.sendall(b"back!")
        same(read_exactly(app, 5), b"back!", "after the peer itself has gone back")
        wait_for(lambda: keeper.status("link")["key"]["id"] == 1, 30)
        over.set()
        flooding.join()
        raw.close()
        keeper.stop()
        peer.close()

    attack(None)
    attack(NOBODY)
