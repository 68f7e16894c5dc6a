#!/usr/bin/env python3
"""SIGTERM: no new clients, those there may end by themselves, then exit 0; a second one, or drain_timeout, ends at once."""
import signal
import time

from kit import *


def fails(action):
    try:
        action().close()
    except OSError:
        return True


with Lab("near", "far") as lab:
    near, far = lab
    keeper, listening = pair(lab, start=False)
    serve(far, FAR_APP, echo)
    listening.start()

    def started(timeout):
        keeper.settings["drain_timeout"] = timeout
        keeper.write(keeper.text)
        keeper.start()
        client = connect(near, NEAR_APP)
        talk(client)
        return client

    client = started("60s")
    keeper.signal(signal.SIGTERM)
    wait_for(lambda: fails(lambda: connect(near, NEAR_APP)), 10, "new clients are refused")
    for _ in range(5):
        talk(client)
        time.sleep(0.2)  # the drain is given every chance to be too short
    require(keeper.process.poll() is None, "gone while a client is there")
    # What operators are told meanwhile; nothing is wrong with the file, and `up` starts nothing.
    same(keeper.status("link")["key"] and keeper.status("link")["key"]["id"], 1, "the key of the clients that remain")
    for words in (["reload"], ["reload", "--dry-run"], ["attach", "link"]):
        answer = keeper.cli(*words, expect=1)
        require("the keeper is stopping" in answer.stderr and "error" not in answer.stderr, f"{words}: {answer}")
    answer = keeper.cli("reset", "link", expect=1)
    require("is being ended" in answer.stderr and "peerhold up" not in answer.stderr, f"reset: {answer}")
    talk(client)
    client.close()
    same(keeper.wait_exit(), 0, "exit status after the last client has gone")

    client = started("60s")
    keeper.signal(signal.SIGTERM)
    wait_for(lambda: fails(lambda: connect(near, NEAR_APP)), 10, "draining")
    talk(client)
    keeper.signal(signal.SIGTERM)
    same(keeper.wait_exit(10), 0, "exit status after a second SIGTERM")
    refused(lambda: talk(client), OSError, AssertionError)

    client = started("1s")
    keeper.signal(signal.SIGTERM)
    same(keeper.wait_exit(15), 0, "exit status after drain_timeout")
    refused(lambda: talk(client), OSError, AssertionError)

    # The peer of a link hears FIN, not a reset, and not silence.
    peer = listen(far, far.at(PORT + 1), keyed(near.ip))
    last = Keeper(near, chain(lab) + session(mode="active", peer=far.at(PORT + 1), source=near.ip, link="persistent"), "last")
    link, _ = peer.accept()
    last.wait_state("established")
    last.stop()
    link.settimeout(5)
    same(link.recv(1), b"", "the end of the link at the peer")
    require(not last.control.exists(), "the control socket stayed behind")
