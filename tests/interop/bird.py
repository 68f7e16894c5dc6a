"""BIRD 2: router or app.

Has add-path, roles, GTSM, graceful restart, route refresh and its enhanced form; extended messages only with
`enable extended messages` in Neighbour.options. Keys its listener and its calls.
"""
import re
import signal

from interop.speaker import Speaker, family, prefixes
from kit import *

ROLES = {"rs-server": "rs_server", "rs-client": "rs_client"}
PATHS = {"receive": "rx", "send": "tx", "both": "on"}


class Bird(Speaker):
    can = frozenset({"add_path", "role", "gtsm", "graceful_restart", "no_refresh"})

    def write(self):
        self._write_routes()
        self.put("bird.conf", f"""
            log "{self.log}" all;
            debug protocols {{ states, events }};
            {self.given or self._made()}
            include "{self.dir}/routes.conf";
            """)

    def _made(self):
        return f"router id {self.router_id};\nprotocol device {{}}\n" + "".join(
            self._session(f"session{number}", neighbour) for number, neighbour in enumerate(self.neighbours, 1))

    def _session(self, name, n):
        lines = [f"local {n.local} port {n.port} as {self.local_as}",
                 f"neighbor {n.address} port {n.port} as {n.peer_as}", f"hold time {n.hold_time}", "strict bind yes", "connect delay time 1", "connect retry time 2",
                 "error wait time 1, 2"]
        lines += [f'password "{n.password}"'] if n.password else []
        lines += ["passive"] if n.passive else []
        lines += ["multihop"] if n.loopback else []  # a loopback address is on no interface that BIRD calls direct
        lines += [] if n.route_refresh else ["enable route refresh off"]
        lines += ["ttl security on"] if n.gtsm else []
        lines += [f"local role {ROLES.get(n.role, n.role)}"] if n.role else []
        lines += ["graceful restart on", f"graceful restart time {n.graceful_restart}"] if n.graceful_restart \
            else ["graceful restart off", "long lived graceful restart off"]
        for kind in n.families:
            channel = ["import all", "export where source = RTS_STATIC"]
            channel += [f"next hop address {n.next_hop}"] if n.next_hop else []
            channel += [f"add paths {PATHS[n.add_path]}"] if n.add_path else []
            lines.append(f"{kind} {{ {'; '.join(channel)}; }}")
        return f"protocol bgp {name} {{\n  " + ";\n  ".join(lines) + f";\n  {n.options}\n}}\n"

    def _write_routes(self):
        text = ""
        for kind in ("ipv4", "ipv6"):
            routes = "".join(f"  route {route} blackhole;\n" for route in self.announced if family(route) == kind)
            text += f"protocol static kit_{kind} {{ {kind};\n{routes}}}\n" if routes else ""
        self.put("routes.conf", text)

    def command(self):
        again = ["-R"] if self.starts > 1 and any(n.graceful_restart for n in self.neighbours) else []
        files = ["-c", self.dir / "bird.conf", "-s", self.dir / "ctl", "-P", self.dir / "pid"]
        return [self.program("bird"), "-f", *again, *files]

    def ready(self):
        return "Daemon is up" in self.birdc("show", "status")

    def stop(self, deadline=20, graceful=False):
        """`graceful`: as for a planned restart, without a farewell to the neighbours."""
        if not graceful:
            return super().stop(deadline)
        self.birdc("graceful", "restart")
        self.process.wait(deadline)

    def birdc(self, *words):
        return self.ask(self.program("birdc"), "-s", self.dir / "ctl", *words)

    def _protocol(self, of):
        """(name, text) of the protocol that has this neighbour."""
        where = of or self.addresses[0]
        for block in re.split(r"\n\s*\n", self.birdc("show", "protocols", "all")):
            if re.search(rf"Neighbor address:\s+{re.escape(where)}(%\S+)?$", block, re.M):
                return re.search(r"^(\S+)\s+BGP\s", block, re.M)[1], block
        return None, ""

    def protocol(self, of=None):
        """What birdc calls the session."""
        return self._protocol(of)[0]

    def details(self, of=None):
        return self._protocol(of)[1]

    def state(self, of=None):
        found = re.search(r"BGP state:\s+(.*)", self.details(of))
        return found[1] if found else ""

    def stamp(self, of):
        # The time that it shows is reckoned anew for each answer; the log has one line for each change.
        return self.said().count(f" {self.protocol(of)}: State changed to up")

    def routes(self, of=None):
        name, _ = self._protocol(of)
        return prefixes(line.split(None, 1)[0] for line in self.birdc("show", "route", "protocol", name).splitlines()
                        if line[:1] not in ("", " ", "\t")) if name else set()

    def count(self, of=None):
        return sum(int(n) for n in re.findall(r"Routes:\s+(\d+) imported", self.details(of)))

    def last_error(self, of=None):
        found = re.search(r"Last error:\s+(.*)", self.details(of))
        return found[1] if found else ""

    def refresh(self, of=None):
        self.birdc("reload", "in", self.protocol(of))

    def change(self, more, fewer):
        self._write_routes()
        self._configure()

    def new_passwords(self):
        self.write()
        self._configure()

    def _configure(self):
        answer = self.birdc("configure")
        require("Reconfigur" in answer, f"{self.name}: {answer}")
