"""What stands between client and server: nothing, the keeper, or another relay on the same work."""
import os
import re
import socket
import struct
import subprocess
import time

from bench.program import Program
from kit.config import SECRET, toml

PLAIN, SIGNED, ANY_SIGNED = "127.0.0.4:901", "127.0.0.4:902", 903  # where the servers of `load` are
CLIENTS = 5000  # more than any work opens


def where(at):
    address, port = at.split(":")
    return address, int(port)


def wait_for(condition, what, deadline=20, every=0.001):
    end = time.monotonic() + deadline
    while True:
        seen = condition()
        if seen:
            return seen
        if time.monotonic() > end:
            raise TimeoutError(f"not within {deadline} s: {what}")
        time.sleep(every)


def connects(at):
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(where(at)) == 0


class Direct:
    """No relay: what every relay is measured against."""
    pid, stands = None, False

    def __init__(self, name, signed=False):
        self.name, self.at, self.key = name, SIGNED if signed else PLAIN, SECRET if signed else None

    def available(self):
        return True

    def start(self):
        return self

    def stop(self):
        pass

    def log(self):
        return ""


class Relay(Program):
    """A relay that runs: clients reach it at `at`, unsigned; it reaches the server, signed or not."""
    key = None
    stands = False  # runs all the time; else each work starts and stops it

    def __init__(self, name, number, signed=False):
        super().__init__(name)
        self.at, self.signed = f"127.0.2.{number}:7000", signed
        self.server = SIGNED if signed else PLAIN
        self.accepts_ms = self.ready_ms = None

    def start(self):
        begin = time.monotonic()
        self.spawn(self.command(), self.environment())
        try:
            wait_for(lambda: connects(self.at) or self.ended, f"{self.name} accepts", every=0.0002)
            self.accepts_ms = (time.monotonic() - begin) * 1000
            if self.ended:
                raise RuntimeError(f"{self.name} ended: {self.log()}")
        except BaseException:
            self.stop()
            raise
        return self

    def environment(self):
        return None


class Haproxy(Relay):
    """One thread. With `splice` it is told to use splice(2) both ways whenever it can."""
    program = "haproxy"

    def __init__(self, name, number, splice):
        super().__init__(name, number)
        self.splice = splice

    def command(self):
        options = "option splice-request\n option splice-response" if self.splice else "no option splice-auto"
        (self.dir / "cfg").write_text(
            f"global\n nbthread 1\n maxconn {CLIENTS}\n"
            f"defaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n timeout server 1h\n {options}\n"
            f"listen relay\n bind {self.at}\n server far {self.server}\n")
        return [self.program, "-db", "-f", self.dir / "cfg"]


class Socat(Relay):
    """A process for each connection. TCP-MD5 by writing the kernel's struct tcp_md5sig out in hexadecimal."""
    program = "socat"

    def command(self):
        address, port = where(self.at)
        far = f"TCP4:{self.server},nodelay"
        if self.signed:
            peer = struct.pack("=H2x4s", socket.AF_INET, socket.inet_aton(where(self.server)[0])).ljust(128, b"\0")
            key = SECRET.encode()
            far += f",setsockopt-listen=6:14:x{(peer + struct.pack('=BBHi80s', 0, 0, len(key), 0, key)).hex()}"
        return [self.program, "-b", 65536, "-t", 10,
                f"TCP4-LISTEN:{port},bind={address},fork,reuseaddr,nodelay,backlog=1024", far]


class Keeper(Relay):
    """The program under test: one session of the plugin raw, or `sessions` persistent ones."""

    def __init__(self, name, number, program, plugins, signed=False, sessions=0):
        super().__init__(name, number, signed)
        self.program, self.plugins, self.sessions = program, plugins, sessions

    def available(self):
        return self.program is not None

    def session(self, number=0):
        options = {"name": f"s{number}", "plugin": "raw", "mode": "active",
                   "keychain": "k" if self.signed else "none", "peer": self.server, "link": "per-client", "app": self.at}
        if self.sessions:
            high, low = divmod(number, 250)
            options |= {"link": "persistent", "peer": f"127.1.{high}.{low + 1}:{ANY_SIGNED}"}
            if number:
                options["app"] = f"127.3.{high}.{low + 1}:7000"
        lines = "".join(f"{key} = {toml(value)}\n" for key, value in options.items())
        extra = "" if self.sessions else f"[session.raw]\nmax_clients = {CLIENTS}\n"
        return f"[[session]]\n{lines}{extra}"

    def command(self):
        secret = self.dir / "key"
        secret.touch(0o600)
        secret.write_text(SECRET + "\n")
        chain = f"[[keychain.k.key]]\nid = 1\nsecret_file = {toml(secret)}\n" if self.signed else ""
        (self.dir / "toml").write_text(
            f'[keeper]\ncontrol = {toml(self.dir / "control")}\nlog_level = "warn"\n{chain}'
            + "".join(self.session(number) for number in range(max(1, self.sessions))))
        return [self.program, "run", "-c", self.dir / "toml", *self.words()]

    def words(self):
        return [word for directory in self.plugins for word in ("--plugin-dir", directory)]

    def environment(self):
        # Where memory is measured nobody asks for notes: libsystemd would be loaded for them.
        return dict(os.environ) if self.sessions else {**os.environ, "NOTIFY_SOCKET": str(self.dir / "notify")}

    def start(self):
        """Notes when the keeper said that it is ready, if it was built to say so."""
        (self.dir / "notify").unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(self.dir / "notify"))
            notify.settimeout(1)
            begin = time.monotonic()
            super().start()
            try:
                while b"READY=1" not in notify.recv(4096):
                    pass
                self.ready_ms = (time.monotonic() - begin) * 1000
            except TimeoutError:
                pass
        return self

    def established(self):
        done = subprocess.run([self.program, "--control", self.dir / "control", "status", "--json"],
                              capture_output=True, text=True, check=False)
        return done.returncode == 0 and len(re.findall(r'"state": *"established"', done.stdout)) == self.sessions
