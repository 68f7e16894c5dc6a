#!/usr/bin/env python3
"""Routers of one prefix whose apps are all reached at one address: a PROXY header says for which router each
connection is. HAProxy reads it and takes each to its own BIRD.

Control: a router whose address HAProxy was not told of is kept without an app.
"""
from interop.held import *
from interop.routers import *
from kit import *

PLACE = "127.0.0.50:1790"

with Lab("near", "one", "two", "three") as lab:
    near, *hosts = lab
    v6 = lab.family == 6
    kind = "ipv6" if v6 else "ipv4"
    routers, own = prefix_routers(near, hosts)
    apps = [Bird(near, f"app-{host.name}", APP_AS,
                 [Neighbour(f"127.0.0.{61 + number}", ROUTER_AS, f"127.0.0.{11 + number}", passive=True, families=(kind,),
                            next_hop="::1" if v6 else "")], own[number], router_id=f"10.0.9.{number + 1}")
            for number, host in enumerate(hosts[:2])]
    rules = "".join(f"  use_backend {host.name} if {{ src {host.ip} }}\n" for host in hosts[:2])
    backs = "".join(f"backend {host.name}\n  server bird 127.0.0.{11 + number}:179 source 127.0.0.{61 + number}\n"
                    for number, host in enumerate(hosts[:2]))
    with open(f"{lab.dir}/haproxy.cfg", "w", encoding="ascii") as file:
        file.write("defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"
                   f"frontend place\n  bind {PLACE} accept-proxy\n{rules}{backs}")
    proxy = near.popen("haproxy", "-db", "-f", f"{lab.dir}/haproxy.cfg")
    wait_for(lambda: PLACE in near.run("ss", "-Hltn").stdout, 20, "haproxy listens")

    keeper = Keeper(near, chain(lab) + prefix_session(near, app=PLACE, app_mode="connect"))
    for router in routers:
        router.established()
    for number, (router, app) in enumerate(zip(routers, apps)):
        app.established()
        router.has(*own[number])
        app.has(*router.announced)
        same((router.routes(), app.routes()), (set(own[number]), set(router.announced)), f"{router.name}: its own routes only")
    stranger = keeper.status(f"ix@{hosts[2].ip}")
    same((routers[2].state(), routers[2].routes(), stranger["state"]), ("Established", set(), "established"), "the unknown router")
    proxy.terminate()
    proxy.wait(20)
