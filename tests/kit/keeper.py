"""The program under test, started on a host of the lab."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading

from .config import chain, session, toml
from .lab import require, wait_for

__all__ = ["PROGRAM", "PLUGINS", "Keeper", "Watch", "cli", "pair", "NEAR_APP", "FAR_APP", "PORT",
           "as_user_words", "plugin_dir_words"]

PROGRAM = os.environ.get("PEERHOLD", "peerhold")
PLUGINS = [p for p in os.environ.get("PEERHOLD_PLUGINS", "").split(":") if p]
# Freed memory that a sanitizer keeps back must not pass for the keeper's own.
SANITIZERS = {"ASAN_OPTIONS": "quarantine_size_mb=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
NEAR_APP, FAR_APP, PORT = "127.0.0.1:7000", "127.0.0.1:8000", 1790


def cli(host, *words, expect=0, **options):
    """The program run to its end on a host. What it leaks by then harms nobody, and to look for that takes longer than it ran."""
    options["env"] = {**os.environ, "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=0", **(options.get("env") or {})}
    return host.run(PROGRAM, *words, expect=expect, **options)


def plugin_dir_words():
    return [word for directory in PLUGINS for word in ("--plugin-dir", directory)]


def as_user_words(uid, groups=()):
    """Words before a command that run it as another user, without any capability."""
    if uid is None:
        return []
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--inh-caps=-all", "--bounding-set=-all",
            "--groups=" + ",".join(map(str, groups)) if groups else "--clear-groups"]


_no_objects = shutil.ignore_patterns("*.p", "*.a", "*.o")


class Keeper:
    """A running keeper. `text` is its configuration but for [keeper], to which `settings` are added."""

    def __init__(self, host, text, name=None, settings=None, user=None, env=None, start=True, arguments=()):
        self.host, self.lab, self.name = host, host.lab, name or host.name
        self.config = pathlib.Path(self.lab.dir, f"{self.name}.toml")
        self.control = pathlib.Path(self.lab.dir, f"{self.name}.sock")
        self.log = pathlib.Path(self.lab.dir, f"{self.name}.log")
        self.settings = {"control": self.control, "log_level": "debug", "drain_timeout": "5s", **(settings or {})}
        self.user, self.env, self.process = user, env, None
        self.arguments = list(arguments)
        self.lab.keepers.append(self)
        self.write(text)
        if start:
            self.start()

    def write(self, text):
        lines = "\n".join(f"{key} = {toml(value)}" for key, value in self.settings.items())
        self.text = text
        self.config.write_text(f"{text}\n[keeper]\n{lines}\n")

    def command(self):
        program, plugins = PROGRAM, plugin_dir_words()
        if self.user is not None:  # who may not be let into the build directory
            program = shutil.copy(PROGRAM, self.lab.dir / f"{self.name}.program")
            copies = [shutil.copytree(d, self.lab.dir / f"{self.name}.plugins.{n}", dirs_exist_ok=True, ignore=_no_objects)
                      for n, d in enumerate(PLUGINS)]
            plugins = [word for copy in copies for word in ("--plugin-dir", copy)]
        return self.host.command(*as_user_words(self.user), program, "run", "-c", self.config, *plugins, *self.arguments)

    def start(self, wait=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **SANITIZERS, **(self.env or {})})
        self.lab.on_exit(self.process.kill)
        if wait:
            wait_for(lambda: self.answers() or self.process.poll() is not None, 20, f"{self.name} answers")
            require(self.process.poll() is None,
                    f"keeper {self.name} exited {self.process.returncode}: {self.log_text()[-2000:]}")
        return self

    @property
    def pid(self):
        return self.process.pid

    def answers(self):
        try:
            return bool(self.ask("status"))
        except OSError:
            return False

    def ask(self, command, **fields):
        """An answer of the control socket, without the program that asks for operators: tests ask often."""
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(20)
            caller.connect(str(self.control))
            caller.sendall(json.dumps({"command": command, **fields}).encode() + b"\n")
            with caller.makefile() as lines:
                answer = json.loads(lines.readline() or "{}")
        if not answer.get("ok"):
            raise LookupError(f"{command} {fields}: {answer}")
        return answer["answer"]

    def cli(self, *words, expect=0, **options):
        return cli(self.host, "--control", self.control, *words, expect=expect, **options)

    def status(self, name=None):
        """The whole of `status --json`, or the object of one session."""
        return self.ask("status", name=name)["sessions"][0] if name else self.ask("status")

    def wait_state(self, state, name="link", deadline=15):
        def seen():
            now = self.status(name)
            return now if now["state"] == state else None
        try:
            return wait_for(seen, deadline, f"{self.name}/{name} {state}", every=0.05)
        except AssertionError as error:
            raise AssertionError(f"{error}; {json.dumps(self.status(name))}") from None

    def wait_app(self, count, name="link", deadline=10):
        return wait_for(lambda: self.status(name)["app"]["attached"] == count, deadline,
                        f"{self.name}/{name} has {count} apps")

    def watch(self, *words):
        return Watch(self, *words)

    def reload(self, text=None, expect=0):
        if text is not None:
            self.write(text)
        return self.cli("reload", expect=expect)

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, deadline=20):
        return self.process.wait(deadline)

    def stop(self, expect=0):
        """SIGTERM, and the exit status that must follow."""
        self.signal(signal.SIGTERM)
        code = self.wait_exit()
        require(code == expect, f"keeper {self.name} exited {code} after SIGTERM, expected {expect}")

    def crash(self):
        self.signal(signal.SIGKILL)
        self.wait_exit()

    def finish(self):
        """At the end of every test: what still runs must end well, and no sanitizer may have spoken."""
        if self.process and self.process.poll() is None:
            self.settle()
        found = re.search(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:", self.log_text())
        require(not found, f"keeper {self.name}: {found and found[0]}")

    def settle(self):
        self.signal(signal.SIGTERM)
        try:
            code = self.wait_exit(3)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGTERM)  # the second one ends a drain
            try:
                code = self.wait_exit(30)
            except subprocess.TimeoutExpired:
                self.crash()
                raise AssertionError(f"keeper {self.name} outlived two SIGTERM") from None
        require(code == 0, f"keeper {self.name} exited {code} at the end of the test")

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def memory(self):
        """Resident bytes."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Watch:
    """`peerhold watch --json`, read as it comes."""

    def __init__(self, keeper, *words):
        self.events, self.end = [], threading.Event()
        self.process = keeper.host.popen(PROGRAM, "--control", keeper.control, "watch", "--json", *words,
                                         stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()
        wait_for(lambda: self.events, 10, "the first event of watch")

    def _read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))
        self.end.set()

    def find(self, **fields):
        return [e for e in list(self.events) if all(e.get(k) == v for k, v in fields.items())]

    def wait(self, deadline=15, **fields):
        try:
            return wait_for(lambda: self.find(**fields), deadline, f"an event with {fields}")[0]
        except AssertionError as error:
            raise AssertionError(f"{error}; events: {self.events}") from None


def pair(lab, link="per-client", near_options=None, far_options=None, start=True):
    """The two keepers of most tests: `near` dials, `far` listens, on the first two hosts of the lab.

    per-client: clients connect to NEAR_APP on near, the server is at FAR_APP on far.
    persistent: one app each attaches at NEAR_APP on near and FAR_APP on far.
    """
    near, far = lab.hosts[:2]
    key = chain(lab)
    active = {"mode": "active", "peer": far.at(PORT), "source": near.ip, "link": link, "app": NEAR_APP,
              **(near_options or {})}
    passive = {"mode": "passive", "peer": near.ip, "source": far.at(PORT), "link": link, "app": FAR_APP,
               **(far_options or {})}
    return (Keeper(near, key + session(**active), start=start),
            Keeper(far, key + session(**passive), start=start))
