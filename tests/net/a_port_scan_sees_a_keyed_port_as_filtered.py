#!/usr/bin/env python3
"""nmap, as a SYN and as a connect scan, from the peer's own address and a stranger's: a keyed port is filtered."""
import re

from kit import *

PLAIN, CLOSED, LONE_KEY = 81, 82, 83
with Lab("near", "far", "stranger") as lab:
    near, far, stranger = lab
    Keeper(far, chain(lab) + session(mode="passive", peer=near.ip, source=far.at(PORT), app=FAR_APP))
    serve(far, FAR_APP, echo)
    serve(far, far.at(PLAIN), echo)
    serve(far, far.at(LONE_KEY), echo, keyed(near.ip))

    def scan(host, kind):
        ports = f"{PORT},{PLAIN},{CLOSED},{LONE_KEY}"
        text = host.run("nmap", "-n", "-Pn", kind, "--reason", "--max-retries", "1", "-p", ports,
                        *(["-6"] if lab.family == 6 else []), far.ip).stdout
        return {int(port): state for port, state in re.findall(r"^(\d+)/tcp\s+(\S+)", text, re.M)}

    for host in (near, stranger):
        for kind in ("-sS", "-sT"):
            seen = scan(host, kind)
            # Controls: nmap tells open, closed and filtered apart, and a mere key on a listener hides nothing
            # from those who have none.
            lone = "filtered" if host is near else "open"
            same(seen, {PORT: "filtered", PLAIN: "open", CLOSED: "closed", LONE_KEY: lone},
                 f"nmap {kind} from {host.name}")
    talk(dial(near, far.at(PORT), SECRET))
