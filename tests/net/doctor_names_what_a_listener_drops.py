#!/usr/bin/env python3
"""doctor and last_error, of peers that dial us: unsigned, another key of the chain, one outside, a signature where none is
expected, rewritten addresses, too far away, nothing at all; and what cannot be known without a capture."""
from kit import *
from kit.doctors import *

PORTS = {"well": 1790, "unsigned": 1791, "second": 1792, "outside": 1793, "plain": 1794, "distant": 1795, "nobody": 1796}
TRANSLATED, BOTH = 1797, 1798
with Lab("near", "far", "hidden") as lab:
    near, far, hidden = lab

    def listens(name, port, peer=far.ip, **more):
        return session(name, mode="passive", peer=peer, source=near.at(port), link="persistent", **more)
    text = two_keys(lab)
    for name, port in PORTS.items():
        more = {"plain": {"keychain": "none"}, "distant": {"transport": {"ttl_security_hops": 1}}}.get(name, {})
        text += listens(name, port, **more)
    text += listens("translated", TRANSLATED, hidden.ip)
    text += session("both", mode="both", peer=far.at(BOTH), source=near.at(BOTH), link="persistent")

    knocks = [knocking(far, near.at(PORTS["unsigned"])), knocking(far, near.at(PORTS["second"]), SECOND),
              knocking(far, near.at(PORTS["outside"]), OUTSIDE), knocking(far, near.at(PORTS["plain"]), FIRST),
              knocking(far, near.at(PORTS["distant"]), FIRST, prepare=ttl(64))]
    # Its packets leave with another source address, as through NAT; what it signs is its own.
    translated = hidden.ip[:-1] + "77"
    ip = "ip6" if lab.family == 6 else "ip"
    hidden.nft("add chain inet lab post { type filter hook postrouting priority 300; }",
               f"add rule inet lab post {ip} daddr {near.ip} tcp dport {TRANSLATED} {ip} saddr set {translated}")
    knocks.append(knocking(hidden, near.at(TRANSLATED), FIRST))
    knocks.append(knocking(far, near.at(BOTH), SECOND))

    def held():
        return dial(far, near.at(PORTS["well"]), FIRST)

    keeper = Keeper(near, text)
    link = held()
    keeper.wait_state("established", "well")
    says(keeper, "unsigned", "not-signing", "does not sign", "key 1", near.ip)
    says(keeper, "second", "other-key", "key 2", "key 1", "peerhold key use second 2")
    says(keeper, "outside", "unknown-key", "not in keychain", "NAT")
    says(keeper, "plain", "unexpected-signature", 'keychain = "none"')
    says(keeper, "distant", "too-far", "TTL 64", "255")
    says(keeper, "translated", "rewritten", translated, "NAT", "no key can")
    says(keeper, "nobody", "nothing-comes", near.at(PORTS["nobody"]))
    same(Doctor(keeper, "well", 0).codes("well"), [], "findings of what is well")

    # Without being asked, the keeper says the same in last_error.
    for name, code, word in (("unsigned", "auth-missing", "does not sign"), ("second", "auth-mismatch", "key 2"),
                             ("outside", "auth-mismatch", "not in keychain"), ("plain", "auth-unexpected", "signs"),
                             ("translated", "auth-mismatch", translated), ("distant", "connect-timeout", "TTL 64")):
        error = wait_for(lambda: keeper.status(name)["last_error"], 40, f"last_error of {name}")
        print(f"{name}: {error['code']}: {error['text']}")
        same(error["code"], code, f"last_error of {name}")
        require(word in error["text"], f"{name}: {error}")
    # One that dials says it with the end of its attempt.
    error = wait_for(lambda: (e := keeper.status("both")["last_error"]) and e["code"] == "auth-mismatch" and e, 60, "both")
    require("key 2" in error["text"], f"{error}")
    for name in ("well", "nobody"):
        same(keeper.status(name)["last_error"], None, f"last_error of {name}")
    same([k.accepted for k in knocks], [0] * len(knocks), "connections that were let in")
    keeper.stop()
    link.close()

    # Blind: the counters of the whole host are all there is, and that is said.
    blind = Blind(near, text, name="blind")
    link = held()
    blind.wait_state("established", "well")
    for name in ("unsigned", "second", "nobody"):
        says(blind, name, "dropped", "the key is the likely cause", "unsigned", "possible: another key",
             "cannot be known without CAP_NET_RAW", "AmbientCapabilities")
    same(Doctor(blind, "well", 0).codes("well"), [], "findings of what is well")
    for name in PORTS:
        same(blind.status(name)["last_error"], None, f"last_error of {name}, when nobody can know")
    for knock in knocks:
        knock.stop()
    for knock in knocks:
        knock.join(10)
    says(blind, "unsigned", "nothing-comes", "CAP_NET_RAW")
    link.close()
