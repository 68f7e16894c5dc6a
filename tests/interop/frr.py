"""FRR's bgpd, router or app, and for a router the zebra that tells it of interfaces. Routes stay out of the kernel.

An app on loopback addresses has no zebra: with one, bgpd waits for a route to 127.0.0.11 that zebra does not have, and
refuses sessions from 127.0.0.1 (`nexthop_set failed`). Without one, it takes no IPv6 route that has a link-local next hop.

Has add-path (it always receives, `add_path` says whether it sends), roles, GTSM, graceful restart, route refresh and
its enhanced form, extended messages. Keys its listener and its calls.
"""
import json
import pathlib
import shutil
import subprocess

from interop.speaker import Speaker, family
from kit import *

FRR = "/usr/lib/frr"
SCRATCH = pathlib.Path("/var/tmp/frr")


class Frr(Speaker):
    can = frozenset({"add_path", "role", "gtsm", "graceful_restart"})

    def put(self, name, text):
        path = super().put(name, text)
        for what in (self.dir, path):
            shutil.chown(what, "frr", "frr")
        return path

    def write(self):
        self.put("frr.conf", (self.given or self._made()) + "\n" + self._networks(self.announced))
    def _made(self):
        lines = [f"router bgp {self.local_as}", f" bgp router-id {self.router_id}", " no bgp ebgp-requires-policy",
                 " no bgp default ipv4-unicast", " no bgp network import-check"]
        if any(n.graceful_restart for n in self.neighbours):
            lines += [" bgp graceful-restart", " bgp graceful-restart preserve-fw-state",
                      f" bgp graceful-restart restart-time {max(n.graceful_restart for n in self.neighbours)}"]
        else:
            lines += [" bgp graceful-restart-disable"]
        for n in self.neighbours:
            words = [f"remote-as {n.peer_as}", f"update-source {n.local}", f"port {n.port}",
                     f"timers {n.hold_time // 3} {n.hold_time}", "timers connect 1", "advertisement-interval 0"]
            words += [f"password {n.password}"] if n.password else []
            words += ["passive"] if n.passive else []
            words += ["disable-connected-check"] if n.loopback else []
            words += ["ttl-security hops 1"] if n.gtsm else []
            words += [f"local-role {n.role}"] if n.role else []
            lines += [f" neighbor {n.address} {word}" for word in words] + [n.options]
        for kind in ("ipv4", "ipv6"):
            lines.append(f" address-family {kind} unicast")
            for n in self.neighbours:
                if kind in n.families:
                    words = ["activate"]
                    words += ["addpath-tx-all-paths"] if n.add_path in ("send", "both") else []
                    words += [f"route-map to-{n.address} out"] if n.next_hop else []
                    lines += [f"  neighbor {n.address} {word}" for word in words]
            lines.append(" exit-address-family")
        lines.append("exit")
        for n in self.neighbours:
            if n.next_hop:
                how = "ip next-hop" if family(n.next_hop) == "ipv4" else "ipv6 next-hop global"
                lines += [f"route-map to-{n.address} permit 10", f" set {how} {n.next_hop}", "exit"]
        return "\n".join(["frr defaults datacenter", f"hostname {self.name}", "log timestamp precision 6", *lines]) + "\n"

    def _networks(self, routes, no=""):
        lines = []
        for kind in ("ipv4", "ipv6"):
            words = [f"  {no}network {route}" for route in routes if family(route) == kind]
            lines += [f" address-family {kind} unicast", *words, " exit-address-family"] if words else []
        return "\n".join([f"router bgp {self.local_as}", *lines, "exit", ""]) if lines else ""

    def _daemon(self, name, *words):
        # It becomes the user frr, whatever -u says; -P 0: no telnet.
        return [f"{FRR}/{name}", "-i", self.dir / f"{name}.pid", "--vty_socket", self.dir, "-z", self.dir / "zserv.api",
                "-P", "0", "--log", "stdout", "--log-level", "debug", *words]

    def start(self):
        SCRATCH.mkdir(mode=0o755, exist_ok=True)
        if not SCRATCH.is_mount():  # a path that FRR does not let itself be told; this one is the test's own
            capture(["mount", "-t", "tmpfs", "-o", "mode=1777", "none", SCRATCH])
        if not self._alone:
            self._start_zebra()
        return super().start()

    @property
    def _alone(self):
        return "-Z" in self.arguments or all(n.loopback for n in self.neighbours) and self.neighbours

    def _start_zebra(self):
        self.put("zebra.conf", "")
        with open(self.dir / "zebra.log", "ab") as log:
            self.zebra = self.host.popen(*self._daemon("zebra", "-f", self.dir / "zebra.conf"), stdin=subprocess.DEVNULL,
                                         stdout=log, stderr=log, cwd=self.dir)
        wait_for(lambda: "FRRouting" in self.vtysh("show version", daemon="zebra"), 20, "zebra")

    def stop(self, deadline=20):
        super().stop(deadline)
        self._stop_zebra(deadline)

    def kill(self):
        super().kill()
        self._stop_zebra()

    def _stop_zebra(self, deadline=20):
        if not self._alone:
            self.zebra.terminate()
            self.zebra.wait(deadline)

    def command(self):
        ports = {n.port for n in self.neighbours} or {179}
        require(len(ports) == 1, "FRR has one port for all sessions")
        listen = [word for local in sorted({n.local for n in self.neighbours}) for word in ("-l", local)]
        alone = ["-Z", "-z", self.dir / "nobody"] if self._alone else []
        return self._daemon("bgpd", "-n", "-f", self.dir / "frr.conf", "-p", *ports, *listen, *alone)

    def ready(self):
        return "FRRouting" in self.vtysh("show version")

    def vtysh(self, *commands, daemon="bgpd"):
        words = [word for command in commands for word in ("-c", command)]
        return self.ask("vtysh", "--vty_socket", self.dir, "--config_dir", self.dir, "-d", daemon, *words)

    def new_passwords(self):
        self.vtysh("configure terminal", f"router bgp {self.local_as}",
                   *(f"neighbor {n.address} password {n.password}" for n in self.neighbours))

    def _json(self, command):
        text = self.vtysh(command)
        return json.loads(text[text.index("{"):]) if "{" in text else {}

    def _neighbor(self, of):
        where = of or self.addresses[0]
        return self._json(f"show bgp neighbors {where} json").get(where, {})

    def state(self, of=None):
        return self._neighbor(of).get("bgpState", "")

    def stamp(self, of):
        now = self._neighbor(of)
        return now["connectionsEstablished"], now["connectionsDropped"]

    def _families(self, of):
        return [kind.removesuffix("Unicast") for kind in self._neighbor(of).get("addressFamilyInfo", {})]

    def routes(self, of=None):
        found = set()
        for kind in self._families(of):
            answer = self._json(f"show bgp {kind} unicast neighbors {of or self.addresses[0]} routes json")
            found |= set(answer.get("routes", {}))
        return found

    def count(self, of=None):
        families = self._neighbor(of).get("addressFamilyInfo", {}).values()
        return sum(kind.get("acceptedPrefixCounter", 0) for kind in families)

    def last_error(self, of=None):
        now = self._neighbor(of)
        words = [now.get(name) for name in ("lastResetDueTo", "lastNotificationReason", "lastErrorCodeSubcode",
                                            "lastShutdownDescription")]
        return "; ".join(word for word in words if word)

    def details(self, of=None):
        return json.dumps(self._neighbor(of), indent=1)

    def refresh(self, of=None):
        for kind in self._families(of):
            self.vtysh(f"clear bgp {kind} unicast {of or self.addresses[0]} in")

    def change(self, more, fewer):
        file = self.put("change.conf", self._networks(fewer, "no ") + self._networks(more))
        answer = self.host.run("vtysh", "--vty_socket", self.dir, "--config_dir", self.dir, "-d", "bgpd", "-f", file,
                               expect=None)
        require(answer.returncode == 0, f"{self.name}: {answer.stdout}{answer.stderr}")
