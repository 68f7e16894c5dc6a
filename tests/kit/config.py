"""Pieces of configuration text, so that a test shows only what it is about."""
import os
import pathlib

__all__ = ["SECRET", "chain", "session", "toml"]

SECRET = "correct.horse.battery"


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{k}" = {toml(v)}' for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml, value)) + "]"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def chain(lab, name="k", secret=SECRET):
    """A key chain of one key in a file of its own."""
    path = pathlib.Path(lab.dir, f"{name}.key")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(fd, "w") as f:
        f.write(secret + "\n")
    return f'[[keychain.{name}.key]]\nid = 1\nsecret_file = {toml(path)}\n'


def session(name="link", **options):
    """One [[session]]; a dict is a sub-table. Retries are quick unless the test says otherwise."""
    options = {"plugin": "raw", "keychain": "k", **options}
    options["retry"] = {"min": "100ms", "max": "1s", "reset_after": "200ms", "connect_timeout": "3s",
                        **options.get("retry", {})}
    lines = [f"{key} = {toml(value)}" for key, value in options.items() if value is not None]
    return f"[[session]]\nname = {toml(name)}\n" + "\n".join(lines) + "\n"
