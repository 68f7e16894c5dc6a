#!/usr/bin/env python3
"""tls: what is no TLS, or leads nowhere, is answered with an alert, counted and named in the log; others notice nothing."""
import ssl

from kit import *

UNEXPECTED, OVERFLOW, ILLEGAL, DECODE, VERSION, NAME = 10, 22, 47, 50, 70, 112


def bad(name):
    """A hello for a name that no client of OpenSSL's would ask for."""
    return hello("x" * len(name)).replace(b"x" * len(name), name)


BAD = {
    "http": (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", UNEXPECTED),
    "plain-text": (b"SSH-2.0-OpenSSH_9.2\r\n", UNEXPECTED),
    "sslv2": (bytes([0x80, 46, 1, 0, 2]) + bytes(41), VERSION),
    "dtls": (bytes([22, 0xfe, 0xff]) + bytes(30), VERSION),
    "not-tls": (bytes(50), UNEXPECTED),
    "not-hello": (record(b"\1\0", kind=23), UNEXPECTED),
    "oversized": (record(b"\1\0\xff\xff"), OVERFLOW),
    "malformed": (record(b"\1\0\0\4abcd"), DECODE),
    "bad-name": (bad(b"a b.example.net"), ILLEGAL),
    "no-route": (hello("other.example"), NAME),
    "old-version": (hello("a.example.net", lowest=ssl.TLSVersion.TLSv1_1, highest=ssl.TLSVersion.TLSv1_1), VERSION),
}

with Lab("near", "far") as lab:
    near, far = lab
    # The near keeper of this test looks at nothing, so that far sees it all.
    _, far_keeper = tls_pair(lab, {"route": [{"sni": ["a.example.net"], "app": FAR_APP}]}, near_options={"plugin": "raw", "tls": None},
                             far_options={"log_level": "info"})
    Named(far, FAR_APP, "server")
    bystander = ask(connect(near, NEAR_APP), "a.example.net")

    def refuses(keeper, why, data, alert):
        client = connect(near, NEAR_APP)
        client.sendall(data)
        same(alert_of(client), alert, why)
        require(bystander.echo(), f"the other connection, after {why}")

    for why, (data, alert) in BAD.items():
        refuses(far_keeper, why, data, alert)
    same(counted(far_keeper, "refused_total"), {why: 1 for why in BAD}, "counted")
    for why in BAD:
        require(f"refused, {why}: " in far_keeper.log_text(), f"{why} is named in the log")
    # Cut short, at its end or anywhere before.
    whole = hello("a.example.net")
    for size in (1, 5, 60, len(whole) - 1):
        client = connect(near, NEAR_APP)
        client.sendall(whole[:size])
        client.shutdown(1)
        same(alert_of(client), None, f"cut after {size}")
    wait_for(lambda: counted(far_keeper, "refused_total").get("cut-short") == 4, 20, "cut short, counted")
    # Who comes and goes without a word is nobody.
    connect(near, NEAR_APP).close()
    wait_for(lambda: far_keeper.status("link")["links"] == 1, 20, "gone again")
    same(sum(counted(far_keeper, "refused_total").values()), len(BAD) + 4, "refused in all")

    # The log is not filled by them: the 1st, 2nd, 4th, 8th … of a kind.
    for _ in range(20):
        refuses(far_keeper, "http", *BAD["http"])
    same(far_keeper.log_text().count("refused, http: "), 5, "lines about 21 refusals: the 1st, 2nd, 4th, 8th, 16th")

    # An active session does the same before the peer is dialled for anybody.
    bystander.close()
    near_keeper = Keeper(near, lab.keepers[0].text.replace('plugin = "raw"', 'plugin = "tls"').replace(NEAR_APP, "127.0.0.1:7001") +
                         'tls = {"route" = [{"sni" = ["a.example.net"]}]}\n', name="near2")
    before = far_keeper.status("link")["established_count"]
    for why, (data, alert) in BAD.items():
        client = connect(near, "127.0.0.1:7001")
        client.sendall(data)
        same(alert_of(client), alert, f"active, {why}")
    same(counted(near_keeper, "refused_total"), {why: 1 for why in BAD}, "counted by the active one")
    same(near_keeper.status("link")["attempts"], 0, "dials for who was refused")
    same(far_keeper.status("link")["established_count"], before, "links to the peer")
    # Control: a client that belongs here gets through the same keeper.
    same(ask(connect(near, "127.0.0.1:7001"), "a.example.net").says, "server None", "a client of its own")
    same(near_keeper.status("link")["attempts"], 1, "dials for who was not")
