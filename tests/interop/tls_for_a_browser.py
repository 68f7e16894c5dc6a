#!/usr/bin/env python3
"""tls: headless Chromium, with its GREASE and post-quantum key shares, gets each name's own page over HTTP/2 through two keepers."""
from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    _, keeper = tls_pair(lab, {"route": [{"sni": ["one.example.net"], "alpn": ["h2"], "app": "127.0.0.1:8441"},
                                         {"sni": ["*.example.net"], "app": "127.0.0.1:8442"}], "proxy_protocol": "off"})
    nginx(far, [(8441, "one.example.net", ""), (8442, "two.example.net", "")])
    port = NEAR_APP.rsplit(":", 1)[1]

    def page(name):
        return near.run("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                        "--disable-component-update", f"--user-data-dir={lab.dir}/chromium", "--ignore-certificate-errors",
                        "--host-resolver-rules=MAP *.example.net 127.0.0.1", "--dump-dom", f"https://{name}:{port}/", expect=None,
                        timeout=100).stdout

    for name in ("one.example.net", "two.example.net"):
        text = page(name)
        require(f"{name} TLSv1.3 HTTP/2.0" in text, text)
    by_route = counted(keeper, "routed_total")
    require(by_route.get("one.example.net h2", 0) > 0 and by_route.get("*.example.net", 0) > 0, by_route)
    require(set(counted(keeper, "hellos_total")) == {"1.3"}, counted(keeper, "hellos_total"))
    # Control: a name without a route is no page.
    require("TLSv1" not in page("a.b.example.net"), "a page for a name without a route")
    require(counted(keeper, "refused_total").get("no-route", 0) > 0, counted(keeper, "refused_total"))
