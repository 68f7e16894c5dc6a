#!/usr/bin/env python3
"""A key appears in no log, status, event, error, printed configuration, process list or core dump setting."""
import base64
import pathlib

from kit import *

TEXT, INLINE = "kzQ7vTextSecretXw93", "mP4wInlineSecretZt55"
with Lab("near", "far") as lab:
    near, far = lab
    coded = base64.b64encode(b"qR8yBase64SecretJh21").decode()
    key = chain(lab, "a", TEXT) + chain(lab, "b", "base64:" + coded) + \
        f'[[keychain.c.key]]\nid = 3\nsecret = "{INLINE}"\n[[keychain.d.key]]\nid = 4\nsecret = "hex:{b"uV6nHexSecretLq04".hex()}"\n'
    active = key + "".join(session(name, mode="active", peer=far.at(PORT + number), source=near.ip, link="persistent",
                                   keychain=name) for number, name in enumerate("abcd"))
    passive = key + session("right", mode="passive", peer=near.ip, source=far.at(PORT), link="persistent", keychain="a") \
        + session("wrong", mode="passive", peer=near.ip, source=far.at(PORT + 1), link="persistent", keychain="c")
    keepers = [Keeper(host, text, settings={"log_level": "trace"}, start=False) for host, text in ((near, active), (far, passive))]
    for keeper in keepers:
        keeper.config.chmod(0o600)
        keeper.start()
    near_keeper = keepers[0]
    watch = near_keeper.watch()
    near_keeper.wait_state("established", "a")
    wait_for(lambda: near_keeper.status("c")["last_error"], 20, "the session with the wrong key fails")

    said = {}
    for keeper in keepers:
        for words in (["status"], ["status", "--json"], ["key", "list", "--json"], ["plugins", "--json"], ["reload"],
                      ["status", "a"], ["status", "a", "--json"], ["reload", "--dry-run"]):
            answer = keeper.cli(*words, expect=None)
            said[f"{keeper.name} {words}"] = answer.stdout + answer.stderr
        for words in (["check", "-c", keeper.config], ["check", "--print", "-c", keeper.config]):
            answer = cli(near, *words, *plugin_dir_words())
            said[f"{keeper.name} {words}"] = answer.stdout + answer.stderr
        for file in ("cmdline", "environ"):
            said[f"{keeper.name} {file}"] = pathlib.Path(f"/proc/{keeper.pid}/{file}").read_text(errors="replace")
    near_keeper.reload(active.replace('id = 4', 'id = 3\nsecrets = "x"'), expect=2)
    broken = lab.dir / "broken.toml"
    broken.write_text(f'[[keychain.k.key]]\nid = 1\nsecret = "{INLINE * 10}"\n[[keychain.k.key]]\nid = 2\nsecrt = "{TEXT}"\n'
                      f'[[keychain.l.key]]\nid = 1\nsecret = "{INLINE}" "{TEXT}"\n')
    broken.chmod(0o600)
    answer = cli(near, "check", "-c", broken, expect=2)
    said["check of a broken file"] = answer.stdout + answer.stderr
    said["events"] = str(watch.events)
    for keeper in keepers:
        keeper.stop()
        said[f"{keeper.name} log"] = keeper.log_text()

    def found(text):
        secrets = [TEXT, INLINE, "qR8yBase64SecretJh21", coded, "uV6nHexSecretLq04", b"uV6nHexSecretLq04".hex()]
        return [secret for secret in secrets if secret in text]

    require(found(near_keeper.text) and found((lab.dir / "a.key").read_text()), "the search itself finds nothing")
    require("<secret>" in said[f"near {['check', '--print', '-c', near_keeper.config]}"], "check --print masks nothing")
    for where, text in said.items():
        same(found(text), [], f"secrets in {where}")
