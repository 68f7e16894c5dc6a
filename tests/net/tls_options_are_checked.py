#!/usr/bin/env python3
"""tls: what contradicts itself is an error of `check`, with its place and what to do."""
from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    key = chain(lab)
    passive = {"plugin": "tls", "mode": "passive", "peer": near.ip, "source": far.at(PORT), "tls": {"default_app": FAR_APP}}
    active = {"plugin": "tls", "mode": "active", "peer": far.at(PORT), "app": NEAR_APP}
    config = lab.dir / "c.toml"

    def check(options, expect):
        config.write_text(key + session(**options) + f'\n[keeper]\ncontrol = "{lab.dir}/c.sock"\n')
        return cli(near, "check", "-c", config, *plugin_dir_words(), expect=expect).stderr

    def wrong(options, *words):
        text = check(options, 2)
        require(all(word in text for word in words), f"{text!r} lacks one of {words}")

    route = {"sni": ["a.example.net"], "app": FAR_APP}
    for good in (passive, active, {**active, "tls": {"route": [{"sni": ["*.example.net"], "alpn": ["h2"]}]}},
                 {**passive, "tls": {"route": [route], "min_version": "1.3"}}, {**passive, "app": FAR_APP, "tls": {}}):
        check(good, 0)
    wrong({**active, "link": "persistent"}, "persistent", "per-client")
    wrong({**active, "mode": "both", "source": near.at(PORT)}, "both")
    wrong({**passive, "tls": {}}, "route", "default_app")
    wrong({**passive, "tls": {"route": [{"sni": ["a"]}]}}, "where do these clients go")
    wrong({**active, "tls": {"route": [route]}}, "go to its peer")
    wrong({**active, "tls": {"default_app": FAR_APP}}, "default_app", "go to its peer")
    wrong({**active, "tls": {"proxy_protocol": "v2"}}, "PROXY header")
    wrong({**active, "tls": {"min_version": "1.4"}}, "min_version", "1.3")
    wrong({**active, "tls": {"hello_timeout": "1ms"}}, "hello_timeout")
    for name, words in (("bücher.example", "xn--"), ("*", "default_app"), ("a.*.net", "*.example.net"), ("a..b", "DNS")):
        wrong({**active, "tls": {"route": [{"sni": [name]}]}}, words)
    wrong({**passive, "tls": {"default_app": "192.0.2.9:443"}}, "default_app", "app_remote")
    wrong({**passive, "tls": {"route": [{**route, "app": "192.0.2.9:443"}]}}, "tls.route[1].app", "app_remote")
    check({**passive, "app_remote": True, "tls": {"default_app": "192.0.2.9:443"}}, 0)
