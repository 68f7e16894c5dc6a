#!/usr/bin/env python3
"""probe: accepted, wrong key, no key wanted, closed, unreachable, told apart; refused while the keeper has the link."""
from kit import *

UNKEYED, CLOSED = 81, 82
with Lab("near", "far", "other") as lab:
    near, far, other = lab
    right, wrong = (lab.dir / name for name in ("right.key", "wrong.key"))
    for path, text in ((right, SECRET), (wrong, "quite.another.key")):
        path.write_text(text + "\n")
        path.chmod(0o600)
    received = []
    serve(far, far.at(PORT), lambda sock: received.append(read_to_end(sock)), keyed(near.ip))
    serve(far, far.at(UNKEYED), echo)

    def probe(port, *words, key=right, expect=5, there=far.ip):
        answer = near.run(PROGRAM, "--control", lab.dir / "nobody.sock", "probe", far.at(port, there), "--secret-file", key, *words,
                          expect=expect, timeout=90)
        print(f"{port} {key.name}: {answer.stdout}{answer.stderr}".strip())
        return (answer.stdout + answer.stderr).lower()

    require("accepted" in probe(PORT, expect=0), "a right key")
    require("accepted" in probe(PORT, "--source", near.ip, expect=0), "a right key, and the source")
    wait_for(lambda: len(received) == 2, 10, "both connections have ended")
    same(received, [b"", b""], "bytes sent")

    text = probe(PORT, key=wrong)
    require("accepted" not in text and "silen" in text and "key" in text, text)
    text = probe(UNKEYED)
    require("unsigned" in text, text)
    text = probe(CLOSED)
    require("unsigned" in text or "closed" in text, text)

    # Both ends on one host, and no right to look: what was dropped names the key, and what else is possible.
    serve(near, near.at(PORT), echo, keyed(near.ip, "quite.another.key"))
    text = near.run("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", PROGRAM, "--control", lab.dir / "nobody.sock",
                    "probe", near.at(PORT), "--secret-file", right, "--source", near.ip, expect=5).stdout
    print(text)
    require("the key is the likely cause" in text and "possible: another key there" in text and "CAP_NET_RAW" in text, text)
    far.refuse(near.ip)
    require("unreachable" in probe(PORT), "refused by ICMP")
    far.heal()
    far.blackhole(near.ip)
    require("silen" in probe(PORT), "a filter")
    far.heal()
    for secret in (lab.dir / "nowhere.key", lab.dir / "open.key"):
        if secret.name == "open.key":
            secret.write_text(SECRET)
            secret.chmod(0o644)
        near.run(PROGRAM, "probe", far.at(PORT), "--secret-file", secret, expect=2)
    near.run(PROGRAM, "probe", far.at(PORT), expect=2)
    require(SECRET not in probe(PORT, expect=0), "the secret is shown")

    # A keeper that holds this very link is not disturbed, but for --force.
    keeper = Keeper(near, chain(lab) + session(mode="active", peer=far.at(PORT), source=near.ip, link="persistent"))
    keeper.wait_state("established")
    ask = [PROGRAM, "--control", keeper.control, "probe", far.at(PORT), "--secret-file", right, "--source", near.ip]
    seen = len(received)
    answer = near.run(*ask, expect=2)
    require("link" in answer.stderr, answer.stderr)
    same(len(received), seen, "connections made by a refused probe")
    near.run(*ask, "--force", expect=0)
    wait_for(lambda: len(received) == seen + 1, 10, "the forced one was made")
    same(keeper.status("link")["established_count"], 1, "establishments")
