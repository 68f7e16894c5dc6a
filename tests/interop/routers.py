"""The BGP programs of the tests, as routers that demand a password or as apps that have none: see speaker.py."""
from interop.bird import Bird
from interop.exabgp import ExaBgp
from interop.frr import Frr
from interop.gobgp import GoBgp
from interop.openbgpd import OpenBgpd
from interop.speaker import Neighbour, Speaker, family, many, prefixes
from kit import SECRET

__all__ = ["Bird", "ExaBgp", "Frr", "GoBgp", "OpenBgpd", "Neighbour", "Speaker", "family", "many", "prefixes", "PROGRAMS",
           "ROUTER_AS", "APP_AS", "PASSWORD"]

PROGRAMS = {"bird": Bird, "exabgp": ExaBgp, "frr": Frr, "gobgp": GoBgp, "openbgpd": OpenBgpd}
ROUTER_AS, APP_AS, PASSWORD = 64513, 64512, SECRET
