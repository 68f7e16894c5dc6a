"""BIRD (the BGP daemon of many routers) and ExaBGP on hosts of the lab, for the tests next to this file."""
import pathlib
import re
import shutil

from kit import *

ROUTER_AS, APP_AS, PASSWORD = 64513, 64512, SECRET
ROUTE, BACK = "198.51.100.0/24", "203.0.113.0/24"   # what the app announces, what the router announces


class Bird:
    """One BIRD with one neighbour, announcing `route`."""

    def __init__(self, host, name, local, neighbour, local_as, peer_as, route, options):
        self.host, self.control = host, host.lab.dir / f"{name}.ctl"
        config = host.lab.dir / f"{name}.conf"
        config.write_text(f"""
            router id {host.v4};
            protocol device {{}}
            protocol static {{ ipv4; route {route} blackhole; }}
            protocol bgp session {{
              local {local} as {local_as};
              neighbor {neighbour} as {peer_as};
              hold time 9; connect delay time 1; connect retry time 2; error wait time 1, 2;
              {options}
              ipv4 {{ import all; export where source = RTS_STATIC; next hop address {host.v4}; }};
            }}""")
        self.process = host.popen(shutil.which("bird") or "/usr/sbin/bird", "-f", "-c", config, "-s", self.control)
        wait_for(lambda: self.ask("show", "status"), 10, f"{name} answers")

    def ask(self, *words):
        answer = self.host.run("birdc", "-r", "-s", self.control, *words, expect=None)
        return answer.stdout if answer.returncode == 0 else ""

    def state(self):
        return re.search(r"BGP state:\s+(.*)", self.ask("show", "protocols", "all", "session"))[1]

    def established(self, deadline=30):
        wait_for(lambda: self.state() == "Established", deadline, "BIRD: Established")

    def has(self, route, deadline=20):
        wait_for(lambda: "session" in self.ask("show", "route", "for", route), deadline, f"{route} has arrived")


def router(lab, options=""):
    """A BIRD on the second host that has a password for the first."""
    near, far = lab.hosts[:2]
    return Bird(far, "router", far.v4, near.v4, ROUTER_AS, APP_AS, BACK, f'password "{PASSWORD}"; {options}')


class ExaBGP:
    """ExaBGP on a host, which knows no password, dialling `neighbour` from `local`."""

    def __init__(self, host, local, neighbour, name="exabgp"):
        config = host.lab.dir / f"{name}.conf"
        config.write_text(f"""
            neighbor {neighbour} {{
              router-id {host.v4}; local-address {local}; local-as {APP_AS}; peer-as {ROUTER_AS}; hold-time 9;
              family {{ ipv4 unicast; }}
              static {{ route {ROUTE} next-hop {host.v4}; }}
            }}""")
        self.log = host.lab.dir / f"{name}.log"
        environment = ["env", "exabgp.daemon.user=root", "exabgp.daemon.drop=false", "exabgp.log.destination=stdout",
                       "exabgp.api.cli=false", "exabgp.bgp.openwait=30", "exabgp.log.all=true", "exabgp.log.level=INFO"]
        with open(self.log, "w") as log:
            self.process = host.popen(*environment, "exabgp", config, stdout=log, stderr=log)

    def said(self):
        return pathlib.Path(self.log).read_text()
