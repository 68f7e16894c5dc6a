#!/usr/bin/env python3
"""The peer changes its key without telling: the keeper finds which one of the chain, and moves the live link and
whatever is to come; with capture and, where CAP_NET_RAW is not there, by trial. A key of no chain is not accepted."""
import itertools

from kit import *
from kit.keys import *

NOBODY = 65534

with Lab("near", "far") as lab:
    near, far = lab

    def follow(name, mode, user, pace, count=2, quiet=False, mute=False):
        """The peer walks over some keys of a chain of so many. `quiet`: it speaks once; `mute`: it only answers."""
        entries = [(n, f"key number {n}", *([stamp(100 * n)] if n > 1 else [])) for n in range(1, count + 1)]
        peer = Peer(far, near.ip, entries[0][1])
        options = {"link": "persistent", "app": NEAR_APP}
        if mode == "active":
            peer.listen(PORT)
            options |= {"mode": "active", "peer": far.at(PORT), "source": near.ip}
        else:
            options |= {"mode": "passive", "peer": far.ip, "source": near.at(PORT)}
        keeper = Keeper(near, keys(lab, *entries, owner=user or 0, accept_tolerance="1d") + session(**options), name, user=user)
        sock = peer.accept() if mode == "active" else peer.dial(PORT)
        app = connect(near, NEAR_APP)
        if quiet:
            talk_both(app, sock)
        else:
            streams = Stream(app, pace), Stream(sock, pace)
            for stream in streams:
                stream.flows()
        events = keeper.watch("link")
        # Far away keys are found by capture at once; by trial the nearest come first.
        walk = (2, 1) if count == 2 else (count, 1, count // 2) if user is None else (3, 1)
        for to in walk:
            if quiet and to == walk[0]:
                # Our acknowledgement does not arrive: what it sends under the new key are bytes that we have.
                far.nft(f"add rule inet lab in {'ip6' if lab.family == 6 else 'ip'} saddr {near.ip} drop")
                sock.sendall(b"again")
                same(read_exactly(app, 5), b"again", "the last bytes under the old key")
                peer.change(f"key number {to}")
                far.heal()
                wait_for(lambda: keeper.status("link")["key"]["id"] == to, 60, "following a peer that has nothing new to say")
            peer.change(f"key number {to}")
            if quiet:
                first, then = (app, sock) if mute else (sock, app)
                first.sendall(b"after")
                then.settimeout(60)
                same(read_exactly(then, 5), b"after", "what was said first after the change")
                talk_both(app, sock)
            else:
                for stream in streams:
                    stream.flows(120)
            now = wait_for(lambda: (s := keeper.status("link"))["key"]["id"] == to and s["key_confirmed"] and s, 60, f"key {to} in use")
            same((now["key"]["cause"], now["established_count"]), ("peer", 1), f"{name}: the session on key {to}")
        wait_for(lambda: len(events.find(event="key", cause="peer")) >= len(walk), what="an event for each move")
        same([e["to"] for e in events.find(event="key", cause="peer")], [str(to) for to in walk], "moves after the peer")

        # A key of no chain: never accepted. Back on its own key the peer is heard again.
        peer.change("somebody else's")
        holds_for(lambda: len(events.find(event="key")) == len(walk), 2, "no move, with a peer on a foreign key")
        peer.change(f"key number {walk[-1]}")
        if quiet:
            talk_both(app, sock)
        else:
            for stream in streams:
                stream.flows(120)
        same(keeper.status("link")["established_count"], 1, "establishments")
        if not quiet:
            for stream in streams:
                stream.stop()
        keeper.stop()
        peer.close()

    def talk_both(app, sock):
        for one, other in ((app, sock), (sock, app)):
            one.settimeout(60)
            other.settimeout(60)
            one.sendall(b"word")
            same(read_exactly(other, 4), b"word", "a word")

    for (mode, user), pace in itertools.product([("active", None), ("passive", NOBODY)], (0.05, None)):
        follow(f"{mode}.{'trial' if user else 'capture'}.{'slow' if pace else 'full'}", mode, user, pace)
    follow("passive.capture", "passive", None, 0.05, count=10)
    follow("active.trial", "active", NOBODY, 0.05, count=10)
    follow("quiet.capture", "active", None, None, quiet=True)
    follow("quiet.trial", "passive", NOBODY, None, quiet=True)
    # Nobody but our app speaks: nothing that fails comes here, only nothing at all.
    follow("mute.capture", "active", None, None, quiet=True, mute=True)
    follow("mute.trial", "passive", NOBODY, None, quiet=True, mute=True)
    follow("hundred", "active", None, 0.05, count=100)
