#!/usr/bin/env python3
"""A key file that went bad is refused at reload, in words; links, and the key that new ones need, stay as they were."""
import signal

from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    keeper = Keeper(far, chain(lab) + session(mode="passive", peer=near.ip, source=far.at(PORT), app=FAR_APP))
    serve(far, FAR_APP, echo)
    link = dial(near, far.at(PORT), SECRET)
    talk(link)
    path = lab.dir / "k.key"

    def readable_by_all():
        path.chmod(0o644)
        return "644"

    def missing():
        path.rename(path.with_suffix(".away"))
        return "k.key"

    def empty():
        path.write_text("\n")
        return "k.key"

    def too_long():
        path.write_text("x" * 81 + "\n")
        return "80"

    def malformed():
        path.write_text("hex:nothex\n")
        return "hex"

    for spoil in (readable_by_all, missing, empty, too_long, malformed):
        chain(lab)
        path.chmod(0o600)
        word = spoil()
        answer = keeper.reload(expect=2)
        require(word in answer.stderr and "k.key" in answer.stderr, f"{spoil.__name__}: {answer.stderr}")
        require("nothex" not in answer.stderr and "xxxx" not in answer.stderr, f"the file is quoted: {answer.stderr}")
        lines = keeper.log_text().count("k.key")
        keeper.signal(signal.SIGHUP)
        wait_for(lambda: keeper.log_text().count("k.key") > lines, 10, f"SIGHUP is logged: {spoil.__name__}")
        talk(link)
        talk(dial(near, far.at(PORT), SECRET))
        same(keeper.status("link")["state"], "established", f"after {spoil.__name__}")

    # Such a file at the start ends it before it begins; a good one is taken by the next reload.
    readable_by_all()
    keeper.stop()
    answer = far.run(PROGRAM, "run", "-c", keeper.config, *plugin_dir_words(), expect=2)
    require("k.key" in answer.stderr, f"run said: {answer.stderr}")
    path.write_text("a.new.key\n")
    path.chmod(0o600)
    keeper.start()
    talk(dial(near, far.at(PORT), "a.new.key"))
    unanswered(near, far.at(PORT), SECRET)
