#!/usr/bin/env python3
"""Exit codes and JSON shapes that scripts rely on: status, --check, watch, key list, plugins; answers on stdout alone."""
import json
import re
import signal
import subprocess

from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    keeper, listening = pair(lab, "persistent", {"description": "to the far side", "labels": {"site": "fra1"}}, start=False)
    nobody_there = ["--control", lab.dir / "nobody.sock"]

    def keys(value, expected, what):
        same(set(value), set(expected.split()), f"fields of {what}")

    # Without a keeper, and what a slip of the hand says.
    for words in (["status"], ["status", "x", "--json"], ["watch"], ["up", "x"], ["reload"], ["key", "list"], ["attach", "x"]):
        answer = cli(near, *nobody_there, *words, expect=4)
        require(answer.stderr and not answer.stdout, f"{words}: {answer}")
    same(cli(near, *nobody_there, "status", "--check", expect=2).stdout.split()[:2], ["PEERHOLD", "CRITICAL"], "--check, no keeper")
    require("peerhold" in cli(near, expect=2).stderr + cli(near, expect=2).stdout, "no help without a command")
    for words in (["--help"], ["status", "--help"], ["run", "--help"], ["key", "--help"], ["--version"]):
        require(cli(near, *words).stdout, f"{words} says nothing")
    for words in (["stauts"], ["status", "--jsno"], ["status", "a", "b"], ["status", "--json", "--check"], ["up"], ["key"], ["run", "-c", "/nowhere.toml"], ["run", "--nonsense"]):
        answer = cli(near, *words, expect=2)
        require(answer.stderr and not answer.stdout, f"{words}: {answer}")
    require("status" in cli(near, "stauts", expect=2).stderr, "the nearest command is not named")

    # One end alone: --check is critical, the table says why.
    keeper.start()
    wait_for(lambda: keeper.status("link")["last_error"], 15, "a failure")
    answer = keeper.cli("status", "--check", expect=2)
    same(answer.stdout.split()[:2], ["PEERHOLD", "CRITICAL"], "--check")
    same(len(answer.stdout.splitlines()), 1, "lines of --check")
    watch = keeper.watch()
    first = watch.events[0]
    keys(first, "time session event from to cause text", "an event")
    same(first["event"], "keeper", "the first event")
    wait_for(lambda: watch.find(event="error", session="link"), 20, "the failure, as it is retried")

    listening.start()
    keeper.wait_state("established")
    change = watch.wait(event="state", session="link", to="established")
    require(change["from"] in ("connecting", "opening"), f"from: {change}")
    same(keeper.cli("status", "--check", expect=1).stdout.split()[1], "WARNING", "--check of a link without its app")
    app = connect(near, NEAR_APP)
    keeper.wait_app(1)
    watch.wait(event="app", session="link")
    same(keeper.cli("status", "--check").stdout.split()[1], "OK", "--check")
    keeper.cli("status", "--check", "nobody", expect=3)
    keeper.cli("status", "nobody", expect=3)
    keeper.cli("watch", "nobody", expect=3)
    for words in (["status"], ["watch"], ["doctor"], ["attach"], ["up"], ["down"], ["reset"], ["release"], ["hold", "--for", "1s"]):
        answer = keeper.cli(*words, "lnik", expect=3)
        same(answer.stderr, 'peerhold: no session "lnik"; did you mean "link"?\n', f"{words} of a mistyped name")
    require('did you mean "link"?' in keeper.cli("key", "use", "lnik", "1", expect=3).stderr, "key use of a mistyped name")
    require('did you mean "k"?' in keeper.cli("key", "list", "kk", expect=3).stderr, "key list of a mistyped name")

    # Who may not connect cannot know whether a keeper is there.
    answer = near.run(*as_user_words(65534), PROGRAM, "--control", keeper.control, "status", expect=4)
    require(answer.stderr.startswith("peerhold: may not ask the keeper: ") and "become root" in answer.stderr, answer.stderr)

    # A directory that is not there is named with the remedy.
    answer = cli(near, "run", "-c", keeper.config, *plugin_dir_words(), "--control", lab.dir / "absent" / "control.sock", expect=1)
    require("; make it, or put the socket elsewhere by --control or [keeper] control" in answer.stderr, answer.stderr)

    whole = keeper.status()
    keys(whole, "schema keeper sessions", "status")
    same(whole["schema"], 1, "schema")
    keys(whole["keeper"], "version pid started config tcp_md5 tcp_ao sessions established", "keeper")
    same((whole["keeper"]["pid"], whole["keeper"]["config"], whole["keeper"]["tcp_md5"]), (keeper.pid, str(keeper.config), True), "keeper")
    fields = "name plugin mode peer source description labels state since uptime_s health health_text key links app attempts " \
             "established_count retry_in_s last_error last_down bytes plugin_status"
    now = whole["sessions"][0]
    keys(now, fields, "a session")
    keys(now["key"], "chain id method cause", "key")
    keys(now["app"], "endpoint attached absent_s hold_left_s", "app")
    keys(now["last_error"], "code text at", "last_error")
    keys(now["bytes"], "peer_to_app app_to_peer", "bytes")
    same((now["name"], now["plugin"], now["mode"], now["peer"], now["description"], now["labels"], now["health"], now["links"],
          now["key"], now["app"]["endpoint"], now["last_down"], now["retry_in_s"]),
         ("link", "raw", "active", far.at(PORT), "to the far side", {"site": "fra1"}, "ok", 1,
          {"chain": "k", "id": 1, "method": "tcp-md5", "cause": "schedule"}, NEAR_APP, None, None), "the session")
    require(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", now["since"]), f"since: {now['since']}")
    link = [s["local"] for s in near.sockets() if s["state"] == "ESTAB" and s["peer"].endswith(f":{PORT}")]
    same([now["source"]], link, "source")
    app.sendall(b"12345")
    wait_for(lambda: keeper.status("link")["bytes"]["app_to_peer"] == 5, 10, "five bytes are counted")
    one = json.loads(keeper.cli("status", "link", "--json").stdout)
    keys(one["sessions"][0], fields + " recent_errors key_uses key_confirmed", "one session")
    require(one["sessions"][0]["recent_errors"][0]["code"] == now["last_error"]["code"], "recent_errors")
    table = keeper.cli("status").stdout
    require("link" in table and "established" in table and "\033" not in table, table)
    require("to the far side" in keeper.cli("status", "link").stdout, "one session in full")

    # Keys and plugins.
    chains = json.loads(keeper.cli("key", "list", "--json").stdout)["chains"]
    keys(chains[0], "name rollover keys", "a chain")
    keys(chains[0]["keys"][0], "id start end valid in_use_by last_used last_sent last_received", "a key")
    same((chains[0]["name"], chains[0]["rollover"], chains[0]["keys"][0]["in_use_by"]), ("k", "follow", ["link"]), "the chain")
    require(SECRET not in keeper.cli("key", "list").stdout, "the secret")
    plugins = {p["name"]: p for p in json.loads(cli(near, "plugins", "--json", *plugin_dir_words()).stdout)["plugins"]}
    keys(plugins["raw"], "name version summary licence file abi options", "a plugin")
    options = {o["name"]: o for o in plugins["raw"]["options"]}
    for option in options.values():
        require(set("name type default required live help".split()) <= set(option), f"fields of {option}")
    require(set("idle_timeout proxy_protocol max_clients on_app_loss".split()) <= set(options), f"options of raw: {list(options)}")
    same(options["max_clients"]["default"], 1024, "default of max_clients") if not isinstance(options["max_clients"]["default"], str) \
        else same(options["max_clients"]["default"], "1024", "default of max_clients")
    require("max_clients" in cli(near, "plugins", "raw", *plugin_dir_words()).stdout, "plugins raw")

    # A watch of one session is about that one; it ends with 0 when interrupted, with 4 when the keeper goes.
    mine = keeper.watch("link")
    keeper.cli("reset", "link")
    mine.wait(event="operator", session="link")
    mine.wait(event="state", session="link", to="established")
    same({e["session"] for e in mine.events} - {"", "link"}, set(), "sessions in the watch of one")
    mine.process.send_signal(signal.SIGINT)
    same(mine.process.wait(10), 0, "exit of an interrupted watch")
    keeper.stop()
    same(watch.process.wait(10), 4, "exit of a watch whose keeper has gone")
