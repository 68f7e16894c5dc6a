"""What the tests of the bgp plugin share: its sessions in the configuration, and whether a router has noticed anything."""
import re

from interop.routers import *
from kit import *

__all__ = ["APP_SIDE", "bgp_session", "prefix_session", "prefix_routers", "app_neighbour", "Unnoticed", "withdrawals", "reachable", "notification"]

APP_SIDE = "127.0.0.11"


def bgp_session(near, far, name="link", mode="active", bgp=None, app=f"{APP_SIDE}:179", **options):
    """The session of `near` with the router on `far`. What holds routes is quick, so that tests need not wait."""
    peer = far.ip if mode == "passive" else far.at(179)
    source = near.ip if mode == "active" else near.at(179)
    rules = {"local_as": APP_AS, "peer_as": ROUTER_AS, "router_id": near.v4, "hold_time": "9s", "app_hold_time": "9s",
             "settle": "1s", "stale_time": "20s", **(bgp or {})}
    rules = {key: value for key, value in rules.items() if value is not None}
    return session(name, plugin="bgp", mode=mode, peer=peer, source=source, **({"app": app} if app else {}), bgp=rules, **options)


def prefix_session(near, **options):
    """The session `ix` of `near` with whatever router comes from its network."""
    v6 = near.lab.family == 6
    return session("ix", plugin="bgp", mode="passive", peer=f"{near.ip}/{64 if v6 else 24}", source=near.at(179), bgp={
        "local_as": APP_AS, "peer_as": ROUTER_AS, "router_id": near.v4, "hold_time": "9s", "app_hold_time": "30s",
        "settle": "1s", "stale_time": "20s", "families": [f"ipv{near.lab.family}-unicast"]}, **options)


def prefix_routers(near, hosts):
    """A BIRD on each host that dials `near`, and the routes that each one's app is to announce."""
    v6 = near.lab.family == 6
    routers = [Bird(host, f"router-{host.name}", ROUTER_AS, [Neighbour(near.ip, APP_AS, host.ip, PASSWORD)],
                    [f"2001:db8:f{number}::/64" if v6 else f"203.0.113.{number * 16}/28"]) for number, host in enumerate(hosts)]
    return routers, [[f"2001:db8:a{number}::/64" if v6 else f"198.51.100.{number * 16}/28"] for number in range(len(hosts))]


def app_neighbour(address=APP_SIDE, **more):
    """The keeper, as its app sees it."""
    return Neighbour(address, ROUTER_AS, "127.0.0.1", **more)


def withdrawals(bird, of=None):
    return sum(int(n) for n in re.findall(r"Import withdraws:\s+\S+\s+\S+\s+\S+\s+\S+\s+(\d+)", bird.details(of)))


def reachable(bird, route, of=None):
    """The next hop that BIRD has for a route of this neighbour."""
    text = bird.birdc("show", "route", "for" if "/" not in route else route, "protocol", bird.protocol(of), "all")
    return re.findall(r"BGP\.next_hop: (\S+)", text)


def notification(keeper, which, name="link"):
    """(code, subcode) that the plugin's status has under this name, or None."""
    found = keeper.status(name)["plugin_status"].get(which)
    return found and (found["code"], found["subcode"])


class Unnoticed:
    """From here on a BIRD must notice nothing: no new session, no withdrawal, no NOTIFICATION."""

    def __init__(self, bird, of=None):
        self.bird, self.of = bird, of
        self.before = self._now()
        require(self.before[0] is not None, f"{bird.name} is not established")

    def _now(self):
        return self.bird.established_since(self.of), withdrawals(self.bird, self.of), self.bird.last_error(self.of)

    def check(self, what):
        same(self._now(), self.before, f"{self.bird.name} (established since, withdrawals, last error) after {what}")

    def check_flap(self, what):
        require(self._now()[0] != self.before[0], f"{self.bird.name} should have noticed {what}")
