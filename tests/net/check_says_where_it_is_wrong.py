#!/usr/bin/env python3
"""check: every error with file, line and column, all at once, nothing opened; warnings pass; --print loads again."""
import re

from kit import *

with Lab("near") as lab:
    near, = lab
    key = chain(lab)

    def check(text, *words, expect=0, name="a.toml"):
        path = lab.dir / name
        path.write_text(text)
        answer = cli(near, "check", "-c", path, *words, *plugin_dir_words(), expect=expect)
        if expect:
            same(answer.stdout, "", "stdout of a failed check")
        found = re.findall(rf"^{re.escape(str(path))}:(\d+):(\d+): (error|warning): (.+)$", answer.stderr, re.M)
        same(len(found), len(answer.stderr.splitlines()), f"lines of the form FILE:LINE:COL: in\n{answer.stderr}")
        return answer, [(int(line), int(column), kind, text) for line, column, kind, text in found]

    def wrong(text, *expected, around=key):
        """Each of `expected` is (what stands at the place, a word of the error)."""
        whole = around + text
        _, found = check(whole, expect=2)
        lines = whole.splitlines()
        for place, word in expected:
            hits = [f for f in found if word.lower() in f[3].lower()]
            require(hits, f"no error with {word!r} in {found}")
            require(any(place in lines[line - 1] and column <= len(lines[line - 1]) + 1 for line, column, *_ in hits),
                    f"{word!r} is not said of the line of {place!r}: {hits}")
        return found

    good = dict(mode="active", peer="192.0.2.1:179", source="192.0.2.2", app=NEAR_APP)
    same(check(key + session(**good))[1], [], "what is said of a good file")
    same(near.sockets(), [], "sockets")

    # All errors, not the first one.
    found = wrong(session(**{**good, "peer": "192.0.2.1:99999"}) + "colour = 1\n" + session("b", **{**good, "mode": "sideways"})
                  + session("c", **{**good, "keychain": "nowhere"}),
                  ("99999", "peer"), ("colour", "colour"), ("sideways", "mode"), ("nowhere", "keychain"))
    require(len(found) >= 4, f"errors: {found}")
    require("source" in wrong(session(**good) + 'soruce = "192.0.2.2"\n', ("soruce", "soruce"))[0][3], "the nearest key is not named")
    wrong(session(**good, raw={"idel_timeout": "1s"}), ("idel_timeout", "idle_timeout"))
    wrong(session(**good, raw={"max_clients": "many"}), ("many", "max_clients"))
    wrong(session(**good) + "x = \n", ("x = ", ""))
    wrong(session(**{**good, "peer": "router.example.net:179"}), ("router", "address"))
    wrong(session(**good) + session(**good), ("link", "link"))
    wrong(session(**{**good, "source": "2001:db8::1"}), ("2001", "famil"))
    wrong(session(**good, retry={"min": "5s", "max": "1s"}), ("retry", "max"))
    wrong(session(**good, retry={"jitter": 2}), ("jitter", "jitter"))
    wrong(session(**{**good, "keychain": None}), ("[[session]]", "keychain"))
    wrong(session(**good, plugin="rew"), ("rew", "raw"))
    wrong(session("all", **good), ("all", "all"))
    wrong(session(**{**good, "app": "192.0.2.9:80"}), ("192.0.2.9", "app_remote"))
    wrong(session(**{**good, "mode": "both"}), ("both", "persistent"))
    wrong(session("a", **good) + session("b", **good), ("7000", "app"))
    passive = dict(mode="passive", peer="192.0.2.1", source="192.0.2.2:179", app=FAR_APP)
    wrong(session(**{**passive, "peer": "192.0.2.1:179"}), ("192.0.2.1:179", "port"))
    wrong(session("a", **passive) + session("b", **passive), ("192.0.2.1", "peer"))
    wrong(session("a", **passive) + session("b", **{**passive, "peer": "192.0.2.9", "keychain": "none"}), ("none", "listen"))
    wrong('[[keychain.e.key]]\nid = 1\nsecret_file = "/nowhere/key"\n' + session(**good), ("/nowhere", "/nowhere/key"))

    # Warnings do not fail; a keychain of "none" needs no chain at all.
    (lab.dir / "k.key").write_bytes(b"secret\r\n")
    _, found = check(key + session(**good))
    same([f[2] for f in found], ["warning"], f"what is said of a carriage return: {found}")
    chain(lab)
    check(session(**{**good, "keychain": "none"}))

    # --no-secrets: for those who may not read them, and it says how many it left out.
    unreadable = key + session(**good)
    path = lab.dir / "a.toml"
    check(unreadable)
    path.chmod(0o644)
    as_nobody = [*as_user_words(65534), PROGRAM, "check", "-c", path, *plugin_dir_words()]
    near.run(*as_nobody, expect=2)
    answer = near.run(*as_nobody, "--no-secrets")
    require("1" in answer.stdout + answer.stderr, f"--no-secrets does not say how many: {answer}")
    # ... and before the keys are made.
    absent = key.replace(str(lab.dir / "k.key"), "/nowhere/key") + session(**good)
    require("make one: peerhold key generate /nowhere/key" in check(absent, expect=2)[0].stderr, "what to do about a missing key file")
    same(near.run(PROGRAM, "check", "-c", lab.dir / "a.toml", "--no-secrets", *plugin_dir_words()).stderr,
         "peerhold: 1 secret file was not looked at: it is not there, or this user cannot read it\n", "absent ones are skipped")

    # --print: what counts, where it comes from, and loads again.
    text = key + '[defaults]\nretry.max = "33s"\n' + session(**good, description="first").replace('"max" = "1s", ', "") \
        + session("second", **{**good, "app": "127.0.0.1:7001"})
    printed = check(text, "--print")[0].stdout
    require('"33s"' in printed and "default" in printed and "first" in printed, printed)
    require(SECRET not in printed, "the secret is printed")
    only = check(text, "--print", "second")[0].stdout
    require("second" in only and "first" not in only, f"--print second: {only}")
    same(check(printed.replace('"<secret>"', '"x"'), name="b.toml")[1], [], "what is said of the printed file")

    cli(near, "check", "-c", lab.dir / "nowhere.toml", expect=2)
