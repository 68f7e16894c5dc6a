#!/usr/bin/env python3
"""tls: a thousand clients that say nothing, or nothing whole, cost little memory, hinder nobody and end after hello_timeout."""
import resource

from kit import *

CLIENTS = 1000
EACH = 24 << 10  # bytes of resident memory that one of them may cost, sockets apart; 100 of them hold half a hello

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
with Lab("near", "far") as lab:
    near, far = lab
    _, keeper = tls_pair(lab, {"default_app": FAR_APP, "hello_timeout": "40s"},
                         near_options={"plugin": "raw", "tls": None, "retry": {"connect_timeout": "30s"}},
                         far_options={"log_level": "info"})
    near_keeper = lab.keepers[0]
    near_keeper.reload(near_keeper.text + 'raw = {"max_clients" = 5000}\n')
    Named(far, FAR_APP, "server")
    same(ask(connect(near, NEAR_APP), "a.example.net").says, "server None", "before")
    before = keeper.memory()
    half = record(b"\1\0\x3f\xf0" + bytes(8000))
    clients = []  # all of them before the first is timed out, on a busy machine too
    for number in range(CLIENTS):
        sock = connect(near, NEAR_APP, 60)
        sock.setblocking(True)
        if number % 10 == 0:
            sock.sendall(half)
        clients.append(sock)
    wait_for(lambda: keeper.status("link")["links"] >= CLIENTS * 0.9, 20, "they are there")
    grown = keeper.memory() - before
    require(grown < CLIENTS * EACH, f"{grown >> 10} KiB for {CLIENTS} silent clients")
    same(ask(connect(near, NEAR_APP), "a.example.net").says, "server None", "a client among them")
    wait_for(lambda: counted(keeper, "refused_total") == {"timeout": CLIENTS}, 60, "counted")
    for sock in clients:
        same(alert_of(sock), None, "ended without a word")
    same(keeper.log_text().count("refused, timeout: "), 10, "lines about a thousand: the 1st, 2nd, 4th … 512th")
    wait_for(lambda: keeper.status("link")["links"] <= 1, 20, "all are gone")
    same(ask(connect(near, NEAR_APP), "a.example.net").says, "server None", "after")

    # Control: it is the option that ends them.
    keeper.reload(keeper.text.replace('"40s"', '"10m"'))
    silent = connect(near, NEAR_APP)
    holds_for(lambda: not counted(keeper, "refused_total")["timeout"] > CLIENTS, 2, "a client with ten minutes")
