#!/usr/bin/env python3
"""Each wall that check_layers guards is broken once, and it must say so; a clean tree must pass."""
import pathlib
import subprocess
import sys
import tempfile

CHECK = pathlib.Path(__file__).with_name("check_layers")
BROKEN = {
    "core/net/a.cpp": ('#include "session/session.hpp"\n', "may not include"),
    "core/net/b.cpp": ('#include "link.hpp"\n', "say the folder"),
    "core/net/c.cpp": ("#include <uv.h>\n", "uv.h"),
    "core/auth/d.cpp": ("int a = TCP_MD5SIG;\n", "TCP_MD5SIG"),
    "core/cli/e.cpp": ("void f() { assert(1); }\n", "require()"),
    "core/cli/f.hpp": ("#include <toml++/toml.h>\n", "toml++"),
    "core/cli/g.hpp": ("\n" * 601, "lines"),
    "plugins/raw/h.cpp": ('#include "base/fd.hpp"\n', "a plugin sees only"),
    "plugins/raw/i.cpp": ('#include "../../core/base/fd.hpp"\n', "a plugin sees only"),
}
CLEAN = {
    "core/session/a.cpp": '#include "base/fd.hpp"\n#include "session/b.hpp"\nstatic_assert(1);  // assert(no)\n',
    "core/loop/a.hpp": "#include <uv.h>\n",
    "core/net/tcp_auth.cpp": "int a = TCP_MD5SIG;\n",
    "plugins/raw/a.cpp": '#include "peerhold/plugin.h"\n',
}


def check(files):
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return subprocess.run([sys.executable, CHECK, root], capture_output=True, text=True)


clean = check(CLEAN)
if clean.returncode:
    sys.exit("a clean tree was refused:\n" + clean.stdout)
for name, (text, word) in BROKEN.items():
    done = check({**CLEAN, name: text})
    if done.returncode != 1 or name not in done.stdout or word not in done.stdout:
        sys.exit(f"{name} was not refused for {word!r}: {done.stdout}")
