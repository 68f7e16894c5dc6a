#!/usr/bin/env python3
"""tls: openssl s_client and curl through two keepers to nginx and openssl s_server: TLS 1.2 and 1.3, HTTP/2, renegotiation,
resumption and early data work as without anybody in between."""
import subprocess

from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    route = [{"sni": ["one.example.net"], "app": "127.0.0.1:8441"}, {"sni": ["*.example.net"], "app": "127.0.0.1:8442"},
             {"sni": ["openssl.example.org"], "app": "127.0.0.1:8443"}, {"sni": ["early.example.org"], "app": "127.0.0.1:8444"}]
    _, keeper = tls_pair(lab, {"route": route})
    nginx(far, [(8441, "one.example.net", ""), (8442, "two.example.net", "")])
    s_server(far, 8443, "openssl.example.org", "-tls1_2", "-client_renegotiation", "-legacy_renegotiation")
    s_server(far, 8444, "early.example.org", "-early_data")
    port = NEAR_APP.rsplit(":", 1)[1]

    def curl(name, *words, expect=0):
        return near.run("curl", "-sS", "-m", "20", "--cacert", certificate(lab, name), "--resolve", f"{name}:{port}:127.0.0.1", *words,
                        f"https://{name}:{port}/", expect=expect)

    # Each name's own certificate is what the client verifies; the protocol is what both offer.
    for name in ("one.example.net", "two.example.net"):
        same(curl(name).stdout.strip(), f"{name} TLSv1.3 HTTP/2.0 .", "HTTP/2 by ALPN")
        same(curl(name, "--http1.1", "--tls-max", "1.2").stdout.strip(), f"{name} TLSv1.2 HTTP/1.1 .", "TLS 1.2, HTTP/1.1")
    same(curl("none.example.org", expect=35).stdout, "", "a name without a route")
    same(counted(keeper, "refused_total"), {"no-route": 1}, "refused")

    def s_client(name, *words, say="", until="", written=None):
        """What s_client prints, once `until` is there, or the file `written`; then it is told to go."""
        process = near.popen("openssl", "s_client", "-connect", NEAR_APP, "-servername", name, "-CAfile", certificate(lab, name),
                             "-verify_return_error", *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        process.stdin.write(say.encode())
        process.stdin.flush()
        seen = b""
        while until.encode() not in seen:
            more = process.stdout.read1(65536)
            require(more, f"s_client {words}: ended before {until!r}: {seen.decode()}")
            seen += more
        if written:
            wait_for(lambda: written.exists() and "-----END" in written.read_text(), 20, f"{written}")
        process.stdin.close()
        seen += process.stdout.read()
        same(process.wait(20), 0, f"s_client {words}: {seen.decode()[-500:]}")
        return seen.decode()

    for version in ("-tls1_2", "-tls1_3"):
        ticket = lab.dir / f"ticket{version}"
        # TLS 1.3 sends its tickets after the handshake.
        first = s_client("one.example.net", version, "-sess_out", ticket, say="GET / HTTP/1.0\r\n\r\n", until="200 OK")
        require("Verify return code: 0" in first and "New, TLSv1" in first, first)
        require("Reused, TLSv1" in s_client("one.example.net", version, "-sess_in", ticket, say="GET / HTTP/1.0\r\n\r\n", until="200 OK"),
                f"{version}: resumed")
    again = s_client("openssl.example.org", "-tls1_2", say="R\n", until="RENEGOTIATING")
    require("Verify return code: 0" in again and "error" not in again.split("RENEGOTIATING")[1].lower(), again)

    early, ticket = lab.dir / "early", lab.dir / "ticket-early"
    early.write_text("early words\n")
    s_client("early.example.org", "-sess_out", ticket, written=ticket)
    s_client("early.example.org", "-sess_in", ticket, "-early_data", early, until="Early data was accepted")
    wait_for(lambda: "early words" in (lab.dir / "8444.out").read_text(), 20, "the server has the early data")

    # Control: a certificate of another name is noticed, so it was each server's own above.
    wrong = near.run("curl", "-sS", "-m", "20", "--cacert", certificate(lab, "one.example.net"), "--resolve",
                     f"two.example.net:{port}:127.0.0.1", f"https://two.example.net:{port}/", expect=60)
    require("certificate" in wrong.stderr, wrong.stderr)
