#!/usr/bin/env python3
"""An app or peer that stops reading pauses the sender by TCP: memory stays bounded, and not a byte is lost."""
import hashlib
import threading

from kit import *

STREAMS, OFFERED, BOUND = 20, 64 << 20, 24 << 20
with Lab("near", "far") as lab:
    near, far = lab
    small = {"transport": {"buffer": "64KiB"}}
    keepers = pair(lab, near_options=small, far_options=small)
    go, digests = threading.Event(), []

    def stalled(sock):
        go.wait()
        hasher = hashlib.sha256()
        while data := sock.recv(1 << 16):
            hasher.update(data)
        digests.append(hasher.hexdigest())

    serve(far, FAR_APP, stalled)
    before = [keeper.memory() for keeper in keepers]
    clients = [connect(near, NEAR_APP) for _ in range(STREAMS)]
    block, sent, hashers = bytes(range(256)) * 256, [0] * STREAMS, [hashlib.sha256() for _ in range(STREAMS)]
    for sock in clients:
        sock.settimeout(0)

    def push():
        """Offers more on every stream; the number of streams that took some."""
        moved = 0
        for number, sock in enumerate(clients):
            while sent[number] < OFFERED:
                try:
                    taken = sock.send(block)
                except BlockingIOError:
                    break
                hashers[number].update(block[:taken])
                sent[number] += taken
                moved += 1
        return moved

    quiet = 0
    while quiet < 20:  # a second without anybody taking a byte
        quiet = quiet + 1 if push() == 0 else 0
        threading.Event().wait(0.05)
    require(min(sent) > 0 and max(sent) < OFFERED, f"the senders were not paused: {sent}")
    for keeper, start in zip(keepers, before):
        grown = keeper.memory() - start
        print(f"{keeper.name}: {grown >> 10} KiB for {STREAMS} stalled streams, {sum(sent) >> 20} MiB sent")
        require(grown < BOUND, f"{keeper.name} grew by {grown >> 20} MiB")
    # Those who do read are served meanwhile, and what waited arrives whole.
    go.set()
    for sock in clients:
        sock.settimeout(30)
        sock.close()
    wait_for(lambda: len(digests) == STREAMS, 60, "all streams end")
    same(sorted(digests), sorted(h.hexdigest() for h in hashers), "digests")
