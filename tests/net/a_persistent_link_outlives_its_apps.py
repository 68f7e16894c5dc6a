#!/usr/bin/env python3
"""persistent: apps come and go without a word to the peer, one at a time; bytes for an absent one wait, none are lost."""
import socket
import struct

from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    peer = listen(far, far.at(PORT), keyed(near.ip))
    buffer = 64 << 10
    base = dict(mode="active", peer=far.at(PORT), source=near.ip, link="persistent", app=NEAR_APP, transport={"buffer": "64KiB"})
    key = chain(lab)
    keeper = Keeper(near, key + session(**base))
    link, _ = peer.accept()
    link.settimeout(10)
    keeper.wait_state("established")

    def app():
        sock = connect(near, NEAR_APP)
        keeper.wait_app(1)
        return sock

    def silent(sock, what):
        sock.settimeout(0.7)
        refused(lambda: sock.recv(1), TimeoutError)
        sock.settimeout(10)

    for way in ("close", "reset"):
        one = app()
        one.sendall(b"from the app")
        same(read_exactly(link, 12), b"from the app", "app to peer")
        if way == "reset":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
        keeper.wait_app(0)
        silent(link, f"the peer after an app's {way}")
        # What comes meanwhile waits for the next app.
        link.sendall(b"waiting")
        one = app()
        same(read_exactly(one, 7), b"waiting", "what waited")
        one.close()
        keeper.wait_app(0)
    now = keeper.status("link")
    same((now["established_count"], now["links"]), (1, 1), "establishments, links")
    require(now["app"]["absent_s"] is not None, f"absence is not told: {now['app']}")

    # A second app is accepted and closed at once; the first one notices nothing.
    first = app()
    for _ in range(3):
        second = connect(near, NEAR_APP)
        refused(lambda: read_exactly(second, 1), AssertionError, ConnectionResetError)
    link.sendall(b"for the first")
    same(read_exactly(first, 13), b"for the first", "bytes for the first app")
    same(keeper.status("link")["app"]["attached"], 1, "apps attached")
    first.close()
    keeper.wait_app(0)

    # With nobody there the peer is paused by TCP, never dropped; every byte arrives in the end.
    block, sent = bytes(range(251)) * 400, bytearray()
    link.settimeout(1.5)
    while len(sent) < 256 << 20:
        try:
            sent += block[:link.send(block)]
        except TimeoutError:
            break
    require(buffer <= len(sent) < 64 << 20, f"{len(sent)} bytes went into a keeper without an app")
    same(keeper.status("link")["state"], "established", "state of a paused link")
    link.settimeout(10)
    one = app()
    require(read_exactly(one, len(sent)) == bytes(sent), "what waited is not what was sent")
    # The end of the link is shown to the app, and the session goes on to the next link.
    link.close()
    same(one.recv(1), b"", "the end of the link at the app")
    link, _ = peer.accept()
    link.settimeout(10)
    keeper.wait_state("established")
    same(keeper.status("link")["last_down"]["code"], "peer-closed", "why it ended")

    # on_app_loss = "reset": no app inherits half a conversation.
    keeper.reload(key + session(**base, raw={"on_app_loss": "reset"}))
    keeper.wait_state("established")
    peer.settimeout(2)
    try:
        while True:  # were the option not live the reload has brought a new link
            link, _ = peer.accept()
    except TimeoutError:
        pass
    peer.settimeout(15)
    link.settimeout(10)
    app().close()
    refused(lambda: read_exactly(link, 1), AssertionError, ConnectionResetError)
    link, _ = peer.accept()
    keeper.wait_state("established")
