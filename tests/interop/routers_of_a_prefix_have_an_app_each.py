#!/usr/bin/env python3
"""Three routers of one prefix, none of which is named in the configuration: each has a session and an app of its own.

The apps' sockets bear the routers' addresses. One router's app is no concern of the others; a second app of the same
one is refused with 6/7. Control: that app is let in where there is none.
"""
import socket
import threading

from interop.held import *
from interop.routers import *
from kit import *

REFUSED = b"\xff" * 16 + b"\x00\x15\x03\x06\x07"


def carry(source, sink):
    """Bytes one way, until their end."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for sock in (source, sink):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def bridge(host, where, path):
    """BGP programs know no UNIX sockets: what connects to `where` is taken to `path`."""
    server = listen(host, where)
    server.settimeout(None)

    def serve():
        while True:
            client, _ = server.accept()
            try:
                there = connect(host, f"unix:{path}")
            except OSError:
                client.close()
                continue
            for sock in (client, there):
                sock.settimeout(None)
            for pair in ((client, there), (there, client)):
                threading.Thread(target=carry, args=pair, daemon=True).start()
    threading.Thread(target=serve, daemon=True).start()


with Lab("near", "one", "two", "three") as lab:
    near, *hosts = lab
    v6 = lab.family == 6
    kind = "ipv6" if v6 else "ipv4"
    routers, own = prefix_routers(near, hosts)
    keeper = Keeper(near, chain(lab) + prefix_session(near, app=f"unix:{lab.dir}/{{name}}.{{addr}}"))
    same(keeper.status("ix")["state"], "listening", "the session of the prefix")
    names = [f"ix@{host.ip}" for host in hosts]
    for router, name in zip(routers, names):
        router.established()
        keeper.wait_state("established", name)
    apps = []
    for number, host in enumerate(hosts):
        bridge(near, f"127.0.0.{11 + number}:179", f"{lab.dir}/ix.{host.ip}")
        apps.append(ExaBgp(near, f"app-{host.name}", APP_AS,
                           [app_neighbour(f"127.0.0.{11 + number}", families=(kind,), next_hop="::1" if v6 else "", hold_time=30)],
                           own[number]))
    for number, (router, app, name) in enumerate(zip(routers, apps, names)):
        app.established()
        router.has(*own[number])
        app.has(*router.announced)
        same((router.routes(), app.routes()), (set(own[number]), set(router.announced)), f"{name}: its own routes only")
    quiet = [Unnoticed(router) for router in routers]

    # A second app of the first one; it has just been heard of.
    apps[0].announce(["2001:db8:b::/64" if v6 else "198.51.101.0/28"])
    routers[0].has(*apps[0].announced)
    with connect(near, f"unix:{lab.dir}/{names[0]}".replace("@", ".")) as second:
        same(read_to_end(second), REFUSED, "what the second app is told")
    same((apps[0].state(), keeper.status(names[0])["app"]["attached"]), ("Established", 1), "the first one")

    # One app goes: its router keeps its routes, the others have nothing to do with it.
    apps[0].stop()
    keeper.wait_app(0, names[0])
    same([keeper.status(name)["health"] for name in names], ["degraded", "ok", "ok"], "health")
    same(routers[0].routes(), set(apps[0].announced), "the routes of the router without an app")
    with connect(near, f"unix:{lab.dir}/{names[0]}".replace("@", ".")) as third:
        same(read_exactly(third, 19)[18], 1, "it is welcomed with an OPEN")
    apps[0].start()
    apps[0].established()
    wait_for(lambda: keeper.status(names[0])["plugin_status"]["routes_stale"] == 0, 10, "all are announced again")
    for router, one in zip(routers, quiet):
        one.check(f"another's app: {router.name}")

    # A router goes for good: its session is no concern of the others either.
    routers[2].stop()
    keeper.wait_state("listening", "ix")
    wait_for(lambda: apps[2].state() != "Established", 10, "its app is told")
    quiet[1].check("another router's end")
