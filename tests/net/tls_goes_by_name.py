#!/usr/bin/env python3
"""tls: the client's name and protocol pick the app, however the hello is cut, and what comes after it is not touched."""
import ssl

from kit import *

ROUTES = [{"sni": ["*.example.net"], "app": "127.0.0.1:8001"},
          {"sni": ["a.example.net"], "alpn": ["h2"], "app": "127.0.0.1:8002"},
          {"sni": ["a.example.net"], "app": "unix:{dir}/rest"},
          {"sni": ["xn--bcher-kva.example"], "app": "127.0.0.1:8003"}]

with Lab("near", "far") as lab:
    near, far = lab
    routes = [{**r, "app": r["app"].format(dir=lab.dir)} for r in ROUTES]
    keeper, listening = tls_pair(lab, {"route": routes, "default_app": "127.0.0.1:8004"})
    names = ("wild", "h2", "rest", "idn", "default")
    for name, where in zip(names, [r["app"] for r in routes] + ["127.0.0.1:8004"]):
        Named(far, where, name)

    def says(name, alpn=(), **versions):
        client = ask(connect(near, NEAR_APP), name, alpn, **versions)
        require(client.echo(), "an echo")
        client.close()
        return client.says

    same(says("b.example.net"), "wild None", "a wildcard")
    same(says("a.example.net", ["h2", "http/1.1"]), "h2 h2", "exact name and protocol")
    same(says("A.EXAMPLE.net"), "rest None", "exact name, without a protocol")
    same(says("xn--BCHER-kva.example"), "idn None", "an A-label")
    same(says("b.a.example.net"), "default None", "two labels are not one")
    same(says(None), "default None", "no name")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        same(says("b.example.net", lowest=version, highest=version), "wild None", f"{version}")
    same(counted(listening, "routed_total"),
         {"*.example.net": 3, "a.example.net h2": 1, "a.example.net": 1, "xn--bcher-kva.example": 1, "default_app": 2}, "by route")
    same(counted(listening, "hellos_total"), {"1.2": 1, "1.3": 7}, "by version")

    # The bytes that reach the app are those that were sent, in whatever pieces.

    raw = listen(far, "127.0.0.1:8005")
    listening.reload(listening.text.replace("127.0.0.1:8004", "127.0.0.1:8005"))
    whole = hello("c.other.example")
    for pieces in ([whole[i:i + 1] for i in range(len(whole))], [whole[:100], whole[100:]],
                   [records_of(whole, 1)], [records_of(whole, 50)]):
        client = connect(near, NEAR_APP)
        for piece in pieces:
            client.sendall(piece)
        server, _ = raw.accept()
        server.settimeout(20)
        expected = b"".join(pieces)
        same(read_exactly(server, len(expected)), expected, "the hello")
        # Half-closes are kept, in both directions.
        client.sendall(b"more")
        client.shutdown(1)
        same(read_to_end(server), b"more", "what came before the FIN")
        server.sendall(b"answer")
        same(read_exactly(client, 6), b"answer", "the other direction")
        server.close()
        same(read_to_end(client), b"", "the second FIN")

    # A FIN right behind the hello, before any app is there.
    client = connect(near, NEAR_APP)
    client.sendall(whole)
    client.shutdown(1)
    server, _ = raw.accept()
    server.settimeout(20)
    same(read_to_end(server), whole, "hello and FIN")
    server.close()

    # Control: without a route and a default there is an alert, and an app that is away resets the client.
    listening.reload(listening.text.replace('"default_app" = "127.0.0.1:8005"', '"min_version" = "1.2"'))
    client = connect(near, NEAR_APP)
    client.sendall(whole)
    same(alert_of(client), 112, "unrecognized_name")
    raw.close()
    listening.reload(listening.text.replace('"min_version" = "1.2"', '"default_app" = "127.0.0.1:8005"'))
    client = connect(near, NEAR_APP)
    client.sendall(whole)
    refused(lambda: read_exactly(client, 1), ConnectionResetError)
