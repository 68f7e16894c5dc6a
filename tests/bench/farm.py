"""The farm of emulated routers, step by step: see `farm` without arguments."""
import json
import os
import pathlib
import select
import subprocess
import tempfile

from kit.config import SECRET

FARM = os.environ.get("BENCH_FARM", "farm")
ROUTERS, PREFIX = "127.1.0.1", "127.1.0.0/16"  # the first of them, and what they are all in
ROUTER_AS, KEEPER_AS = 64513, 64512


def router(number):
    """As farm_options.cpp has it."""
    high, low = divmod(number, 250)
    return f"127.1.{high}.{low + 1}"


def words(role, **options):
    """farm's command line, without its steps; True stands for an option without a value."""
    found = [FARM, role, "--key", SECRET, "--first", ROUTERS]
    for name, value in options.items():
        if value is not None and value is not False:
            found += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return found


class Farm:
    """A running farm. Each step but the first waits until it is told to `go`."""

    def __init__(self, role, steps, **options):
        gated = [word for step in steps for word in ("wait", step)]
        self.errors = tempfile.TemporaryFile(mode="w+", prefix="bench-farm-")
        self.process = subprocess.Popen([*words(role, **options), "ready", *gated], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True)

    def __enter__(self):
        try:
            self.answer(20)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            stream.close()

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def answer(self, deadline=100):
        if not select.select([self.process.stdout], [], [], deadline)[0]:
            raise TimeoutError(f"farm: no answer within {deadline} s: {self.complaint()}")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"farm ended: {self.complaint()}")
        return json.loads(line)

    def step(self):
        self.go()
        return self.answer()

    def complaint(self):
        self.errors.seek(0)
        return self.errors.read()[-500:].strip()


def listens(at):
    """Whether somebody does, without a connection: a wrong or missing key would only be dropped."""
    address, port = at.split(":")
    wanted = "".join(f"{int(octet):02X}" for octet in reversed(address.split("."))) + f":{int(port):04X}"
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, state = line.split()[1:4:2]
        if state == "0A" and local in (wanted, f"00000000:{wanted[-4:]}"):
            return True
    return False
