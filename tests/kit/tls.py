"""TLS for tests: certificates, servers and clients that know nothing of the keeper, and hellos to play with."""
import os
import socket
import ssl
import struct
import subprocess
import threading

from .apps import read_exactly
from .keeper import pair
from .lab import capture, wait_for

__all__ = ["certificate", "hello", "record", "records_of", "Named", "tls_pair", "ask", "alert_of", "s_server", "nginx", "counted"]


def certificate(lab, name):
    """A self-signed certificate for `name` and its key in one file."""
    path = lab.dir / f"{name}.pem"
    if not path.exists():
        part = lab.dir / f"{name}.part"
        capture(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9",
                 "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", path, "-out", part])
        with open(path, "a") as whole:
            whole.write(part.read_text())
    return path


def _context(alpn=(), lowest=None, highest=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    if lowest:
        context.minimum_version = lowest
    if highest:
        context.maximum_version = highest
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def hello(name, alpn=(), **versions):
    """What OpenSSL would send first, as it goes over the wire."""
    out = ssl.MemoryBIO()
    session = _context(alpn, **versions).wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def record(part, kind=22):
    return struct.pack("!BBBH", kind, 3, 1, len(part)) + part


def records_of(wire, size):
    """The same handshake message in records of `size` bytes."""
    message, at = b"", 0
    while at < len(wire):
        length = int.from_bytes(wire[at + 3:at + 5], "big")
        message, at = message + wire[at + 5:at + 5 + length], at + 5 + length
    return b"".join(record(message[i:i + size]) for i in range(0, len(message), size))


class Named:
    """A TLS server that says its name, and to which name and protocol it was asked, then echoes."""

    def __init__(self, host, where, name, alpn=("h2", "http/1.1"), prepare=None):
        self.name, self.seen, self.before = name, [], prepare
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate(host.lab, name))
        self.context.set_alpn_protocols(list(alpn))
        self.context.set_ciphers("ALL:@SECLEVEL=0")
        self.context.minimum_version = ssl.TLSVersion.TLSv1
        self.context.sni_callback = lambda sock, asked, _: self.seen.append(asked)
        family, there = (socket.AF_UNIX, where[5:]) if where.startswith("unix:") else \
            (socket.AF_INET, ("127.0.0.1", int(where.rsplit(":", 1)[1])))
        with host:
            self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(there)
        self.listener.listen(256)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            if self.before:
                self.before(sock)
            with self.context.wrap_socket(sock, server_side=True) as secure:
                secure.sendall(f"{self.name} {secure.selected_alpn_protocol()}\n".encode())
                while data := secure.recv(65536):
                    secure.sendall(data)
        except OSError:
            sock.close()


def tls_pair(lab, far_tls, near_tls=None, far_options=None, near_options=None):
    """Two keepers: `near` takes clients at NEAR_APP, `far` routes them to apps on far."""
    return pair(lab, near_options={"plugin": "tls", "tls": near_tls or {}, **(near_options or {})},
                far_options={"plugin": "tls", "app": None, "tls": far_tls, **(far_options or {})})


class ask:
    """A TLS client's connection; `says` is the line with which a Named server begins."""

    def __init__(self, sock, name, alpn=(), **versions):
        sock.settimeout(20)
        try:
            self.sock = _context(alpn, **versions).wrap_socket(sock, server_hostname=name)
        except BaseException:
            sock.close()
            raise
        self.says = b""
        while not self.says.endswith(b"\n"):
            self.says += read_exactly(self.sock, 1)
        self.says = self.says.decode().strip()

    def echo(self):
        question = os.urandom(8).hex().encode()
        self.sock.sendall(question)
        return read_exactly(self.sock, len(question)) == question

    def close(self):
        self.sock.close()


def alert_of(sock):
    """The description of the fatal alert that ends this connection; None: it ends without one."""
    sock.settimeout(20)
    data = b""
    try:
        while more := sock.recv(100):
            data += more
    except ConnectionResetError:
        pass
    if not data:
        return None
    if len(data) != 7 or data[:2] != b"\x15\x03" or data[3:6] != b"\0\2\2":
        raise AssertionError(f"no alert: {data!r}")
    return data[6]


def _wait_listening(host, port):
    wait_for(lambda: any(s["state"] == "LISTEN" and s["local"].endswith(f":{port}") for s in host.sockets()), 20, f"port {port} listens")


def s_server(host, port, name, *words):
    """OpenSSL's server with a certificate for `name`; what it prints is in PORT.out of the lab."""
    with open(host.lab.dir / f"{port}.out", "wb") as out:
        process = host.popen("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certificate(host.lab, name), *words,
                             stdin=subprocess.PIPE, stdout=out, stderr=out)
    _wait_listening(host, port)
    return process


def nginx(host, servers):
    """nginx with a TLS server for each (port or listen words, name), which answers with that name."""
    lab = host.lab
    (lab.dir / "nginx").mkdir(exist_ok=True)
    blocks = "".join(
        f"server {{ listen 127.0.0.1:{port} ssl http2{words}; server_name {name}; ssl_certificate {certificate(lab, name)};\n"
        f"ssl_certificate_key {certificate(lab, name)}; location / {{ add_header x-peer $proxy_protocol_addr always;\n"
        f"return 200 \"{name} $ssl_protocol $server_protocol $ssl_session_reused\\n\"; }} }}\n"
        for port, name, words in servers)
    config = lab.dir / "nginx" / "nginx.conf"
    config.write_text(f"pid {lab.dir}/nginx/pid; error_log {lab.dir}/nginx/error.log; worker_processes 1; user root;\n"
                      f"daemon off; events {{ }} http {{ access_log off; client_body_temp_path {lab.dir}/nginx;\n"
                      f"ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:1m; {blocks} }}\n")
    process = host.popen("nginx", "-c", config)
    _wait_listening(host, servers[-1][0])
    return process


def counted(keeper, what, session="link"):
    return keeper.status(session)["plugin_status"].get(what, {})
