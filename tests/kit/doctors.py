"""What the tests of `peerhold doctor` share: chains of several keys, a keeper that may not look at the wire, knocking peers."""
import json
import pathlib
import socket
import threading
import time

from .apps import connect, keyed
from .config import toml
from .keeper import Keeper
from .lab import require, same, wait_for

# Their order in the chain is their id.
FIRST, SECOND, OUTSIDE = "the.first.key", "the.second.key", "a.key.of.nobody"


def two_keys(lab, name="k"):
    """A chain of two keys, always valid; the first is the one in use."""
    text = f'[keychain.{name}]\nrollover = "manual"\n'
    for number, secret in enumerate((FIRST, SECOND), 1):
        path = pathlib.Path(lab.dir, f"{name}.{number}.key")
        path.write_text(secret + "\n")
        path.chmod(0o600)
        start = "" if number == 1 else "start = 2020-01-01T00:00:00Z\n"
        text += f'[[keychain.{name}.key]]\nid = {number}\nsecret_file = {toml(path)}\n{start}'
    return text


class Blind(Keeper):
    """A keeper without CAP_NET_RAW."""

    def command(self):
        words = super().command()
        return words[:2] + ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"] + words[2:]


class Doctor:
    """One answer of `doctor --json`, and what of it each test asks."""

    def __init__(self, keeper, name=None, expect=None):
        words = ["doctor", "--json"] + ([name] if name else [])
        done = keeper.cli(*words, expect=expect, timeout=60)
        self.exit, self.answer = done.returncode, json.loads(done.stdout)
        self.sessions = {s["name"]: s["findings"] for s in self.answer["sessions"]}

    def codes(self, name):
        return [f["code"] for f in self.sessions[name]]

    def text(self, name):
        return " / ".join(line for f in self.sessions[name] for line in f["lines"])


def says(keeper, name, code, *words, deadline=40):
    """Asks until the first finding is this one: what is on the wire comes when the peer wants it."""
    seen = []

    def first():
        doctor = Doctor(keeper, name)
        seen[:] = [doctor.sessions[name]]
        return doctor if doctor.codes(name)[:1] == [code] else None
    try:
        doctor = wait_for(first, deadline, f"{name}: {code}")
    except AssertionError:
        raise AssertionError(f"{name}: expected {code}, the doctor says {seen}") from None
    text = doctor.text(name)
    print(f"{name}: {text}")
    same(doctor.exit, 5, f"exit for {name}")
    for word in words:
        require(word in text, f"{name}: {word!r} is not in: {text}")
    for secret in (FIRST, SECOND, OUTSIDE):
        require(secret not in text, "a secret is shown")
    return text


class knocking(threading.Thread):
    """A peer that dials again and again, as routers do."""

    def __init__(self, host, where, key=None, source=None, prepare=None):
        super().__init__(daemon=True)
        self.host, self.where, self.key, self.source, self.prepare = host, where, key, source, prepare
        self.accepted, self.over = 0, False
        self.start()

    def run(self):
        there = self.where.rsplit(":", 1)[0].strip("[]")

        def ready(sock):
            if self.key:
                keyed(there, self.key)(sock)
            if self.prepare:
                self.prepare(sock)
        while not self.over:
            try:
                connect(self.host, self.where, 1.5, self.source or self.host.ip, ready).close()
                self.accepted += 1
            except OSError:
                pass
            time.sleep(0.2)

    def stop(self):
        self.over = True


def ttl(value):
    """For `prepare`: what a socket sends begins with this TTL."""
    def set_it(sock):
        v6 = sock.family == socket.AF_INET6
        sock.setsockopt(socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP,
                        socket.IPV6_UNICAST_HOPS if v6 else socket.IP_TTL, value)
    return set_it
