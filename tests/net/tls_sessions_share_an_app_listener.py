#!/usr/bin/env python3
"""tls, active: the client's name picks the session, and with it the peer and the key; nobody's client is the first one's to refuse."""
import time

from kit import *

with Lab("near", "one", "two") as lab:
    near, one, two = lab
    keys = {host.name: chain(lab, host.name, f"secret.of.{host.name}") for host in (one, two)}

    def active(host, names, **tls):
        return session(host.name, plugin="tls", mode="active", peer=host.at(PORT), source=near.ip, keychain=host.name, app=NEAR_APP,
                       tls={"hello_timeout": "1s", "route": [{"sni": names}], **tls})

    far = {}
    for host in (one, two):
        far[host] = Keeper(host, keys[host.name] + session(plugin="tls", mode="passive", peer=near.ip, source=host.at(PORT), app=None,
                                                           keychain=host.name, tls={"default_app": FAR_APP}))
        Named(host, FAR_APP, host.name)
    keeper = Keeper(near, "".join(keys.values()) + active(one, ["one.example.net", "*.example.net"]) + active(two, ["two.example.net"]))
    for name, expected in (("one.example.net", "one"), ("two.example.net", "two"), ("TWO.example.net", "two"), ("x.example.net", "one")):
        same(ask(connect(near, NEAR_APP), name).says, f"{expected} None", name)
    same([counted(keeper, "routed_total", name) for name in ("one", "two")],
         [{"one.example.net": 2}, {"two.example.net": 2}], "by session and route")

    # The hello in single bytes: nobody is asked before it is whole.
    whole = hello("two.example.net")
    client = connect(near, NEAR_APP)
    for byte in whole[:-1]:
        client.sendall(bytes([byte]))
    attempts = {name: keeper.status(name)["attempts"] for name in ("one", "two")}
    client.sendall(whole[-1:])
    require(read_exactly(client, 1) == b"\x16", "a ServerHello")
    same({name: keeper.status(name)["attempts"] for name in ("one", "two")}, {**attempts, "two": attempts["two"] + 1}, "dials")

    # Nobody's: refused by the first session, without a dial.
    for data, alert in ((hello("a.other"), 112), (b"EHLO there\r\n", 10), (bytes([22, 3, 1, 0, 0]), 50)):
        client = connect(near, NEAR_APP)
        client.sendall(data)
        same(alert_of(client), alert, "alert")
    client = connect(near, NEAR_APP)
    client.sendall(whole[:40])
    client.shutdown(1)
    same(alert_of(client), None, "cut short")
    # Silent ones: closed in hello_timeout, although connect_timeout is three times that.
    silent = [connect(near, NEAR_APP) for _ in range(5)]
    begun = time.monotonic()
    for sock in silent:
        same(alert_of(sock), None, "nothing is said to the silent")
    require(time.monotonic() - begun < 20, "in time")
    wait_for(lambda: counted(keeper, "refused_total", "one") ==
             {"no-route": 1, "plain-text": 1, "malformed": 1, "cut-short": 1, "timeout": 5}, 20, "counted")
    same(counted(keeper, "refused_total", "two"), {}, "the second one refuses nobody")
    same({name: keeper.status(name)["attempts"] for name in ("one", "two")}, {**attempts, "two": attempts["two"] + 1}, "dials")

    # A reload moves a name to the other session, live.
    keeper.reload(keeper.text.replace("two.example.net", "moved.example.net"))
    same(ask(connect(near, NEAR_APP), "two.example.net").says, "one None", "now the wildcard's")
    same(ask(connect(near, NEAR_APP), "moved.example.net").says, "two None", "the new name")

    # Control: sessions whose plugin does not tell apps apart may not share.
    keeper.write(keeper.text.replace('plugin = "tls"', 'plugin = "raw"').replace("tls = {", "raw = {} #"))
    wrong = cli(near, "check", "-c", keeper.config, *plugin_dir_words(), expect=2).stderr
    require("nothing tells their apps apart" in wrong, wrong)
