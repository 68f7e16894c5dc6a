#!/usr/bin/env python3
"""Each wrong setting on either side is told as what it is, with the code of the RFC and in words; what no retry can cure
is tried again slowly. Control: the same session with nothing wrong comes up at once.
"""
from interop.held import *
from interop.routers import *
from kit import *

# A retry that cannot help starts at a quarter of `max`, a quarter less by jitter; others at `min`.
RETRY = {"min": "100ms", "max": "40s"}
SLOW = 7


def router_with(more, local_as=ROUTER_AS):
    neighbour = Neighbour(near.ip, **{"peer_as": APP_AS, "local": far.ip, "password": PASSWORD, "passive": True, **more})
    router.neighbours, router.local_as = [neighbour], local_as
    router.start()


def mistake(name, words, router_more=None, router_as=ROUTER_AS, code="notification", slow=True, **bgp):
    """A session that cannot come up. `words` stand in last_error; returns the keeper's status of it."""
    global keepers
    keepers += 1
    router_with(router_more or {}, router_as)
    keeper = Keeper(near, chain(lab, f"k{keepers}") + bgp_session(near, far, keychain=f"k{keepers}", retry=RETRY, bgp=bgp),
                    name=f"keeper{keepers}")
    now = wait_for(lambda: (lambda s: s if (s["last_error"] or {}).get("code") == code and s["state"] == "backoff" else None)
                   (keeper.status("link")), 20, f"{name}: {code}; {keeper.status('link')}", every=0.01)
    for word in words:
        require(word in now["last_error"]["text"], f"{name}: {word!r} in {now['last_error']}")
    same(now["retry_in_s"] > SLOW, slow, f"{name}: slow to retry: {now['retry_in_s']}")
    require(router.state() != "Established", f"{name}: {router.state()}")
    keeper.stop()
    router.stop()
    return now


keepers = 0
with Lab("near", "far") as lab:
    near, far = lab
    router = Bird(far, "router", ROUTER_AS, [Neighbour(near.ip, APP_AS, far.ip, PASSWORD, passive=True)], start=False)

    # The router is not in the AS that we expect: we say so (2/2). It does not expect ours: it says so.
    now = mistake("the router's AS", ["Bad Peer AS", str(ROUTER_AS + 1)], router_as=ROUTER_AS + 1)
    same(now["plugin_status"]["notification_sent"]["code"], 2, "code of what was sent")
    now = mistake("our AS", ["the peer", "Bad Peer AS"], local_as=APP_AS + 1)
    same((now["plugin_status"]["notification_received"]["code"], now["plugin_status"]["notification_received"]["subcode"]),
         (2, 2), "what was received")
    # No family in common (RFC 5492), either way round.
    now = mistake("families", ["Unsupported Capability", "unicast"], {"families": ("ipv6",)})
    # Roles (RFC 9234), which BIRD tells us, or we tell BIRD.
    now = mistake("roles", ["Role Mismatch"], {"role": "provider"}, role="provider")
    # A hold time that the router will not have.
    now = mistake("hold time", ["Unacceptable Hold Time"], {"options": "min hold time 20;", "hold_time": 90}, slow=False, hold_time="9s")
    # The wrong key is the kernel's to refuse: no BGP is ever spoken.
    mistake("the key", ["key"], {"password": "quite.another.key"}, code="connect-timeout", slow=False)

    # The router's administrator shuts the session down and says why (RFC 9003). What was received stays to be seen.
    router_with({})
    keeper = Keeper(near, chain(lab) + bgp_session(near, far, retry=RETRY))
    router.established()
    app = Bird(near, "app", APP_AS, [app_neighbour()], ["198.51.100.0/24"])
    app.established()
    router.birdc("disable", router.protocol(), '"moved to rack 7"')
    now = keeper.wait_state("backoff", deadline=10)
    same(now["last_down"]["code"], "notification", "why it went down")
    for word in ("Administrative Shutdown", "moved to rack 7"):
        require(word in now["last_down"]["text"], f"{word!r} in {now['last_down']}")
    require(now["retry_in_s"] > SLOW, f"slow after a shutdown: {now['retry_in_s']}")
    wait_for(lambda: app.state() != "Established", 10, "the app is told")
    require("Received: Administrative shutdown" in app.last_error() and "moved to rack 7" in app.said(),
            f"the app heard: {app.last_error()}")
    app.stop()
    keeper.stop()
    router.stop()

    # The app's mistakes touch its own session only. With nothing wrong: established.
    router_with({"families": ("ipv4", "ipv6")})
    keeper = Keeper(near, chain(lab, "z") + bgp_session(near, far, keychain="z", bgp={"families": ["ipv4-unicast", "ipv6-unicast"]}),
                    name="keeper")
    router.established()
    quiet = Unnoticed(router)
    for name, local_as, families, words in (("AS", APP_AS + 7, ("ipv4", "ipv6"), ["Bad Peer AS", str(APP_AS + 7)]),
                                            ("family", APP_AS, ("ipv4",), ["ipv6-unicast", "[session.bgp]"])):
        app = Bird(near, f"wrong-{name}", local_as, [app_neighbour(families=families)])
        wait_for(lambda: all(word in keeper.status("link")["plugin_status"].get("app_refused", "") for word in words), 20,
                 f"the app's {name}")
        for word in words:
            require(word in keeper.status("link")["health_text"], f"{word!r} in {keeper.status('link')['health_text']!r}")
        same(keeper.status("link")["health"], "degraded", "its health")
        wait_for(lambda: "Received: " in app.last_error(), 10, f"the app is told as well: {app.last_error()}")
        app.stop()
    app = Bird(near, "right", APP_AS, [app_neighbour(families=("ipv4", "ipv6"))])
    app.established()
    wait_for(lambda: "app_refused" not in keeper.status("link")["plugin_status"], 10, "nothing wrong any more")
    same(keeper.status("link")["health"], "ok", "its health")
    quiet.check("an app's mistakes")
