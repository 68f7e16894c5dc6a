#!/usr/bin/env python3
"""doctor: exit codes, the shape of --json, who may ask, a listener that is not open, no room for a key; key generate."""
import os
import re
import stat
import subprocess

from kit import *
from kit.doctors import *

NOBODY, BIN = 65534, 2  # of every Debian
with Lab("near", "far") as lab:
    near, far = lab

    def listens(name, port, **more):
        return session(name, **{"mode": "passive", "peer": far.ip, "source": near.at(port), "link": "persistent", **more})

    # All well: one link, one that waits for clients, one that nobody wants.
    serve(far, far.at(PORT), echo, keyed(near.ip, FIRST))
    text = two_keys(lab) + session("link", mode="active", peer=far.at(PORT), source=near.ip, link="persistent") \
        + session("clients", mode="active", peer=far.at(PORT), source=near.ip, link="per-client", app=NEAR_APP) \
        + listens("off", 1800, enabled=False)
    keeper = Keeper(near, text, settings={"control_read_group": "bin"})
    keeper.wait_state("established")
    well = Doctor(keeper, expect=0)
    same({name: well.codes(name) for name in well.sessions}, {"link": [], "clients": [], "off": []}, "findings")
    same(sorted(well.answer), ["host", "sessions"], "the answer's fields")
    same(sorted(well.answer["host"]), sorted(["kernel", "tcp_md5", "cap_net_raw", "cap_net_raw_text", "cap_net_bind_service",
                                              "optmem_max", "keys_per_listener", "dropped"]), "the host's fields")
    require("all is well" in keeper.cli("doctor", "link").stdout, "in words")
    keeper.cli("doctor", "nobody", expect=3)
    keeper.cli("doctor", "a", "b", expect=2)
    cli(near, "--control", lab.dir / "nowhere.sock", "doctor", expect=4)

    # Who may only look may ask; a stranger may not.
    program = lab.dir / "program"
    program.write_bytes(open(PROGRAM, "rb").read())
    program.chmod(0o755)
    for groups, code in (([BIN], 0), ([], 4)):
        words = as_user_words(NOBODY, groups) + [program, "--control", keeper.control, "doctor", "link"]
        near.run(*words, expect=code)

    # A listener that cannot be opened, and one without room for one more key.
    room = well.answer["host"]["keys_per_listener"]
    near.write_sysctl("net.core.optmem_max", 136 * 4)
    small = Doctor(keeper, expect=0).answer["host"]["keys_per_listener"]
    require(small < room, f"{small} keys are as many as {room}")
    crowd = "".join(listens(f"peer{n}", 1801, peer=far.ip.rsplit(":" if lab.family == 6 else ".", 1)[0]
                            + (":" if lab.family == 6 else ".") + str(100 + n)) for n in range(small + 1))
    away = "fd00::99" if lab.family == 6 else "10.0.0.99"
    keeper.reload(text + crowd + listens("away", 1802, source=near.at(1802, away)))
    says(keeper, "away", "not-listening", near.at(1802, away), "not on this host")
    crowded = Doctor(keeper, expect=5)
    limited = [name for name in crowded.sessions if crowded.codes(name)[:1] == ["key-limit"]]
    require(limited and len(limited) < small + 1, f"{limited} of {small + 1} have no room")
    text_of = crowded.text(limited[0])
    require("net.core.optmem_max" in text_of and "sysctl -w" in text_of, text_of)
    value = re.search(r"net.core.optmem_max=(\d+)", text_of)[1]
    near.write_sysctl("net.core.optmem_max", value)
    wait_for(lambda: keeper.status(limited[0])["state"] == "listening", 30, "the remedy helps")
    keeper.stop()

    # Keys that routers take, in files of their own.
    made = set()
    for words, length in (([], 24), (["--length", "8"], 8), (["--length", "80"], 80)):
        path = lab.dir / f"new.{length}.key"
        said = near.run(PROGRAM, "key", "generate", path, *words)
        same(said.stdout, f"{path}\n", "the file is named")
        key = path.read_text()
        require(re.fullmatch(rf"[A-Za-z][A-Za-z0-9]{{{length - 1}}}\n", key), f"{key!r}")
        require(key.strip() not in said.stdout + said.stderr, "the key is shown")
        same(stat.S_IMODE(path.stat().st_mode), 0o600, "mode")
        made.add(key[:8])
        again = near.run(PROGRAM, "key", "generate", path, expect=1)
        require("never written over" in again.stderr and str(path) in again.stderr, again.stderr)
        same(path.read_text(), key, "the old key")
    same(len(made), 3, "different keys")
    (lab.dir / "link.key").symlink_to(lab.dir / "elsewhere")
    near.run(PROGRAM, "key", "generate", lab.dir / "link.key", expect=1)
    require(not (lab.dir / "elsewhere").exists(), "written through a link")
    for bad in ("7", "81", "0", "-1", "ten", "1e1", ""):
        near.run(PROGRAM, "key", "generate", lab.dir / "bad.key", f"--length={bad}", expect=2)
    require(not (lab.dir / "bad.key").exists(), "a file was made")
    near.run(PROGRAM, "key", "generate", lab.dir / "no" / "such" / "dir.key", expect=1)
    os.chdir(lab.dir)
    same(subprocess.run([PROGRAM, "key", "generate"], capture_output=True, text=True).stdout, "peerhold.key\n", "without a name")
    # What is made is a good key for a keeper.
    config = lab.dir / "check.toml"
    config.write_text(f'[[keychain.k.key]]\nid = 1\nsecret_file = "{lab.dir}/peerhold.key"\n' + listens("one", 1803))
    same(near.run(PROGRAM, "check", "-c", config, *plugin_dir_words()).stderr, "", "complaints of check")
