#!/usr/bin/env python3
"""proxy_protocol = "v2": the app first reads a PROXY header with the peer's and our address, then the peer's bytes."""
import socket
import struct

from kit import *

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
with Lab("near", "far") as lab:
    near, far = lab
    _, listening = pair(lab, far_options={"raw": {"proxy_protocol": "v2"}})
    app = listen(far, FAR_APP)
    client = connect(near, NEAR_APP)
    client.sendall(b"payload")
    server, _ = app.accept()
    server.settimeout(10)
    same(read_exactly(server, 12), SIGNATURE, "signature")
    version, family, length = struct.unpack("!BBH", read_exactly(server, 4))
    same((version, family), (0x21, 0x21 if lab.family == 6 else 0x11), "version, family")
    body = read_exactly(server, length)
    size = 16 if lab.family == 6 else 4
    source, target = (socket.inet_ntop(socket.AF_INET6 if size == 16 else socket.AF_INET, body[i * size:(i + 1) * size]) for i in (0, 1))
    ports = struct.unpack_from("!HH", body, 2 * size)
    same((source, target, ports[1]), (near.ip, far.ip, PORT), "peer address, own address, own port")
    local = [s["local"] for s in near.sockets() if s["state"] == "ESTAB" and s["peer"].endswith(f":{PORT}")]
    same([text.rsplit(":", 1)[1] for text in local], [str(ports[0])], "the peer's port")
    same(read_exactly(server, 7), b"payload", "the peer's bytes")
    server.sendall(b"answer")
    same(read_exactly(client, 6), b"answer", "the app's bytes")

    # Control: off is the default.
    listening.reload(listening.text.replace('raw = {"proxy_protocol" = "v2"}\n', ""))
    client = connect(near, NEAR_APP)
    client.sendall(b"payload")
    server, _ = app.accept()
    server.settimeout(10)
    same(read_exactly(server, 7), b"payload", "the first bytes without the option")
