"""Key chains, and a far end that changes its key on a live socket at any moment.

Not part of `from kit import *`: only tests about keys need it.
"""
import contextlib
import os
import pathlib
import socket
import struct
import threading
import time

from .apps import address, listen
from .config import toml
from .lab import require, wait_for
from .md5 import set_key

__all__ = ["keys", "stamp", "Peer", "Stream", "TestClock"]


def stamp(seconds):
    """A TOML time so many seconds from now."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def keys(lab, *entries, name="k", owner=0, **options):
    """A chain: each entry is (id, secret) or (id, secret, start) or (id, secret, start, end), times as TOML has them."""
    if owner:  # a keeper of that user makes its control socket there
        lab.dir.chmod(0o1777)
    lines = [f"[keychain.{name}]"] + [f"{key} = {toml(value)}" for key, value in options.items()]
    for number, secret, *times in entries:
        path = pathlib.Path(lab.dir, f"{name}.{number}.key")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secret + "\n")
        os.chown(path, owner, owner)
        lines += [f"[[keychain.{name}.key]]", f"id = {number}", f"secret_file = {toml(path)}"]
        lines += [f"{word} = {at}" for word, at in zip(("start", "end"), times) if at]
    return "\n".join(lines) + "\n"


class Stream:
    """Both directions of a socket at once: bytes by their place are sent, and what comes is checked by its place."""
    PERIOD = bytes(i * 7 % 251 for i in range(251)) * 261  # whole periods

    def __init__(self, sock, pace=None, size=None):
        self.sock, self.pace, self.size = sock, pace, size or (64 if pace else 32768)
        self.sent = self.got = 0
        self.wrong, self.ended = None, None
        self.last_got = time.monotonic()
        self.longest_gap, self.stopped = 0.0, threading.Event()
        sock.settimeout(None)
        for work in (self._send, self._receive):
            threading.Thread(target=work, daemon=True).start()

    def _send(self):
        with contextlib.suppress(OSError):
            while not self.stopped.is_set():
                start = self.sent % 251
                self.sent += self.sock.send(self.PERIOD[start:start + self.size])
                if self.pace:
                    time.sleep(self.pace)

    def _receive(self):
        try:
            while data := self.sock.recv(65536 - 512):
                start = self.got % 251
                if data != self.PERIOD[start:start + len(data)]:
                    self.wrong = f"other bytes after {self.got}"
                self.got += len(data)
                now = time.monotonic()
                self.longest_gap = max(self.longest_gap, now - self.last_got)
                self.last_got = now
            self.ended = "end of stream"
        except OSError as error:
            self.ended = repr(error)

    def stop(self):
        """The sender ends; the socket is its owner's to close."""
        self.stopped.set()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def check(self):
        require(not self.wrong and not self.ended, f"stream: {self.wrong or self.ended} after {self.got} bytes")
        return True

    def flows(self, deadline=30):
        """More has come than had when this was asked."""
        before = self.got
        wait_for(lambda: self.check() and self.got > before, deadline, f"bytes after {before}")


class Peer:
    """A far end that signs: dials or listens, and changes its key on live sockets whenever it is told."""

    def __init__(self, host, them, secret):
        self.host, self.them, self.secret = host, them, secret
        self.listener, self.socks = None, []

    def listen(self, port, ip=None):
        self.listener = listen(self.host, self.host.at(port, ip), lambda s: set_key(s, self.them, self.secret.encode()))
        self.listener.settimeout(30)
        return self

    def accept(self):
        sock, _ = self.listener.accept()
        set_key(sock, self.them, self.secret.encode())
        self.socks.append(sock)
        return sock

    def dial(self, port, deadline=30):
        family, there = address(f"[{self.them}]:{port}" if ":" in self.them else f"{self.them}:{port}")
        with self.host:
            sock = socket.socket(family, socket.SOCK_STREAM)
        set_key(sock, self.them, self.secret.encode())
        sock.bind((self.host.v6 if ":" in self.them else self.host.v4, 0))
        sock.settimeout(deadline)
        sock.connect(there)
        self.socks.append(sock)
        return sock

    def close(self):
        for sock in [self.listener, *self.socks]:
            if sock is not None:
                sock.close()
        self.listener, self.socks = None, []

    def change(self, secret):
        """On the listener and on every live socket, as a router does that knows how to."""
        self.secret = secret
        for sock in [self.listener, *self.socks]:
            if sock is not None and sock.fileno() >= 0:
                set_key(sock, self.them, secret.encode())


class TestClock:
    """The clocks of one keeper (tests/kit/clock.c): the wall clock is set by a test, right at first and synchronised."""
    __test__ = False

    def __init__(self, lab, name="clock", offset=0.0, synchronised=True):
        self.path = pathlib.Path(lab.dir, name)
        self.set(offset, synchronised)
        library = os.environ.get("TEST_CLOCK_LIBRARY", "")
        require(library, "TEST_CLOCK_LIBRARY names the preloaded clock")
        self.env = {"TEST_CLOCK": str(self.path), "LD_PRELOAD": library,
                    "ASAN_OPTIONS": "quarantine_size_mb=1:verify_asan_link_order=0"}

    def set(self, offset, synchronised=True, passed=0):
        """`passed`: seconds that the keeper finds to have gone by since it started; never less than before."""
        new = self.path.with_suffix(".new")
        new.write_text(f"{offset} {int(synchronised)} {passed}\n")
        new.rename(self.path)
