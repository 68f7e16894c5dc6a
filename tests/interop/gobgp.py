"""GoBGP 3: router or app.

Has add-path, GTSM, graceful restart and route refresh, which it answers but never asks for (`softresetin` looks at what
it has kept); no enhanced refresh, extended messages or roles. Keys its listener and its calls.
Its configuration holds no routes: they are injected once it runs.
"""
import ipaddress
import json
import re
import signal
import struct

from interop.speaker import Speaker, family, prefixes
from kit import *

STATES = ("", "Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established")
A_FEW, LOST_AT_THE_END = 20, 2048


class GoBgp(Speaker):
    can = frozenset({"add_path", "gtsm", "graceful_restart"})
    asks_refresh = False

    def write(self):
        self.put("gobgp.toml", self.given or self._made())

    def _made(self):
        # An app that is not called listens nowhere: by itself GoBGP takes port 179 of every address.
        listens = [n for n in self.neighbours if n.passive or not n.loopback]
        tables = {"global.config": {"as": self.local_as, "router-id": self.router_id,
                                    "port": listens[0].port if listens else -1}}
        if listens:
            tables["global.config"]["local-address-list"] = sorted({n.local for n in listens})
        return self._toml(tables) + "".join(self._session(n) for n in self.neighbours)

    @staticmethod
    def _toml(tables):
        return "".join(f"[{name}]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in keys.items())
                       for name, keys in tables.items() if keys)

    def _session(self, n):
        graceful = {"enabled": True, "restart-time": n.graceful_restart} if n.graceful_restart else {}
        text = "[[neighbors]]\n" + self._toml({
            "neighbors.config": {"neighbor-address": n.address, "peer-as": n.peer_as,
                                 **({"auth-password": n.password} if n.password else {})},
            "neighbors.transport.config": {"local-address": n.local, "passive-mode": n.passive, "remote-port": n.port},
            # 5 s is the shortest retry that it takes.
            "neighbors.timers.config": {"hold-time": n.hold_time, "keepalive-interval": n.hold_time // 3,
                                        "connect-retry": 5, "idle-hold-time-after-reset": 1},
            "neighbors.ttl-security.config": {"enabled": True, "ttl-min": 255} if n.gtsm else {},
            "neighbors.graceful-restart.config": graceful})
        for kind in n.families:
            text += "[[neighbors.afi-safis]]\n" + self._toml({
                "neighbors.afi-safis.config": {"afi-safi-name": f"{kind}-unicast"},
                "neighbors.afi-safis.mp-graceful-restart.config": {"enabled": True} if graceful else {},
                "neighbors.afi-safis.add-paths.config": {"receive": n.add_path in ("receive", "both"),
                                                         "send-max": 8 if n.add_path in ("send", "both") else 0}
                if n.add_path else {}})
        return text + n.options + "\n"

    def command(self):
        again = ["-r"] if self.starts > 1 and any(n.graceful_restart for n in self.neighbours) else []
        return [self.program("gobgpd"), "-f", self.dir / "gobgp.toml", "-p", "--pprof-disable", *again,
                "--api-hosts", self._target()]

    def _target(self):
        return f"unix://{self.dir}/api"

    def start(self):
        self.dir.joinpath("api").unlink(missing_ok=True)
        super().start()
        self.change(list(self.announced), [])
        return self

    def ready(self):
        return self.gobgp("global") != "" and self.details() != ""

    def gobgp(self, *words):
        return self.ask(self.program("gobgp"), "--target", self._target(), *words)

    def _neighbor(self, of):
        text = self.details(of)
        return json.loads(text) if text.startswith("{") else {}

    def details(self, of=None):
        return self.gobgp("-j", "neighbor", of or self.addresses[0])

    def state(self, of=None):
        return STATES[int(self._neighbor(of).get("state", {}).get("session_state", 0))]

    def stamp(self, of):
        # It knows whole seconds only, and its counter of flaps misses some; the log has one line for each.
        return len(re.findall(rf'msg="Peer Up" Key="?{re.escape(of)}"? ', self.said()))

    def routes(self, of=None):
        # Without a family it shows that of the address only.
        texts = [self.gobgp("-j", "neighbor", of or self.addresses[0], "adj-in", "-a", kind) for kind in ("ipv4", "ipv6")]
        return set().union(*(prefixes(json.loads(text)) for text in texts if text.startswith("{")))

    def count(self, of=None):
        # The counters of `gobgp neighbor` come as the families do, in lists.
        return sum(int(kind["state"].get("received", 0)) for kind in self._neighbor(of).get("afi_safis", []))

    def last_error(self, of=None):
        found = re.findall(rf'msg="Peer Down" Key="?{re.escape(of or self.addresses[0])}"? Reason="?([^"\n]*)', self.said())
        return found[-1] if found else ""

    def change(self, more, fewer):
        hop = next((n.next_hop for n in self.neighbours if n.next_hop), None)
        if len(more) > A_FEW:  # a call for each would take hours
            self._inject(more, hop)
        else:
            for route in more:
                self._global(f"global rib -a {family(route)} add {route}" + (f" nexthop {hop}" if hop else ""))
        if len(fewer) > A_FEW and not self.announced:
            for kind in ("ipv4", "ipv6"):
                self._global(f"global rib -a {kind} del all")
        else:
            for route in fewer:
                self._global(f"global rib -a {family(route)} del {route}")

    def new_passwords(self):
        self.write()
        self.process.send_signal(signal.SIGHUP)  # reads its configuration again

    def _global(self, words):
        self.host.run(self.program("gobgp"), "--target", self._target(), *words.split())

    def _inject(self, routes, hop):
        """By an MRT file (RFC 6396), TABLE_DUMP_V2, of one peer with an empty AS path."""
        def record(subtype, body):
            return struct.pack("!IHHI", 0, 13, subtype, len(body)) + body
        data = [record(1, struct.pack("!IHHBIII", 1, 0, 1, 2, 1, 1, self.local_as))]
        for number, route in enumerate(routes):
            net = ipaddress.ip_network(route)
            there = ipaddress.ip_address(hop or ("0.0.0.0" if net.version == 4 else "::")).packed
            reach = b"\x40\x03\x04" + there if net.version == 4 else b"\x80\x0e\x11\x10" + there
            attributes = b"\x40\x01\x01\x00\x40\x02\x00" + reach
            bits = net.prefixlen
            body = struct.pack("!IB", number, bits) + net.network_address.packed[:(bits + 7) // 8]
            body += struct.pack("!HHIH", 1, 0, 0, len(attributes)) + attributes
            data.append(record(2 if net.version == 4 else 4, body))
        # `mrt inject` leaves before its queue is empty: what it loses are repetitions.
        data += data[-1:] * LOST_AT_THE_END
        file = self.dir / "inject.mrt"
        file.write_bytes(b"".join(data))
        self.host.run(self.program("gobgp"), "--target", self._target(), "mrt", "inject", "global", file, timeout=600)
        for kind in {family(route) for route in routes}:
            wanted = sum(family(route) == kind for route in self.announced)
            wait_for(lambda: self._destinations(kind) >= wanted, 120, f"{self.name} has {wanted} {kind} routes", every=0.2)

    def _destinations(self, kind):
        found = re.search(r"Destination: (\d+)", self.gobgp("global", "rib", "summary", "-a", kind))
        return int(found[1]) if found else 0
