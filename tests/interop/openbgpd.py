"""OpenBGPD 7.7, portable: router or app.

Has add-path, roles, GTSM, graceful restart as a helper only; no extended messages. Offers route refresh and its enhanced
form and asks by them, but answers with no route: to the enhanced one comes a BoRR, and no EoRR after it.
After a NOTIFICATION or an error it stays Idle for 30 s, then for 60 s, and so on.
On Linux it keys its calls but not its listener: with a password it can only dial, and the neighbour must listen.
"""
import json
import pathlib
import re

from interop.speaker import Speaker, family, prefixes
from kit import *

ROLES = {"rs-server": "rs"}


class OpenBgpd(Speaker):
    can = frozenset({"add_path", "role", "gtsm", "graceful_restart", "no_refresh"})
    keyed_listener = False
    answers_refresh = False

    def write(self):
        # Its own socket stands first: the file of the test may not name one.
        self.put("bgpd.conf", f'socket "{self._socket}"\n' + self._networks() + (self.given or self._made()))
        pathlib.Path("/run/openbgpd").mkdir(mode=0o755, exist_ok=True)  # where it locks itself in; nothing is written there

    @property
    def _socket(self):
        return self.dir / "ctl"

    def _networks(self):
        return "".join(f"network {route}\n" for route in self.announced)

    def _made(self):
        listen = "".join(f"listen on {local} port {port}\n" for local, port in
                         sorted({(n.local, n.port) for n in self.neighbours}))
        return (f"AS {self.local_as}\nrouter-id {self.router_id}\nfib-update no\nconnect-retry 2\n{listen}"
                + "".join(map(self._session, self.neighbours)) + "allow from any\nallow to any\n")

    @staticmethod
    def _session(n):
        lines = [f"remote-as {n.peer_as}", f"local-address {n.local}", f"port {n.port}", f"holdtime {n.hold_time}",
                 f"announce restart {'yes' if n.graceful_restart else 'no'}",
                 f"announce refresh {'yes' if n.route_refresh else 'no'}",
                 f"announce enhanced refresh {'yes' if n.route_refresh else 'no'}"]
        lines += [f"announce {kind} {'unicast' if kind.lower() in n.families else 'none'}" for kind in ("IPv4", "IPv6")]
        lines += [f'tcp md5sig password "{n.password}"'] if n.password else []
        lines += ["passive"] if n.passive else []
        lines += ["multihop 2"] if n.loopback else []
        lines += ["ttl-security yes"] if n.gtsm else []
        lines += [f"announce policy {ROLES.get(n.role, n.role)}"] if n.role else []
        lines += ["announce add-path recv yes"] if n.add_path in ("receive", "both") else []
        lines += ["announce add-path send all"] if n.add_path in ("send", "both") else []
        lines += [f"set nexthop {n.next_hop}"] if n.next_hop else []
        return f"neighbor {n.address} {{\n  " + "\n  ".join(lines) + f"\n  {n.options}\n}}\n"

    def command(self):
        return [self.program("bgpd", "/usr/sbin"), "-d", "-v", "-f", self.dir / "bgpd.conf"]

    def ready(self):
        return self.bgpctl("show", "summary") != ""

    def bgpctl(self, *words, **options):
        return self.ask(self.program("bgpctl"), "-s", self._socket, *words, **options)

    def _neighbor(self, of):
        text = self.bgpctl("-j", "show", "neighbor", of or self.addresses[0])
        return json.loads(text)["neighbors"][0] if text.startswith("{") else {}

    def details(self, of=None):
        return self.bgpctl("show", "neighbor", of or self.addresses[0])

    def state(self, of=None):
        return self._neighbor(of).get("state", "")

    def _changes(self, of):
        return re.findall(rf"neighbor {re.escape(of)}\b.*: (state change .*)", self.said())

    def stamp(self, of):
        # It counts seconds only; the log has one line for each change.
        return sum("-> Established" in line for line in self._changes(of))

    def routes(self, of=None):
        text = self.bgpctl("-j", "show", "rib", "in", "neighbor", of or self.addresses[0])
        return prefixes(route["prefix"] for route in json.loads(text).get("rib", [])) if text.startswith("{") else set()

    def count(self, of=None):
        return self._neighbor(of).get("stats", {}).get("prefixes", {}).get("received", 0)

    def last_error(self, of=None):
        where = of or self.addresses[0]
        what = "state change Established.*|.*NOTIFICATION.*|.*notification.*"
        found = re.findall(rf"neighbor {re.escape(where)}\b.*: (?:{what})", self.said())
        return found[-1] if found else ""

    def refresh(self, of=None):
        self.bgpctl("neighbor", of or self.addresses[0], "refresh")

    def change(self, more, fewer):
        for routes, what in ((more, ["add"]), (fewer, ["delete"])):
            for kind in ("ipv4", "ipv6"):
                text = "\n".join(route for route in routes if family(route) == kind)
                if text:
                    self.bgpctl("network", "bulk", *what, input=text + "\n")
