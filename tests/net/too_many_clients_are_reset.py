#!/usr/bin/env python3
"""max_clients: one more gets a reset at once, those there notice nothing, and a place that falls free is given away."""
from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    keeper, _ = pair(lab, near_options={"raw": {"max_clients": 3}})
    serve(far, FAR_APP, echo)
    clients = [connect(near, NEAR_APP) for _ in range(3)]
    for sock in clients:
        talk(sock)
    for _ in range(5):
        def fourth():
            with connect(near, NEAR_APP) as sock:
                read_exactly(sock, 1)
        refused(fourth, ConnectionResetError)
    for sock in clients:
        talk(sock)
    clients.pop().close()

    def free():
        try:
            sock = connect(near, NEAR_APP)
            talk(sock)
            return sock
        except AssertionError as error:
            raise LookupError(error) from None
    clients.append(wait_for(free, 10, "the free place is given away"))
    same(keeper.status("link")["links"], 3, "links")
