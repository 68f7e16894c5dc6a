#!/usr/bin/env python3
"""tls, proxy_protocol = "v2": the header says who the peer is, the name as the client sent it, and the one protocol it offers."""
import socket
import struct

from kit import *

AUTHORITY, ALPN = 2, 1


def header(sock):
    same(read_exactly(sock, 12), b"\r\n\r\n\0\r\nQUIT\n", "signature")
    version, _, length = struct.unpack("!BBH", read_exactly(sock, 4))
    same(version, 0x21, "version")
    body = read_exactly(sock, length)
    size = 16 if lab.family == 6 else 4
    source = socket.inet_ntop(socket.AF_INET6 if size == 16 else socket.AF_INET, body[:size])
    at, found = 2 * size + 4, {}
    while at < len(body):
        kind, count = struct.unpack_from("!BH", body, at)
        found[kind] = body[at + 3:at + 3 + count]
        at += 3 + count
    return source, found


with Lab("near", "far") as lab:
    near, far = lab
    _, keeper = tls_pair(lab, {"default_app": FAR_APP, "proxy_protocol": "v2"})
    seen = []
    Named(far, FAR_APP, "server", prepare=lambda sock: seen.append(header(sock)))
    for name, alpn, told in (("A.example.NET", ["h2"], {AUTHORITY: b"A.example.NET", ALPN: b"h2"}),
                             ("a.example.net", ["h2", "http/1.1"], {AUTHORITY: b"a.example.net"}),
                             (None, [], {}), ("x" * 60 + "." + "y" * 60 + ".net", ["h2"], None)):
        require(ask(connect(near, NEAR_APP), name, alpn).echo(), f"TLS for {name} after the header")
        source, found = seen.pop()
        same(source, near.ip, "the peer")
        same(found, {AUTHORITY: name.encode(), ALPN: b"h2"} if told is None else told, f"told of {name}")
    # Control: off is the default.
    keeper.reload(keeper.text.replace('"proxy_protocol" = "v2"', '"proxy_protocol" = "off"'))
    plain = listen(far, "127.0.0.1:8001")
    keeper.reload(keeper.text.replace(FAR_APP, "127.0.0.1:8001"))
    client = connect(near, NEAR_APP)
    client.sendall(hello("a.example.net"))
    server, _ = plain.accept()
    same(read_exactly(server, 1), b"\x16", "first byte without the option")
