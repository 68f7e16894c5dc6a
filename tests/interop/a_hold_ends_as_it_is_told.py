#!/usr/bin/env python3
"""The pretence ends: by hold_limit, by an operator, by a crash loop, or at once where on_app_loss says so.

Control in each part: until then the routes are there.
"""
import re

from interop.held import *
from interop.routers import *
from kit import *

OWN = many(4, "198.51.100.0/28")


def lose(app, keeper):
    app.stop()
    keeper.wait_app(0)


def attach(app, router):
    app.start()
    app.established()
    router.has(*OWN)


def part(name, bgp, **options):
    """A keeper with these rules, its router and an app that has announced its routes; and what must not change."""
    keeper = Keeper(near, chain(lab, name) + bgp_session(near, far, keychain=name, bgp=bgp, **options), name=name)
    router.established()
    if app.alive:
        app.stop()
    attach(app, router)
    wait_for(lambda: keeper.status("link")["plugin_status"]["routes_stale"] == 0, 10, "nothing is stale")
    return keeper, router.established_since()


with Lab("near", "far") as lab:
    near, far = lab
    router = Bird(far, "router", ROUTER_AS, [Neighbour(near.ip, APP_AS, far.ip, PASSWORD, passive=True)])
    app = ExaBgp(near, "app", APP_AS, [app_neighbour()], OWN, start=False)

    # The limit: withdrawn, and Established.
    keeper, since = part("limit", {"hold_limit": "4s", "on_hold_limit": "withdraw"})
    lose(app, keeper)
    left = keeper.status("link")["app"]["hold_left_s"]
    require(left is not None and 0 < left <= 4, f"what is left of the hold: {left}")
    require("releases in" in keeper.cli("status").stdout, "the table says when it ends")
    same(router.routes(), set(OWN), "the routes until then")
    router.lacks(*OWN)
    same((router.established_since(), router.last_error()), (since, ""), "the session after the limit")
    same(keeper.status("link")["plugin_status"]["routes_held"], 0, "nothing is held any more")

    # An operator holds for longer than the limit ...
    attach(app, router)
    keeper.cli("hold", "link", "--for", "1h")
    lose(app, keeper)
    require(keeper.status("link")["app"]["hold_left_s"] > 3000, "an hour is left")
    holds_for(lambda: router.count() == len(OWN), 6, "the routes beyond the limit")
    # ... and ends it. Once more there is nothing to end.
    same("4 routes released" in keeper.cli("release", "link").stdout, True, "what release says")
    router.lacks(*OWN)
    same(router.established_since(), since, "the session after release")
    answer = keeper.cli("release", "link", expect=None)
    require(answer.returncode != 0 and "nothing is held" in answer.stderr, f"a second release: {answer}")

    # A crash loop runs the limit out, although each time something attaches.
    attach(app, router)
    keeper.reload(keeper.text.replace('"4s"', '"6s"').replace('"reset_after" = "200ms"', '"reset_after" = "1h"'))
    lose(app, keeper)
    spent = []
    while len(spent) < 20 and router.count() == len(OWN):
        app.start()
        app.established()
        lose(app, keeper)
        spent.append(keeper.status("link")["app"]["hold_left_s"])
        holds_for(lambda: True, 0.5)  # what a program needs until it is started again
    lives = [left for left in spent if left is not None]
    require(len(spent) < 20 and lives == sorted(lives, reverse=True), f"each life leaves less of the 6 s: {spent}")
    router.lacks(*OWN)
    same(router.established_since(), since, "the session after a crash loop")
    keeper.stop()

    # The limit: closed until an app comes.
    keeper, since = part("closing", {"hold_limit": "2s", "on_hold_limit": "close"})
    lose(app, keeper)
    same(router.routes(), set(OWN), "the routes until then")
    router.not_established()
    require(re.search("Received: (Administrative shutdown|.*gone)", router.last_error()), router.last_error())
    holds_for(lambda: router.state() != "Established", 3, "closed without an app")
    attach(app, router)
    keeper.stop()

    # on_app_loss: at once.
    keeper, since = part("withdraw", {"on_app_loss": "withdraw", "hold_limit": "1h"})
    lose(app, keeper)
    router.lacks(*OWN)
    same((router.established_since(), router.last_error()), (since, ""), "the session with on_app_loss = withdraw")
    keeper.stop()
    keeper, since = part("close", {"on_app_loss": "close", "hold_limit": "1h"})
    lose(app, keeper)
    router.not_established()
    require("Received: " in router.last_error(), router.last_error())
    holds_for(lambda: router.state() != "Established", 3, "closed without an app")
    attach(app, router)
