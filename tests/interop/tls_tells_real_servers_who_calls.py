#!/usr/bin/env python3
"""tls, proxy_protocol = "v2": nginx and HAProxy read from the header who the peer is, HAProxy the name that it asked for as well.

Control: without the header both refuse, since they insist on one."""
from kit import *

NGINX, HAPROXY = "one.example.net", "two.example.net"
with Lab("near", "far") as lab:
    near, far = lab
    _, keeper = tls_pair(lab, {"proxy_protocol": "v2", "route": [{"sni": [NGINX], "app": "127.0.0.1:8441"},
                                                                 {"sni": [HAPROXY], "app": "127.0.0.1:8442"}]})
    nginx(far, [(8441, NGINX, " proxy_protocol")])
    config = lab.dir / "haproxy.cfg"
    config.write_text("defaults\n mode http\n timeout connect 5s\n timeout client 20s\n timeout server 20s\n"
                      f"frontend it\n bind 127.0.0.1:8442 accept-proxy ssl crt {certificate(lab, HAPROXY)}\n"
                      " http-request return status 200 hdr x-peer %[src] hdr x-authority %[fc_pp_authority]\n")
    far.popen("haproxy", "-db", "-f", config)
    wait_for(lambda: "127.0.0.1:8442" in far.run("ss", "-Hltn").stdout, 20, "haproxy listens")
    port = NEAR_APP.rsplit(":", 1)[1]

    def curl(name, expect=0):
        """The answer's header, or curl's complaint."""
        done = near.run("curl", "-sS", "-m", "20", "-D", "-", "-o", "/dev/null", "--cacert", certificate(lab, name), "--resolve",
                        f"{name}:{port}:127.0.0.1", f"https://{name}:{port}/", expect=expect)
        return dict(line.lower().split(": ", 1) for line in done.stdout.splitlines() if ": " in line)

    same(curl(NGINX).get("x-peer"), near.ip, "the peer, as nginx has it")
    seen = curl(HAPROXY)
    same((seen.get("x-peer"), seen.get("x-authority")), (near.ip, HAPROXY), "the peer and the name, as HAProxy has them")

    keeper.reload(keeper.text.replace('"proxy_protocol" = "v2"', '"proxy_protocol" = "off"'))
    for name in (NGINX, HAPROXY):
        curl(name, expect=35)  # the TLS handshake fails
