"""What is measured of TLS passthrough: the relays that choose by server name, the works, and the aims.

Whole handshakes between a real client and a real server, and the relay's share of one alone: then each connection
begins with a ClientHello that curl has sent, which every relay has to read and route; the server drops it and answers
at once.
"""
import pathlib
import re
import shutil
import subprocess

from bench import works as measure
from bench.program import Program
from bench.relays import CLIENTS, Direct, Haproxy, Keeper, Relay, connects, wait_for
from kit.config import toml

NAME = "www.example.net"
HELLO = pathlib.Path(__file__).parents[2] / "plugins" / "tls" / "hellos" / "curl.hello"
MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
OTHERS = ("nginx-preread", "haproxy-sni")
HTTPS = "127.0.0.4:904"


class TlsDirect(Direct):
    first = HELLO


class TlsKeeper(Keeper):
    """Unsigned: passive, routes lead to the server. Signed: active, to a peer that must sign."""
    first = HELLO

    def session(self, number=0):
        common = {"name": "s", "plugin": "tls", "keychain": "k" if self.signed else "none"}
        route = {"sni": ["a.example.org", "*.example.net"]}
        if self.signed:
            options = {**common, "mode": "active", "peer": self.server, "app": self.at, "tls": {"route": [route]}}
        else:
            options = {**common, "mode": "passive", "peer": "127.0.0.0/8", "source": self.at,
                       "tls": {"route": [{**route, "app": self.server}]}}
        return "[[session]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in options.items())


class HaproxySni(Haproxy):
    first = HELLO

    def __init__(self, name, number):
        super().__init__(name, number, True)

    def command(self):
        words = super().command()
        config = self.dir / "cfg"
        config.write_text(config.read_text().replace(
            f" server far {self.server}\n",
            " tcp-request inspect-delay 5s\n tcp-request content accept if { req.ssl_hello_type 1 }\n"
            f" use_backend named if {{ req.ssl_sni -i {NAME} }}\nbackend named\n server far {self.server}\n"))
        return words


class Nginx(Program):
    """One worker that ends TLS: no tickets, no cache, so that each handshake is a whole one."""
    program, pid, at, stands = "nginx", None, HTTPS, True

    def available(self):
        return super().available() and shutil.which("ab") is not None

    def start(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                        f"/CN={NAME}", "-keyout", self.dir / "key", "-out", self.dir / "certificate"], check=True, capture_output=True)
        (self.dir / "conf").write_text(
            f"daemon off; pid {self.dir}/pid; error_log {self.dir}/error.log; worker_processes 1;\n"
            f"events {{ worker_connections 1000; }} http {{ access_log off; server {{ listen {self.at} ssl backlog=1024;\n"
            f"ssl_certificate {self.dir}/certificate; ssl_certificate_key {self.dir}/key;\n"
            "ssl_session_tickets off; ssl_session_cache off; return 204; } }\n")
        self.spawn([self.program, "-c", self.dir / "conf"])
        wait_for(lambda: connects(self.at), f"{self.name} accepts")
        return self


class NginxPreread(Relay):
    """One worker."""
    program, first = "nginx", HELLO

    def available(self):
        return super().available() and pathlib.Path(MODULE).exists()

    def command(self):
        (self.dir / "conf").write_text(
            f"load_module {MODULE}; daemon off; pid {self.dir}/pid; error_log {self.dir}/error.log; worker_processes 1;\n"
            f"worker_rlimit_nofile {4 * CLIENTS}; events {{ worker_connections {3 * CLIENTS}; }} stream {{ access_log off;\n"
            f"map $ssl_preread_server_name $to {{ {NAME} {self.server}; }}\n"
            f"server {{ listen {self.at} backlog=1024; ssl_preread on; proxy_timeout 1h; proxy_pass $to; }} }}\n")
        return [self.program, "-c", self.dir / "conf"]


def to_https(relay):
    relay.server = HTTPS
    return relay


def handshakes(target, seconds, at_once):
    """Each with one request and its answer, one connection each."""
    address, port = target.at.split(":")
    hosts = pathlib.Path("/run/hosts")
    hosts.write_text(f"{address} {NAME}\n")
    if not hosts.samefile("/etc/hosts"):
        subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)
    done = subprocess.run(["ab", "-q", "-t", str(seconds), "-c", str(at_once), f"https://{NAME}:{port}/"],
                          capture_output=True, text=True, timeout=60, check=True).stdout
    seen = {name: float(value) for name, value in re.findall(r"^(.*?):\s+([\d.]+)", done, re.MULTILINE)}
    if seen["Failed requests"] or not seen["Complete requests"]:
        raise RuntimeError(done)
    return {"per_s": seen["Requests per second"]} if at_once > 1 else {"mean_us": seen["Time per request"] * 1000}


def works(program, plugins, quick):
    """(name, targets, measure)"""
    seconds = 0.3 if quick else 1.5
    plain = [TlsDirect("tls-direct"), TlsKeeper("tls-keeper", 30, program, plugins), NginxPreread("nginx-preread", 31),
             HaproxySni("haproxy-sni", 32)]
    signed = [TlsDirect("tls-direct-md5", True), TlsKeeper("tls-keeper-md5", 33, program, plugins, True)]
    for target in plain + signed:
        target.stands = True
    real = [Nginx("tls-direct"), to_https(TlsKeeper("tls-keeper", 34, program, plugins)), to_https(NginxPreread("nginx-preread", 35)),
            to_https(HaproxySni("haproxy-sni", 36))]
    for target in real:
        target.stands = True
    whole = 1 if quick else 3  # ab takes whole seconds
    yield "tls handshakes", real, lambda t: handshakes(t, whole, 16)
    yield "tls handshakes, one by one", real, lambda t: handshakes(t, whole, 1)
    for what, targets in (("tls", plain), ("tls signed", signed)):
        yield f"{what} connections", targets, lambda t: measure.connections(t, seconds)
        yield f"{what} one by one", targets, lambda t: measure.one_by_one(t, seconds)
        yield f"{what} stream", targets, lambda t: measure.stream(t, seconds, down=True)  # nginx keeps no half-close


def aims(results, share, added):
    def best(found, choose):
        found = [pair for pair in found if pair[0] is not None]
        return choose(found)[::-1] if found else (OTHERS[0], None)

    for work in ("tls handshakes", "tls connections"):
        name, bound = best([(results.median(work, other, "per_s"), other) for other in OTHERS], max)
        yield f"{work}/s", results.median(work, "tls-keeper", "per_s"), bound, True, name
    for work, figure, what in (("tls handshakes, one by one", "mean_us", "handshake"), ("tls one by one", "p50_us", "connection")):
        name, bound = best([(results.against(work, figure, other, "tls-direct", added), other) for other in OTHERS], min)
        yield (f"tls: added to one {what}, us", results.against(work, figure, "tls-keeper", "tls-direct", added), bound, False, name)
    name, bound = best([(results.median("tls stream", other, "gb_per_s"), other) for other in OTHERS], max)
    yield "tls stream, GB/s", results.median("tls stream", "tls-keeper", "gb_per_s"), bound, True, name
    yield ("tls signed stream: share of direct MD5",
           results.against("tls signed stream", "gb_per_s", "tls-keeper-md5", "tls-direct-md5", share), 0.90, True, "fixed")
