#!/usr/bin/env python3
"""attach: stdin and stdout are an app of the session; with a link of its own (per-client) or the one there is."""
import subprocess

from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    keeper, listening = pair(lab)
    serve(far, FAR_APP, echo)
    data = bytes(range(256)) * 4000

    def attach(to, name, **options):
        return subprocess.run(near.command(PROGRAM, "--control", to.control, "attach", name), capture_output=True, timeout=60, **options)

    # The end of stdin is a half-close: the answer is read to its end.
    done = attach(keeper, "link", input=data)
    same((done.returncode, done.stderr, len(done.stdout)), (0, b"", len(data)), "exit, errors, bytes")
    same(digest(done.stdout), digest(data), "digest of what came back")
    same(attach(keeper, "nobody", input=b"").returncode, 3, "exit for a session that is not there")

    # A closed stdin is an empty one: the control socket must not get its number, and the peer not its own bytes.
    heard = []

    def greet(sock):
        sock.sendall(b"greeting")
        heard.append(read_to_end(sock))

    serve(far, far.at(8008), greet)
    bare = Keeper(near, session("bare", mode="active", peer=far.at(8008), source=near.ip, keychain="none"), name="bare")
    done = near.run("sh", "-c", f"exec {PROGRAM} --control {bare.control} attach bare <&-")
    same((done.stdout, done.stderr), ("greeting", ""), "what a closed stdin leaves")
    wait_for(lambda: heard, 10, "the end of the stream at the peer")
    same(heard, [b""], "what the peer was sent")

    # A session that takes no app says so.
    answer = listening.cli("attach", "link", expect=1)
    require("nothing can attach" in answer.stderr, f"a passive per-client session: {answer}")

    full = Keeper(near, session("full", mode="active", peer=far.at(8008), source=near.ip, keychain="none",
                                raw={"max_clients": 1}), name="full")
    first = near.popen(PROGRAM, "--control", full.control, "attach", "full", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    same(first.stdout.read(8), b"greeting", "what the one client that is let in hears")
    answer = full.cli("attach", "full", expect=1, input="")
    require("takes no more clients" in answer.stderr and not answer.stdout, f"one client too many: {answer}")
    same(full.status("full")["app"]["attached"], 1, "apps after the refusal")
    first.stdin.close()
    same(first.wait(10), 0, "exit of the first")

    # persistent, and without an `app` of its own.
    peer = listen(far, far.at(PORT + 1), keyed(near.ip))
    console = Keeper(near, chain(lab) + session("console", mode="active", peer=far.at(PORT + 1), source=near.ip,
                                                link="persistent"), name="console")
    link, _ = peer.accept()
    link.settimeout(10)
    console.wait_state("established", "console")
    one = near.popen(PROGRAM, "--control", console.control, "attach", "console", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    one.stdin.write(b"question")
    one.stdin.flush()
    same(read_exactly(link, 8), b"question", "what came of stdin")
    console.wait_app(1, "console")
    link.sendall(b"answer")
    same(one.stdout.read(6), b"answer", "what came on stdout")
    answer = console.cli("attach", "console", expect=1, input="")
    require("turned the app away" in answer.stderr and not answer.stdout, f"a second app: {answer}")
    same(console.status("console")["app"]["attached"], 1, "apps")
    one.stdin.close()
    same(one.wait(10), 0, "exit")
    console.wait_app(0, "console")
    link.sendall(b"x")
    same(console.status("console")["state"], "established", "state after the app has left")
