"""What is measured of key moves: how long a peer that changes its key on a live link is unheard, what the watch costs
beside a chain of one key, and what somebody costs who floods wrongly signed segments.

The peer is a small program in a namespace of its own, so that each end has counters of its own.
"""
import contextlib
import functools
import socket
import statistics
import struct
import threading
import time

from bench.processes import fine_cpu_seconds
from bench.relays import Keeper as Relay, toml
from kit import *
from kit.keys import Peer, keys, stamp
from kit.segments import ACK, PSH, Tap

RECORD, NOBODY = struct.Struct("=Qd"), 65534
RTO_OFFSET = 8  # tcpi_rto in struct tcp_info, us


@functools.cache
def hosts():
    """Namespaces for the keeper, its peer and an attacker; they end with the run."""
    return Lab("near", "far", "attacker").hosts


class Followed:
    """A keeper with a chain of two keys and a link to the peer. With CAP_NET_RAW it follows by capture, else by trial."""
    stands, pid = False, None

    def __init__(self, name, program, captures=True, count=2):
        self.name, self.program, self.user, self.count = name, program, None if captures else NOBODY, count

    def available(self):
        return self.program is not None

    def stop(self):
        pass

    def log(self):
        return ""

    @contextlib.contextmanager
    def link(self):
        """(the keeper, the peer, the peer's socket, the app's)"""
        near, far, _ = hosts()
        peer = Peer(far, near.ip, "one").listen(PORT)
        entries = [(1, "one"), (2, "two", stamp(600))][:self.count]
        text = keys(near.lab, *entries, owner=self.user or 0) + session(
            mode="active", peer=far.at(PORT), source=near.ip, link="persistent", app=NEAR_APP)
        keeper = Keeper(near, text, self.name, user=self.user, settings={"log_level": "warn"})
        try:
            with connect(near, NEAR_APP) as app:
                yield keeper, peer, peer.accept(), app
        finally:
            keeper.process.kill()
            keeper.wait_exit()
            peer.close()


class Flow:
    """Numbered records from one socket to another: none may be missing, and each knows when it was sent."""

    def __init__(self, source, target):
        self.source, self.target = source, target
        source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent, self.seen, self.wrong, self.over = 0, [], 0, threading.Event()
        threading.Thread(target=self._receive, daemon=True).start()

    def send(self):
        self.sent += 1
        self.source.sendall(RECORD.pack(self.sent, time.monotonic()))

    def keep_sending(self, pace):
        def work():
            while not self.over.wait(pace):
                self.send()
        self.worker = threading.Thread(target=work, daemon=True)
        self.worker.start()

    def _receive(self):
        self.target.settimeout(None)
        try:
            while True:
                number, at = RECORD.unpack(read_exactly(self.target, RECORD.size))
                self.wrong += number != len(self.seen) + 1
                self.seen.append((at, time.monotonic()))
        except (OSError, AssertionError):  # closed at the end
            pass

    def after(self, moment):
        """ms from then until the first record arrived that was sent later."""
        return wait_for(lambda: next(((there - moment) * 1000 for at, there in reversed(self._since(moment))), None), 60,
                        "a record after the change", every=0.005)

    def _since(self, moment):
        late = []
        for record in reversed(self.seen):
            if record[0] < moment:
                break
            late.append(record)
        return late

    def finish(self):
        """Bytes that were lost."""
        self.over.set()
        if hasattr(self, "worker"):
            self.worker.join()
        wait_for(lambda: len(self.seen) == self.sent, 60, f"all {self.sent} records; {len(self.seen)} are there")
        if self.wrong:
            raise RuntimeError(f"{self.wrong} records out of order")
        return (self.sent - len(self.seen)) * RECORD.size


def rto_ms(sock):
    return struct.unpack_from("=I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), RTO_OFFSET)[0] / 1000


def moved(target, busy, moves):
    """The peer changes its key so many times, there and back."""
    with target.link() as (keeper, peer, sock, app):
        up, down = Flow(sock, app), Flow(app, sock)
        for _ in range(3):  # over some looks of the keeper
            for flow in (up, down):
                flow.send()
            time.sleep(0.2)
        if busy:
            for flow in (up, down):
                flow.keep_sending(0.001)
        found = {"up_ms": [], "down_ms": [], "rto_ms": []}
        for turn in range(moves):
            time.sleep(0.7 + 0.037 * turn)  # at another place between two looks of the keeper each time
            rto = rto_ms(sock)
            moment = time.monotonic()
            peer.change(("two", "one")[turn % 2])
            if not busy:
                up.send()  # whoever changed its key speaks first
            found["up_ms"].append(up.after(moment))
            if not busy:
                moment = time.monotonic()
                down.send()
            found["down_ms"].append(down.after(moment))
            found["rto_ms"].append(rto)
            wait_for(lambda: keeper.status("link")["key_confirmed"], 30, "the key of the peer is confirmed")
        lost = up.finish() + down.finish()
        if keeper.status("link")["established_count"] != 1:
            raise RuntimeError("the link has ended")
        found["beyond_ms"] = [up - rto for up, rto in zip(found["up_ms"], found["rto_ms"])]
        return {name: statistics.median(values) for name, values in found.items()} | {"lost": lost}


def flooded(target, seconds):
    """CPU of the keeper while segments are forged that are in the window and signed with a key of nobody."""
    near, far, attacker = hosts()
    tap = Tap(far)
    with target.link() as (keeper, _, sock, app):
        for one, other in ((sock, app), (app, sock)):
            one.sendall(b"word")
            read_exactly(other, 4)
        forged = tap.forge(tap.flows_to(sock.getpeername()[1])[-1], ACK | PSH, b"E" * 1000).packed(b"made up")
        with attacker:
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        with near:
            before = counters()["TCPMD5Failure"]
        used, start = fine_cpu_seconds(keeper.pid), time.monotonic()
        while time.monotonic() - start < seconds:
            for _ in range(50):
                raw.sendto(forged, (near.ip, 0))
            time.sleep(0.002)
        took = time.monotonic() - start
        used = fine_cpu_seconds(keeper.pid) - used
        with near:
            dropped = counters()["TCPMD5Failure"] - before
        sock.sendall(b"last")
        app.settimeout(60)
        read_exactly(app, 4)
        if dropped < 1000 or keeper.status("link")["key"]["id"] != 1:
            raise RuntimeError(f"{dropped} forged segments arrived; {keeper.status('link')['key']}")
        return {"flood_per_s": dropped / took, "flood_cpu": 100 * used / took}


class Chained(Relay):
    """The keeper of the signed streams, with a chain of so many keys: of two, the watch is on and a capture rests."""

    def __init__(self, name, number, program, plugins, count):
        super().__init__(name, number, program, plugins, True)
        self.count, self.stands = count, True

    def command(self):
        words = super().command()
        config = self.dir / "toml"
        second = self.dir / "key2"
        second.touch(0o600)
        second.write_text("not.in.use.yet\n")
        if self.count == 2:
            config.write_text(config.read_text().replace("[[session]]", f"[[keychain.k.key]]\nid = 2\nsecret_file = {toml(second)}\n"
                                                         "start = 2099-01-01T00:00:00Z\n[[session]]", 1))
        return words


def works(program, plugins, quick, stream):
    """(name, targets, measure)"""
    followed = [Followed("keeper-capture", program), Followed("keeper-trial", program, captures=False)]
    moves = 2 if quick else 4
    yield "keys, idle link", followed, lambda t: moved(t, False, moves)
    yield "keys, data under way", followed, lambda t: moved(t, True, moves)
    yield "keys, signed stream", [Chained("keeper-one-key", 40, program, plugins, 1), Chained("keeper-two-keys", 41, program, plugins, 2)], stream
    yield "keys, flood", [Followed("keeper-one-key", program, count=1), *followed], lambda t: flooded(t, 1 if quick else 3)


def aims(results, share):
    """As report.aims."""
    for work in ("keys, idle link", "keys, data under way"):
        yield f"{work}: beyond one RTO, ms", results.median(work, "keeper-capture", "beyond_ms"), 20, False, "fixed"
        for target in ("keeper-capture", "keeper-trial"):
            yield f"{work}: bytes lost, {target}", results.median(work, target, "lost"), 0, False, "fixed"
    for figure, bound, larger in (("gb_per_s", 0.98, True), ("cpu_s_per_gb", 1.05, False)):
        yield (f"keys, signed stream: {figure} of one key's",
               results.against("keys, signed stream", figure, "keeper-two-keys", "keeper-one-key", share), bound, larger, "fixed")
    for target in ("keeper-capture", "keeper-trial"):
        yield f"keys, flood: CPU %, {target}", results.median("keys, flood", target, "flood_cpu"), 10, False, "fixed"
