"""What all BGP programs of the tests have in common: how they are started, asked, fed and ended.

A Speaker is one real program on a host of the lab, either as a router (its neighbours have a password) or as an app
(they have none). Everything it writes stands below `lab.dir/NAME`; it listens only where its sessions need it. All
questions about a session take `of`, the neighbour's address; left out, it is the first neighbour.
"""
import contextlib
import dataclasses
import ipaddress
import os
import pathlib
import shutil
import signal
import subprocess

from kit import *

__all__ = ["Neighbour", "Speaker", "family", "many", "prefixes"]


@dataclasses.dataclass
class Neighbour:
    """One session, as its own side sees it. What a program does not have, it refuses to be asked for."""
    address: str
    peer_as: int
    local: str                       # our own address
    password: str = ""               # none: an app's session
    passive: bool = False            # waits to be called
    port: int = 179                  # where the neighbour listens, and where we do
    families: tuple = ()             # "ipv4", "ipv6"; none: the one of the address
    hold_time: int = 9
    graceful_restart: int = 0        # restart time in seconds; 0 is off
    add_path: str = ""               # "receive", "send", "both"
    role: str = ""                   # RFC 9234, our own: provider, customer, peer, rs-server, rs-client
    gtsm: bool = False               # RFC 5082
    route_refresh: bool = True       # RFC 2918, and 7313 where the program has it
    next_hop: str = ""               # what is announced; none: the program's own choice
    options: str = ""                # more lines for this session, in the program's own language

    def __post_init__(self):
        self.families = self.families or (family(self.address),)

    @property
    def loopback(self):
        return ipaddress.ip_address(self.address).is_loopback


def family(text):
    """"ipv4" or "ipv6", of an address or a prefix."""
    return "ipv6" if ":" in text else "ipv4"


def many(count, start="20.0.0.0/24"):
    """`count` prefixes, one after the other."""
    first = ipaddress.ip_network(start)
    step, base = 1 << (first.max_prefixlen - first.prefixlen), int(first.network_address)
    make = type(first.network_address)
    return [f"{make(base + n * step)}/{first.prefixlen}" for n in range(count)]


def prefixes(words):
    """Those of the words that are prefixes."""
    found = set()
    for word in words:
        if "/" in word and word[0] in "0123456789abcdef:":
            with contextlib.suppress(ValueError):
                found.add(str(ipaddress.ip_network(word)))
    return found


class Speaker:
    """The common part. A subclass owns one program: `write`, `command`, `ready`, and the questions below."""

    can = frozenset()                # of add_path, role, gtsm, graceful_restart, no_refresh
    keyed_listener = True            # takes calls that are signed
    asks_refresh = True              # has a command that sends a ROUTE-REFRESH
    answers_refresh = True           # sends its routes again when it gets one
    orderly = signal.SIGTERM

    def __init__(self, host, name, local_as, neighbours, routes=(), router_id=None, config=None, arguments=(),
                 start=True):
        """`config`: a file to run as it stands, instead of one made of `local_as`, `neighbours` and `routes`; then
        `neighbours` may be mere addresses. `arguments`: more words for the program. `routes` are announced from the
        start, see announce()."""
        self.host, self.name, self.local_as, self.router_id = host, name, local_as, router_id or host.v4
        self.neighbours = [n for n in neighbours if isinstance(n, Neighbour)]
        self.addresses = [getattr(n, "address", n) for n in neighbours]
        self.arguments = list(arguments)
        self.announced, self.given = dict.fromkeys(routes), config and pathlib.Path(config).read_text()
        self.dir = pathlib.Path(host.lab.dir, name)
        self.dir.mkdir()
        self.log, self.process, self.starts = self.dir / "log", None, 0
        for neighbour in self.neighbours:
            self._refuse_what_is_missing(neighbour)
        if start:
            self.start()

    def _refuse_what_is_missing(self, neighbour):
        for what in ("add_path", "role", "gtsm", "graceful_restart"):
            require(what in self.can or not getattr(neighbour, what), f"{type(self).__name__} has no {what}")
        require("no_refresh" in self.can or neighbour.route_refresh, f"{type(self).__name__} always offers route refresh")

    # Life.
    def start(self):
        """Writes the configuration anew, so that `neighbours` may be changed between stop() and start()."""
        require(not self.alive, f"{self.name} runs already")
        self.starts += 1
        self.write()
        with open(self.log, "ab") as log:
            self.process = self.host.popen(*self.command(), *self.arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           cwd=self.dir)
        try:
            wait_for(lambda: self.ready() or not self.alive, 30, f"{self.name} answers", every=0.05)
            require(self.alive, f"{self.name} ended by itself")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()[-3000:]}") from None
        return self

    def stop(self, deadline=20):
        """The program's own orderly end: what an administrator's `systemctl stop` does."""
        self.process.send_signal(self.orderly)
        self.process.wait(deadline)

    def kill(self):
        """SIGKILL to the program and all its processes at once: nobody has time for a farewell."""
        everybody = self._family(self.process.pid)
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in everybody:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        self.process.wait()

    def restart(self):
        self.stop()
        return self.start()

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def _family(self, pid):
        found = [pid]
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += self._family(int(child))
        return found

    # Questions.
    def state(self, of=None):
        """"Established", or what the program calls it otherwise; "" when it does not answer."""
        raise NotImplementedError

    def stamp(self, of):
        """What changes with each establishment, as long as the program runs."""
        raise NotImplementedError

    def routes(self, of=None):
        """The prefixes that this neighbour has announced and not withdrawn."""
        raise NotImplementedError

    def count(self, of=None):
        """How many routes() has, without listing them where the program can."""
        return len(self.routes(of))

    def last_error(self, of=None):
        """What the program says of the latest end of the session."""
        raise NotImplementedError

    def details(self, of=None):
        """Everything the program says of the session, capabilities included, as text."""
        raise NotImplementedError

    def refresh(self, of=None):
        """Asks the neighbour for all its routes again (RFC 2918)."""
        raise NotImplementedError

    def established_since(self, of=None):
        """Equal to an earlier answer if and only if the session did not flap in between; None when it is down."""
        where = of or self.addresses[0]
        return (self.starts, self.stamp(where)) if self.alive and self.state(where) == "Established" else None

    def established(self, deadline=40, of=None):
        """Waits until that session is up, or all of them, and returns established_since()."""
        wanted = [of] if of else self.addresses
        for address in wanted:
            try:
                wait_for(lambda: self.state(address) == "Established", deadline, f"{self.name}: {address}", every=0.1)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{self.said()[-3000:]}") from None
        return self.established_since(wanted[0])

    def not_established(self, deadline=30, of=None):
        wait_for(lambda: self.state(of) != "Established", deadline, f"{self.name}: down", every=0.05)

    def has(self, *routes, of=None, deadline=20):
        wait_for(lambda: set(routes) <= self.routes(of), deadline, f"{self.name} has {routes}", every=0.1)

    def lacks(self, *routes, of=None, deadline=20):
        wait_for(lambda: not set(routes) & self.routes(of), deadline, f"{self.name} lacks {routes}", every=0.1)

    def has_count(self, count, of=None, deadline=60):
        wait_for(lambda: self.count(of) == count, deadline, f"{self.name} has {count} routes", every=0.2)

    def said(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    # Keys.
    def set_password(self, password):
        """Another one for all neighbours of the running program, as its operators do it: it ends its sessions itself."""
        for neighbour in self.neighbours:
            neighbour.password = password
        self.new_passwords()

    def new_passwords(self):
        raise NotImplementedError

    # Announcements, to all neighbours; they are kept over a restart.
    def announce(self, routes):
        self.announced.update(dict.fromkeys(routes))
        if self.alive:
            self.change(list(routes), [])

    def withdraw(self, routes):
        for route in routes:
            self.announced.pop(route)
        if self.alive:
            self.change([], list(routes))

    def change(self, more, fewer):
        """Both lists, at run time; `announced` is already what shall be."""
        raise NotImplementedError

    # For subclasses.
    def neighbour(self, of):
        return next(n for n in self.neighbours if n.address == (of or self.addresses[0]))

    def put(self, name, text):
        """A file of the program's own, which nobody else may read: it may hold passwords."""
        path = self.dir / name
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        return path

    def ask(self, *words, **options):
        """The output of a command on the host; "" when it failed."""
        answer = self.host.run(*words, expect=None, **{"timeout": 120, **options})
        return answer.stdout if answer.returncode == 0 else ""

    @staticmethod
    def program(name, *places):
        return shutil.which(name, path=":".join([*places, "/usr/sbin", "/usr/bin", os.environ.get("PATH", "")])) or name
