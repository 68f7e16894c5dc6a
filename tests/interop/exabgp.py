"""ExaBGP 4.2: app, or a router that only announces.

Has add-path, graceful restart and route refresh with its enhanced form, takes extended messages; no roles, and no GTSM
that works both ways. Asked for an enhanced refresh, 4.2.21 ends the session (TypeError: 'RouteRefresh' object is not
iterable): `route_refresh=False` against those who have it. Says no Cease at SIGTERM. Keys its listener and its calls.
It has no table: the kit reads the events that ExaBGP gives to a process, and commands it through the same process.
"""
import json
import os
import re

from interop.speaker import Speaker, family
from kit import *

PATHS = {"receive": "receive", "send": "send", "both": "send/receive"}
# What ExaBGP runs: its commands come from one file (a FIFO), its events go to another.
HELPER = "#!/bin/sh\ncat {0}/commands &\nexec cat >>{0}/events\n"
API = """
  api { processes [ kit ]; neighbor-changes;
        receive { parsed; update; notification; open; } send { parsed; notification; } }"""


class ExaBgp(Speaker):
    can = frozenset({"add_path", "graceful_restart", "no_refresh"})

    def write(self):
        self.given = self.given and self._with_process(self.given)
        helper = self.put("helper", HELPER.format(self.dir))
        helper.chmod(0o700)
        if not (self.dir / "commands").exists():
            os.mkfifo(self.dir / "commands")
            # Open at both ends all the time, so that the helper never sees an end.
            self._commands = os.open(self.dir / "commands", os.O_RDWR)
            self.host.lab.on_exit(lambda: os.close(self._commands))
        (self.dir / "events").write_text("")
        self._read, self._rest, self._sessions = 0, "", {}
        self.put("exabgp.conf", f"process kit {{ run {helper}; encoder json; }}\n" + (self.given or self._made()))

    @staticmethod
    def _with_process(text):
        """A configuration from elsewhere, each neighbour of which tells our process as well."""
        return text if "processes [ kit ]" in text else re.sub(r"^(neighbor \S+ \{)", r"\1" + API, text, flags=re.M)

    def _made(self):
        return "".join(self._with_process(self._session(n)) for n in self.neighbours)

    def _session(self, n):
        lines = [f"router-id {self.router_id};", f"local-address {n.local};", f"local-as {self.local_as};",
                 f"peer-as {n.peer_as};", f"hold-time {n.hold_time};", f"connect {n.port};", "adj-rib-out true;"]
        lines += [f"listen {n.port};"] if n.passive else []
        lines += [f"passive {'true' if n.passive else 'false'};"]
        lines += [f"md5-password '{n.password}';"] if n.password else []
        capability = ["asn4 enable;", f"route-refresh {'enable' if n.route_refresh else 'disable'};"]
        capability += [f"graceful-restart {n.graceful_restart};"] if n.graceful_restart else []
        capability += [f"add-path {PATHS[n.add_path]};"] if n.add_path else []
        lines += [f"capability {{ {' '.join(capability)} }}",
                  "family { " + " ".join(f"{kind} unicast;" for kind in n.families) + " }"]
        routes = "".join(f"    {self._route(route, n)};\n" for route in self.announced if family(route) in n.families)
        return f"neighbor {n.address} {{\n  " + "\n  ".join(lines) + f"\n  static {{\n{routes}  }}\n  {n.options}\n}}\n"

    @staticmethod
    def _route(route, n):
        return f"route {route} next-hop {n.next_hop or (n.local if family(n.local) == family(route) else 'self')}"

    def command(self):
        settings = {"daemon.user": "root", "daemon.drop": "false", "daemon.daemonize": "false", "log.destination": "stdout",
                    "log.all": "true", "log.level": "INFO", "api.cli": "false", "api.ack": "false", "bgp.openwait": "30",
                    "tcp.delay": "0", "api.file": self.dir / "api"}
        return ["env", *(f"exabgp.{key}={value}" for key, value in settings.items()), self.program("exabgp", "/usr/sbin"),
                self.dir / "exabgp.conf"]

    def ready(self):
        return (self.dir / "events").exists() and "loaded new configuration successfully" in self.said()

    # Events.
    def _now(self, of=None):
        """{"up": how often, "state", "routes", "error", "open"} of a session, after all events so far."""
        if self.alive or self._read == 0:
            self._follow()
        return self._session_of(of or self.addresses[0])

    def _session_of(self, where):
        return self._sessions.setdefault(where, {"ups": 0, "state": "Idle", "routes": set(), "error": "", "open": ""})

    def _follow(self):
        with open(self.dir / "events") as events:
            events.seek(self._read)
            text = events.read()
            self._read = events.tell()
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            event = json.loads(line)
            if "neighbor" in event:
                where = event["neighbor"]["address"]["peer"]
                self._take(self._session_of(where), event["type"], event["neighbor"])

    @staticmethod
    def _take(now, kind, what):
        if kind == "state":
            now["state"] = {"up": "Established", "connected": "OpenSent", "down": "Idle"}.get(what["state"], what["state"])
            now["ups"] += what["state"] == "up"
            if what["state"] != "up":
                now["routes"] = set()
            if what["state"] == "down":
                now["error"] = what.get("reason", "")
        elif kind == "notification":
            now["error"] = json.dumps(what.get("message", {}).get("notification", what))
        elif kind == "open":
            now["open"] += json.dumps(what) + "\n"
        elif kind == "update":
            update = what.get("message", {}).get("update", {})
            for hops in update.get("announce", {}).values():
                for routes in hops.values():
                    now["routes"] |= {route["nlri"] for route in routes if "nlri" in route}
            for routes in update.get("withdraw", {}).values():
                now["routes"] -= {route["nlri"] for route in routes if "nlri" in route}

    def state(self, of=None):
        return self._now(of)["state"] if self.alive else ""

    def stamp(self, of):
        return self._now(of)["ups"]

    def routes(self, of=None):
        return set(self._now(of)["routes"])

    def last_error(self, of=None):
        return self._now(of)["error"]

    def details(self, of=None):
        return self._now(of)["open"]

    # Commands.
    def tell(self, *lines):
        data = "".join(line + "\n" for line in lines).encode()
        while data:  # waits when ExaBGP does not keep up
            data = data[os.write(self._commands, data[:4096]):]

    def refresh(self, of=None):
        where = of or self.addresses[0]
        self.tell(*(f"neighbor {where} announce route-refresh {kind} unicast" for kind in self.neighbour(of).families))

    def change(self, more, fewer):
        for n in self.neighbours or []:
            for what, routes in (("announce", more), ("withdraw", fewer)):
                self.tell(*(f"neighbor {n.address} {what} {self._route(route, n)}" for route in routes
                            if family(route) in n.families))
