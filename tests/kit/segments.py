"""A forger's tools: TCP segments made by hand (RFC 9293, signed as RFC 2385 has it), and a tap on a host's wire.

Not part of `from kit import *`: only tests that forge or look at the wire need it.
"""
import errno
import hashlib
import ipaddress
import socket
import struct
import threading
from dataclasses import dataclass

from .lab import wait_for

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MD5_OPTION = 19
SOL_PACKET, PACKET_STATISTICS = 263, 6  # <linux/if_packet.h>


def _sum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def _pseudo(source, target, length):
    if len(source) == 4:
        return source + target + struct.pack("!BBH", 0, socket.IPPROTO_TCP, length)
    return source + target + struct.pack("!II", length, socket.IPPROTO_TCP)


def signature(source, target, header, data, length, key):
    """RFC 2385: pseudo-header, header without options and with checksum zero, data, key."""
    bare = header[:16] + b"\0\0" + header[18:20]
    return hashlib.md5(_pseudo(source, target, length) + bare + data + key).digest()


@dataclass
class Segment:
    source: str
    source_port: int
    target: str
    target_port: int
    seq: int = 0
    ack: int = 0
    flags: int = ACK
    data: bytes = b""
    options: bytes = b""
    ttl: int = 64
    raw: bytes = b""       # as it was on the wire; empty for one of ours

    @property
    def flow(self):
        return self.source, self.source_port, self.target, self.target_port

    @property
    def next_seq(self):
        return (self.seq + len(self.data) + (1 if self.flags & (SYN | FIN) else 0)) & 0xFFFFFFFF

    def packed(self, key=None):
        """The IP packet, signed with `key` when there is one."""
        source, target = (ipaddress.ip_address(a).packed for a in (self.source, self.target))
        options = self.options + (b"\1\1\x13\x12" + bytes(16) if key is not None else b"")
        options += b"\1" * (-len(options) % 4)
        length = 20 + len(options) + len(self.data)
        header = struct.pack("!HHIIBBHHH", self.source_port, self.target_port, self.seq & 0xFFFFFFFF,
                             self.ack & 0xFFFFFFFF, (20 + len(options)) << 2, self.flags, 512, 0, 0)
        if key is not None:
            options = options[:-16] + signature(source, target, header, self.data, length, key)
        body = header + options + self.data
        check = _sum(_pseudo(source, target, length) + body)
        body = body[:16] + struct.pack("!H", check) + body[18:]
        if len(source) == 4:
            return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0, self.ttl, socket.IPPROTO_TCP, 0,
                               source, target) + body
        return struct.pack("!IHBB16s16s", 6 << 28, length, socket.IPPROTO_TCP, self.ttl, source, target) + body

    def send(self, host, key=None):
        """Puts it on the wire of `host`, which may be anybody: the source address is simply claimed."""
        family = socket.AF_INET6 if ":" in self.source else socket.AF_INET
        with host, socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            raw.sendto(self.packed(key), (self.target, 0))

    def option(self, kind):
        at = 0
        while at < len(self.options) and self.options[at]:
            if self.options[at] == 1:
                at += 1
                continue
            length = max(self.options[at + 1], 2)
            if self.options[at] == kind:
                return self.options[at + 2:at + length]
            at += length
        return None

    def signed_with(self, key):
        ends = [ipaddress.ip_address(a).packed for a in (self.source, self.target)]
        return self.option(MD5_OPTION) == signature(*ends, self.raw, self.data, len(self.raw), key)


def parse(packet):
    """The TCP segment in an IP packet, or None."""
    if packet[0] >> 4 == 4:
        start, total, protocol, ttl = (packet[0] & 15) * 4, struct.unpack_from("!H", packet, 2)[0], packet[9], packet[8]
        source, target = socket.inet_ntop(socket.AF_INET, packet[12:16]), socket.inet_ntop(socket.AF_INET, packet[16:20])
    else:
        start, total, protocol, ttl = 40, 40 + struct.unpack_from("!H", packet, 4)[0], packet[6], packet[7]
        source, target = socket.inet_ntop(socket.AF_INET6, packet[8:24]), socket.inet_ntop(socket.AF_INET6, packet[24:40])
    if protocol != socket.IPPROTO_TCP:
        return None
    body = packet[start:total]
    source_port, target_port, seq, ack, offset, flags = struct.unpack_from("!HHIIBB", body)
    offset = (offset >> 4) * 4
    return Segment(source, source_port, target, target_port, seq, ack, flags, body[offset:], body[20:offset], ttl, body)


class Tap:
    """Every TCP segment that passes a host's wire, and where each flow stands."""

    def __init__(self, host):
        self.segments, self.last = [], {}
        self._passed = self._looked_at = 0
        with host:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
            self._socket.bind((host.device, 3))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            try:
                packet, (_, protocol, *_) = self._socket.recvfrom(1 << 17)
            except OSError as error:
                if error.errno == errno.ENETDOWN:  # said once when the host is unplugged
                    continue
                raise
            segment = parse(packet) if protocol in (0x0800, 0x86DD) else None
            if segment:
                self.segments.append(segment)
                self.last[segment.flow] = segment
            self._looked_at += 1

    def _caught_up(self):
        """Whether all that has passed until now was looked at: on a busy machine the reader may be behind."""
        passed, dropped = struct.unpack("II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self._passed += passed - dropped
        return self._looked_at >= self._passed

    def forge(self, flow, flags, data=b"", deadline=5):
        """A segment with exactly the numbers that the flow's target would take next."""
        back = flow[2:] + flow[:2]

        def quiet():
            if not self._caught_up():
                return False
            here, there = self.last.get(flow), self.last.get(back)
            return here and there and here.ack == there.next_seq and there.ack == here.next_seq
        wait_for(quiet, deadline, f"all of {flow} acknowledged on the tap")
        return Segment(*flow, self.last[flow].next_seq, self.last[back].next_seq, flags, data)

    def strike(self, flow, flags, data=b"", key=None, by=None):
        """Forges such a segment on the wire of the host `by`, and returns when it has come by here."""
        segment = self.forge(flow, flags, data)

        def seen():
            return sum((s.flow, s.seq, s.flags, s.data, s.option(MD5_OPTION) is None) ==
                       (flow, segment.seq, flags, data, key is None) for s in list(self.segments))
        before = seen()
        segment.send(by, key)
        wait_for(lambda: seen() > before, 10, "the forged segment on the wire")

    def flows_to(self, port):
        """Flows towards this port, the newest last."""
        wait_for(self._caught_up, 10, "the tap is up to date")
        return list(dict.fromkeys(s.flow for s in list(self.segments) if s.target_port == port))
