"""Small apps on either side of a keeper: each an ordinary program that knows nothing of TCP-MD5."""
import contextlib
import hashlib
import os
import pathlib
import socket
import threading

from .config import SECRET
from .lab import require
from .md5 import set_key

__all__ = ["address", "connect", "keyed", "listen", "serve", "echo", "read_exactly", "read_to_end", "talk", "digest",
           "refused", "dial", "unanswered", "as_user"]


def address(text):
    """("10.0.0.1", 179) of "10.0.0.1:179", with its family; unix:/path likewise."""
    if text.startswith("unix:"):
        return socket.AF_UNIX, text[5:]
    host, port = text.rsplit(":", 1)
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    return family, (host.strip("[]"), int(port))


def connect(host, where, timeout=10, source=None, prepare=None):
    """A connection made on `host`; `prepare(sock)` runs before connect."""
    family, there = address(where)
    with host or contextlib.nullcontext():
        sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        if source:
            sock.bind(source if isinstance(source, tuple) else (source, 0))
        if prepare:
            prepare(sock)
        sock.connect(there)
    except BaseException:
        sock.close()
        raise
    return sock


def listen(host, where, prepare=None, backlog=256):
    family, here = address(where)
    with host or contextlib.nullcontext():
        sock = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_UNIX:
        pathlib.Path(here).unlink(missing_ok=True)
    else:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(here)
    if prepare:
        prepare(sock)
    sock.listen(backlog)
    sock.settimeout(15)
    return sock


def keyed(peer, key=SECRET):
    """For `prepare`: what comes from this peer must bear the key."""
    return lambda sock: set_key(sock, peer, key.encode())


def dial(host, where, key=None, timeout=10, source=None):
    """A connection to a peer, signed with `key` (text) when there is one, from the host's own address."""
    _, there = address(where)
    source = source or (host.v6 if ":" in there[0] else host.v4)
    return connect(host, where, timeout, source,
                   keyed(there[0], key) if key else None)


def unanswered(host, where, key=None, **options):
    """Fails when such a SYN gets any answer."""
    refused(lambda: dial(host, where, key, **{"timeout": 1.5, **options}), TimeoutError)


@contextlib.contextmanager
def as_user(uid, groups=()):
    """What this process opens meanwhile is opened by another user."""
    os.setgroups(list(groups))
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups([])


class serve:
    """A server that hands each connection to `handler(sock)` in a thread of its own, until stopped."""

    def __init__(self, host, where, handler, prepare=None):
        self.listener = listen(host, where, prepare)
        self.listener.settimeout(None)
        self.connections, self._handler = [], handler
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(sock)
            threading.Thread(target=self._run, args=(sock,), daemon=True).start()

    def _run(self, sock):
        with sock, contextlib.suppress(OSError):
            self._handler(sock)

    def stop(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.connections:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def echo(sock):
    while data := sock.recv(65536):
        sock.sendall(data)


def read_exactly(sock, count):
    data = bytearray()
    while len(data) < count:
        more = sock.recv(min(count - len(data), 1 << 16))
        require(more, f"end of stream after {len(data)} of {count} bytes: {bytes(data[:80])!r}")
        data += more
    return bytes(data)


def read_to_end(sock):
    data = bytearray()
    while more := sock.recv(1 << 16):
        data += more
    return bytes(data)


def talk(sock, text=None):
    """One question to an echoing far end; fails unless the answer is the question."""
    question = text or os.urandom(16).hex().encode()
    sock.sendall(question)
    answer = read_exactly(sock, len(question))
    require(answer == question, f"asked {question!r}, got {answer!r}")


def digest(data):
    return hashlib.sha256(data).hexdigest()


def refused(action, *kinds):
    """The error with which `action` fails; it must be one of `kinds`."""
    try:
        action()
    except kinds as error:
        return error
    raise AssertionError(f"went through, but one of {kinds} was expected")
