"""A lab: hosts (network namespaces) on one LAN, below the one process that runs the test."""
import contextlib
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

__all__ = ["Lab", "wait_for", "holds_for", "require", "same", "capture"]

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def wait_for(condition, deadline=15, what="", every=0.02):
    """Calls `condition` until it returns something true, and returns that; fails with what it saw."""
    end = time.monotonic() + deadline
    while True:
        try:
            seen = condition()
        except (OSError, LookupError) as error:
            seen, failed = error, True
        else:
            failed = False
        if seen and not failed:
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what or condition}; last seen: {seen!r}")
        time.sleep(every)


def holds_for(condition, seconds, what=""):
    """The negative of wait_for: `condition` must stay true all the while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        require(condition(), f"{what or condition} did not last {seconds} s")
        time.sleep(0.05)


def require(condition, text):
    if not condition:
        raise AssertionError(text)


def same(got, expected, what):
    require(got == expected, f"{what}: got {got!r}, expected {expected!r}")


def capture(command, expect=0, **options):
    """Runs to the end; returns (stdout, stderr). `expect` is the exit status, or None for any."""
    options.setdefault("timeout", 60)
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if expect is not None and done.returncode != expect:
        raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}, expected {expect}\n"
                             f"{done.stdout}{done.stderr}")
    return done


class Host:
    """One namespace. `with host:` lets the calling thread open its sockets there."""

    def __init__(self, lab, name, number):
        self.lab, self.name, self.device = lab, name, "eth0"
        self.v4, self.v6 = f"10.0.0.{number}", f"fd00::{number}"
        self._outside = threading.local()
        capture(["ip", "netns", "add", name])
        port = f"port{number}"
        capture(["ip", "link", "add", port, "master", "lan", "up", "type", "veth", "peer", "name",
                 self.device, "netns", name])
        self.write_sysctl("net.ipv6.conf.all.keep_addr_on_down", 1)
        self.write_sysctl("net.ipv6.conf.eth0.accept_dad", 0)
        self.run("ip", "-batch", "-", input="link set lo up\n" f"link set {self.device} up\n"
                 f"addr add {self.v4}/24 dev {self.device}\n" f"addr add {self.v6}/64 dev {self.device} nodad\n")

    @property
    def ip(self):
        return self.v6 if self.lab.family == 6 else self.v4

    def at(self, port, ip=None):
        """The host's socket address as the configuration writes it."""
        ip = ip or self.ip
        return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"

    def add_address(self, ip):
        self.run("ip", "addr", "add", ip + ("/64" if ":" in ip else "/24"), "dev", self.device,
                 *(["nodad"] if ":" in ip else []))

    def remove_address(self, ip):
        self.run("ip", "addr", "del", ip + ("/64" if ":" in ip else "/24"), "dev", self.device)

    def write_sysctl(self, name, value):
        with self:
            pathlib.Path("/proc/sys", name.replace(".", "/")).write_text(str(value))

    def __enter__(self):
        left = self._outside.__dict__.setdefault("left", [])
        left.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
        with open(f"/run/netns/{self.name}") as inside:
            _enter(inside.fileno())
        return self

    def __exit__(self, *_):
        outside = self._outside.left.pop()
        _enter(outside)
        os.close(outside)

    def command(self, *words):
        return ["nsenter", f"--net=/run/netns/{self.name}", *map(str, words)]

    def run(self, *words, expect=0, **options):
        with self:  # what a thread starts is where the thread is
            return capture(words, expect, **options)

    def popen(self, *words, **options):
        """Ends with the lab at the latest."""
        with self:
            process = subprocess.Popen([str(word) for word in words], **options)
        self.lab.on_exit(lambda: _end(process))
        return process

    # Faults. `blackhole` drops silently, `refuse` answers by ICMP, `unplug` takes the carrier away.
    def nft(self, *rules):
        text = "add table inet lab\nadd chain inet lab out { type filter hook output priority 0; }\n" \
               "add chain inet lab in { type filter hook input priority 0; }\n" + "\n".join(rules) + "\n"
        self.run("nft", "-f", "-", input=text)

    def blackhole(self, ip):
        version = "ip6" if ":" in ip else "ip"
        self.nft(f"add rule inet lab out {version} daddr {ip} drop",
                 f"add rule inet lab in {version} saddr {ip} drop")

    def refuse(self, ip):
        version = "ip6" if ":" in ip else "ip"
        reason = "icmpv6 type port-unreachable" if ":" in ip else "icmp type port-unreachable"
        self.nft(f"add rule inet lab in {version} saddr {ip} meta l4proto tcp reject with {reason}")

    def heal(self):
        self.run("nft", "flush", "ruleset")

    def unplug(self):
        self.run("ip", "link", "set", self.device, "down")

    def plug(self):
        self.run("ip", "link", "set", self.device, "up")

    def sockets(self, *filters):
        """What `ss` says of TCP sockets: a list of {state, local, peer, inode}."""
        found = []
        for line in self.run("ss", "-Htnea", *filters).stdout.splitlines():
            if not line[:1].isspace():
                words = line.split()
                inode = re.search(r"\bino:(\d+)", line)
                found.append({"state": words[0], "local": words[3], "peer": words[4],
                              "inode": int(inode[1]) if inode else 0})
        return found


def _enter(fd):
    if _libc.setns(fd, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _end(process):
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()


class Lab:
    """Hosts named in order get 10.0.0.1, .2 … and fd00::1, ::2 … Unpacks into its hosts.

    `lab.family` is 4, or 6 when the test was started with the argument 6. Leaving the `with` block ends
    every process; when the test failed, the logs of its keepers are printed.
    """

    def __init__(self, *names):
        self.family = 6 if sys.argv[1:2] == ["6"] else 4
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="lab.", dir="/run"))
        self.dir.chmod(0o755)
        self.keepers = []
        self._exits = contextlib.ExitStack()
        pathlib.Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")
        capture(["ip", "link", "add", "lan", "up", "type", "bridge"])
        self.hosts = [Host(self, name, number) for number, name in enumerate(names, 1)]

    def __iter__(self):
        return iter(self.hosts)

    def on_exit(self, action):
        self._exits.callback(action)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        trouble = []
        for keeper in self.keepers:
            try:
                keeper.finish()
            except AssertionError as error:
                trouble.append(str(error))
        if kind is not None or trouble:
            for keeper in self.keepers:
                print(f"---- log of keeper {keeper.name}\n{keeper.log_text()[-6000:]}", file=sys.stderr)
        self._exits.close()
        if kind is None and trouble:
            raise AssertionError("\n".join(trouble))
