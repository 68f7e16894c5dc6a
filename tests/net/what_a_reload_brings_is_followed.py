#!/usr/bin/env python3
"""A second key, or `rollover = "follow"`, that comes with a reload is followed to like what was there from the start: by
capture, on links on which we are silent, and also where another session was watched before."""
from kit import *
from kit.keys import *

NAMES = "watched", "grown", "freed"

with Lab("near", "far") as lab:
    near, far = lab
    apps = {name: f"127.0.0.1:{7000 + n}" for n, name in enumerate(NAMES)}
    peers = {name: Peer(far, near.ip, f"{name} one").listen(PORT + n) for n, name in enumerate(NAMES)}
    sessions = "".join(session(name, mode="active", peer=far.at(PORT + n), source=near.ip, link="persistent", app=apps[name],
                               keychain=name) for n, name in enumerate(NAMES))
    later = stamp(1000)

    def chain_of(name, two=True, **options):
        return keys(lab, (1, f"{name} one"), *([(2, f"{name} two", later)] if two else []), name=name, **options)

    def key_of(name):
        return keeper.status(name)["key"]["id"]

    keeper = Keeper(near, chain_of("watched") + chain_of("grown", two=False) + chain_of("freed", rollover="manual") + sessions)
    socks = {name: peer.accept() for name, peer in peers.items()}
    clients = {}
    for name in NAMES:
        keeper.wait_state("established", name)
        clients[name] = connect(near, apps[name])
        clients[name].settimeout(60)
        socks[name].sendall(b"hello")
        same(read_exactly(clients[name], 5), b"hello", name)
    # Control: nobody is followed to what is not there yet.
    for name in ("grown", "freed"):
        peers[name].change(f"{name} two")
        socks[name].sendall(b"early")
    holds_for(lambda: key_of("grown") == key_of("freed") == 1, 3, "no move before the reload")
    for name in ("grown", "freed"):
        peers[name].change(f"{name} one")
        same(read_exactly(clients[name], 5), b"early", name)

    done = keeper.reload("".join(chain_of(name) for name in NAMES) + sessions)
    same(done.stdout.split(), ["grown", "live:", "keychain", "freed", "live:", "keychain"], "what the reload did")
    for name in NAMES:
        peers[name].change(f"{name} two")
        socks[name].sendall(b"moved")
        same(read_exactly(clients[name], 5), b"moved", name)
        wait_for(lambda: key_of(name) == 2, 30, f"{name} on key 2")
        same(keeper.status(name)["established_count"], 1, f"links of {name}")
