#!/usr/bin/env python3
"""out_of_tree BUILD TEMPLATE LOADER: a plugin builds against what is installed, and nothing else of this tree.

Installs headers and peerhold.pc into a directory of its own, copies the template away, builds it by its
own meson.build and by the one command of its README, and loads both results."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

build, template, loader = (pathlib.Path(p).resolve() for p in sys.argv[1:4])
os.umask(0o022)


def run(*command, **more):
    print("+", *command, flush=True)
    return subprocess.run([str(part) for part in command], check=True, text=True, **more)


with tempfile.TemporaryDirectory() as name:
    root = pathlib.Path(name)
    installed, away = root / "installed", root / "away"
    run("meson", "install", "-C", build, "--no-rebuild", "--tags", "devel", "--destdir", installed, stdout=subprocess.DEVNULL)
    found = list(installed.rglob("peerhold.pc"))
    assert len(found) == 1, f"peerhold.pc is installed {len(found)} times"
    shutil.copytree(template, away)

    # DESTDIR is a staging directory: pkg-config is told to put it before what the file says.
    env = {key: value for key, value in os.environ.items() if key not in ("CXXFLAGS", "CPPFLAGS", "DESTDIR")}
    env |= {"PKG_CONFIG_LIBDIR": str(found[0].parent), "PKG_CONFIG_SYSROOT_DIR": str(installed)}

    def ask(*words):
        return run("pkg-config", *words, "peerhold", env=env, stdout=subprocess.PIPE).stdout.strip()

    for variable in ("plugindir", "includedir"):
        assert ask(f"--variable={variable}").startswith("/"), f"{variable} of peerhold.pc is no absolute path"
    header = pathlib.Path(re.search(r"-I(\S+)", ask("--cflags"))[1]) / "peerhold/plugin.h"
    assert installed in header.parents and header.exists(), f"{header} is not what was installed"

    run("meson", "setup", away / "build", away, "--werror", env=env, stdout=subprocess.DEVNULL)
    run("ninja", "-C", away / "build", env=env, stdout=subprocess.DEVNULL)
    run(loader, away / "build" / "greeter.so")

    command = re.search(r"^c\+\+ .*$", (away / "README.md").read_text(), re.MULTILINE)[0]
    run("sh", "-c", command, env=env, cwd=away)
    run(loader, away / "greeter.so")

    # Control: without the package there is no header, so it was the installed one that was used.
    env["PKG_CONFIG_LIBDIR"] = "/nowhere"
    outcome = subprocess.run(["sh", "-c", command], env=env, cwd=away, capture_output=True)
    assert outcome.returncode != 0, "it builds without the package as well"
print("the template builds and loads outside of the tree")
