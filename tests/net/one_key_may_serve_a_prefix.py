#!/usr/bin/env python3
"""[[listen]]: one key for a prefix serves more sessions than a socket takes keys; other chains inside it have their own."""
import re

from kit import *

SESSIONS = 1200  # a socket takes 963 keys at the usual net.core.optmem_max
with Lab("near", "far", "other") as lab:
    near, far, other = lab
    six = lab.family == 6
    prefix = "fd00::/64" if six else "10.0.0.0/20"
    key = chain(lab) + chain(lab, "own", "a.key.of.its.own")
    listening = f'[[listen]]\naddress = "{far.at(PORT)}"\nprefix = "{prefix}"\nkeychain = "k"\n'

    def ip(number):
        return f"fd00::1:{number:x}" if six else f"10.0.{1 + number // 250}.{1 + number % 250}"

    def passive(name, peer, **options):
        return session(name, mode="passive", peer=peer, source=far.at(PORT), app=FAR_APP, **options)

    crowd = "".join(passive(f"s{number}", ip(number)) for number in range(SESSIONS))
    special = passive("special", near.ip, keychain="own")
    keeper = Keeper(far, key + listening + special + crowd)
    serve(far, FAR_APP, echo)
    # The lab gives its hosts a smaller IPv4 network than the prefix.
    for host, more in ((near, [ip(0), ip(SESSIONS - 1)]), (far, [])):
        if not six:
            host.run("ip", "route", "add", prefix, "dev", host.device)
        for address in more:
            host.add_address(address)

    for number in (0, SESSIONS - 1):
        link = dial(near, far.at(PORT), SECRET, source=ip(number))
        talk(link)
        wait_for(lambda: keeper.status(f"s{number}")["state"] == "established", 10, f"s{number} established")
        unanswered(near, far.at(PORT), source=ip(number))
        unanswered(near, far.at(PORT), "a.key.of.its.own", source=ip(number))
    special_link = dial(near, far.at(PORT), "a.key.of.its.own")
    talk(special_link)
    unanswered(near, far.at(PORT), SECRET)          # the chain of the prefix is not that of the session inside it
    same(keeper.status("special")["links"], 1, "links of the session with a chain of its own")

    # In no session, but inside the prefix: the kernel lets the right key in, the keeper closes at once.
    refused(lambda: talk(dial(other, far.at(PORT), SECRET)), ConnectionError, AssertionError)
    unanswered(other, far.at(PORT))
    # Whole prefix, own key, and one each for what is in neither: not one for each session.
    keys = re.findall(r"md5keys:(\S+)", far.run("ss", "-Htlnei", f"sport = :{PORT}").stdout)
    require(keys and keys[0].count("=") < 10, f"keys on the listener: {keys[0][:500] if keys else 'none to be seen'}")

    # A rewritten key file counts for the prefix as well.
    chain(lab, secret="a.new.key")
    keeper.reload()
    talk(dial(near, far.at(PORT), "a.new.key", source=ip(0)))
    unanswered(near, far.at(PORT), SECRET, source=ip(0))

    # Control: without it the socket is full after some 960 of them, and the rest say so and name the remedy.
    keeper.reload(key + crowd)
    full = wait_for(lambda: [s for s in keeper.status()["sessions"] if s["state"] == "backoff"], 60,
                    "no room for a key", every=1)
    require(100 < len(full) < 400, f"{len(full)} of {SESSIONS} sessions have no key")
    same(full[0]["last_error"]["code"], "resource", "code")
    require("optmem_max" in full[0]["last_error"]["text"], f"text: {full[0]['last_error']}")
