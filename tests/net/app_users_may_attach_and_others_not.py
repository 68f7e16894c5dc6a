#!/usr/bin/env python3
"""app_users: only these users' programs become the app, on a UNIX socket and on loopback TCP alike."""
from kit import *

NOBODY = 65534
with Lab("near", "far") as lab:
    near, far = lab
    pair(lab, near_options={"app_users": ["nobody"]})
    keeper = Keeper(near, chain(lab)
                    + session("sock", mode="active", peer=far.at(PORT), source=near.ip, app="unix:/run/app", app_users=["nobody"],
                              app_socket_mode="0666")
                    + session("free", mode="active", peer=far.at(PORT), source=near.ip, app="127.0.0.1:7001"), name="second")
    serve(far, FAR_APP, echo)
    for app in (NEAR_APP, "unix:/run/app"):
        with near, as_user(NOBODY):
            mine = connect(None, app)
        talk(mine)
        for other in (0, 1):
            def intrude():
                with near, as_user(other):
                    sock = connect(None, app)
                talk(sock)
            refused(intrude, OSError, AssertionError)
        talk(mine)
    with near, as_user(1):
        free = connect(None, "127.0.0.1:7001")
    talk(free)
    wait_for(lambda: "app_users" in keeper.log_text() or "uid" in keeper.log_text(), 5, "the refusal is logged")
