#!/usr/bin/env python3
"""A listener on a device waits in backoff while the device is away, and listens on the one made anew at once."""
from kit import *

with Lab("near", "far") as lab:
    near, far = lab

    def wire():
        """Both ends are new each time: other indices under the same names."""
        near.run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v0", "netns", "far")
        for host, number in (near, 1), (far, 2):
            host.run("ip", "link", "set", "v0", "addrgenmode", "none", "up")
            host.run("ip", "addr", "add", f"10.9.0.{number}/24", "dev", "v0")
            host.run("ip", "addr", "add", f"fe80::{number}/64", "dev", "v0", "nodad")

    def listeners():
        return [found["local"] for found in far.sockets() if found["state"] == "LISTEN" and "%" in found["local"]]

    wire()
    lazy = {"retry": {"min": "1h", "max": "1h"}}   # only the kernel's word can be in time
    by_name = session("name", mode="passive", peer="10.9.0.1", source=f"10.9.0.2:{PORT}", app=FAR_APP,
                      transport={"interface": "v0"}, **lazy)
    by_scope = session("scope", mode="passive", peer="fe80::1%v0", source=f"[fe80::2%v0]:{PORT}", app=NEAR_APP,
                       link="persistent", **lazy)
    serve(far, FAR_APP, echo)
    keeper = Keeper(far, chain(lab) + by_name + by_scope)

    def served():
        link = dial(near, f"10.9.0.2:{PORT}", SECRET, source="10.9.0.1")
        talk(link)
        link.close()

    for name in ("name", "scope"):
        keeper.wait_state("listening", name)
    same(len(listeners()), 2, "listeners on the device")
    served()
    for _ in range(2):
        near.run("ip", "link", "del", "v0")
        for name in ("name", "scope"):
            now = keeper.wait_state("backoff", name, deadline=10)
            same(now["last_error"]["code"], "resource", f"{name}: code")
            same(now["health"], "down", f"{name}: health")
        same(listeners(), [], "listeners on a device that is gone")
        wire()
        for name in ("name", "scope"):
            keeper.wait_state("listening", name, deadline=10)
        same(len(listeners()), 2, "listeners on the new device")
        served()
