"""A wire between two hosts that delays, loses, repeats and damages: two TUN devices and a thread.

Loss and delay by the kernel (netem) are not to be had everywhere; this needs /dev/net/tun alone.
"""
import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 1, 0x1000


class Wire(threading.Thread):
    """Joins the hosts by the device wire0. delay and jitter in seconds, the others are shares of packets."""

    def __init__(self, a, b, a_ip, b_ip, **faults):
        super().__init__(daemon=True)
        self.delay = self.jitter = self.loss = self.repeat = self.damage = 0.0
        self.lost, self._random = 0, random.Random(1)
        self._ends = [self._tun(host, ip) for host, ip in ((a, a_ip), (b, b_ip))]
        self.__dict__.update(faults)
        self.start()

    @staticmethod
    def _tun(host, ip):
        with host:
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", b"wire0", _IFF_TUN | _IFF_NO_PI))
        host.run("ip", "addr", "add", ip + ("/64" if ":" in ip else "/24"), "dev", "wire0",
                 *(["nodad"] if ":" in ip else []))
        host.run("ip", "link", "set", "wire0", "up")
        return fd

    def run(self):
        waiting, number = [], 0
        while True:
            patience = max(0, waiting[0][0] - time.monotonic()) if waiting else 1
            for fd in select.select(self._ends, [], [], patience)[0]:
                to = self._ends[1 - self._ends.index(fd)]
                for packet in self._packets(fd):
                    number += 1
                    due = time.monotonic() + self.delay + self._random.random() * self.jitter
                    heapq.heappush(waiting, (due, number, to, packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, to, packet = heapq.heappop(waiting)
                try:
                    os.write(to, packet)
                except OSError:
                    self.lost += 1

    def _packets(self, fd):
        for _ in range(64):
            try:
                packet = os.read(fd, 1 << 16)
            except BlockingIOError:
                return
            if self._random.random() < self.loss:
                self.lost += 1
                continue
            if self._random.random() < self.damage:
                damaged = bytearray(packet)
                damaged[self._random.randrange(20, len(damaged))] ^= 1
                packet = bytes(damaged)
            yield packet
            if self._random.random() < self.repeat:
                yield packet
