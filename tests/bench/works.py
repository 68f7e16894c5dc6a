"""The works: each measures one target once and returns what it saw, a dict of numbers."""
import json
import os
import subprocess
import time

from bench.processes import cpu_seconds, on_one_processor, settled_memory
from bench.relays import wait_for

LOAD = os.environ.get("BENCH_LOAD", "load")


def client(target, role, *words, **options):
    command = [LOAD, role, "--at", target.at, *map(str, words)]
    if target.key:
        command += ["--key", target.key]
    if getattr(target, "first", None):
        command += ["--first", target.first]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"load {role}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def stream(target, seconds, connections=1, down=False):
    before = target.pid and cpu_seconds(target.pid)
    seen = client(target, "stream", "--seconds", seconds, "--connections", connections, *["--down"] * down)
    result = {"gb_per_s": seen["bytes_per_s"] / 1e9}
    if target.pid:
        # The relay still has the last connections to close when the client is done.
        time.sleep(0.05)
        result["cpu_s_per_gb"] = (cpu_seconds(target.pid) - before) / (seen["bytes"] / 1e9)
    return result


def ping(target, seconds):
    seen = client(target, "ping", "--seconds", seconds)
    return {"p50_us": seen["p50_us"], "p99_us": seen["p99_us"]}


def ping_on_one_processor(target, seconds):
    """Without the choice between waking another processor and waiting for this one, which else decides the figure."""
    with on_one_processor():
        return ping(target, seconds)


def connections(target, seconds):
    seen = client(target, "connect", "--seconds", seconds, "--connections", 16)
    if seen["failed"]:
        raise RuntimeError(f"{seen['failed']} of {seen['done'] + seen['failed']} connections failed")
    return {"per_s": seen["per_s"]}


def one_by_one(target, seconds):
    seen = client(target, "connect", "--seconds", seconds, "--connections", 1)
    if seen["failed"]:
        raise RuntimeError(f"{seen['failed']} of {seen['done'] + seen['failed']} connections failed")
    return {"p50_us": seen["p50_us"], "p99_us": seen["p99_us"]}


def idle_memory(target, count):
    """KiB for each of `count` connections that carried one byte and now rest. On a relay of its own."""
    target.start()
    try:
        client(target, "idle", "--connections", 1, stdin=subprocess.DEVNULL)
        before = settled_memory(target.pid)
        words = [LOAD, "idle", "--at", target.at, "--connections", str(count)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            if not holder.stdout.readline():
                raise RuntimeError("not all idle connections came up")
            after = settled_memory(target.pid)
            holder.stdin.close()
        return {f"{name.lower()}_kib": (after[name] - before[name]) / count for name in after}
    finally:
        target.stop()


def start_up(target):
    """ms from exec until the relay takes a connection; for the keeper also until it says READY=1."""
    target.start()
    target.stop()
    return {"accepts_ms": target.accepts_ms} | ({"ready_ms": target.ready_ms} if target.ready_ms else {})


def sessions(keeper):
    """Memory of a keeper whose persistent sessions are all established and idle."""
    keeper.start()
    try:
        wait_for(keeper.established, f"{keeper.sessions} sessions established", 30, every=0.1)
        return settled_memory(keeper.pid)
    finally:
        keeper.stop()
