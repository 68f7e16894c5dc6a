"""What is measured of TLS passthrough: the relays that choose by server name, the works, and the aims.

The relay's share, not the cryptography of two programs around it: each connection begins with a ClientHello that
curl has sent, which every relay has to read and route; the server drops it and answers at once. What a handshake
costs through a relay beyond that is bytes passed on.
"""
import pathlib

from bench import works as measure
from bench.relays import CLIENTS, Direct, Haproxy, Keeper, Relay
from kit.config import toml

NAME = "www.example.net"
HELLO = pathlib.Path(__file__).parents[2] / "plugins" / "tls" / "hellos" / "curl.hello"
MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
OTHERS = ("nginx-preread", "haproxy-sni")


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


def works(program, plugins, quick):
    """(name, targets, measure)"""
    seconds = 0.3 if quick else 1.5
    plain = [TlsDirect("tls-direct"), TlsKeeper("tls-keeper", 30, program, plugins), NginxPreread("nginx-preread", 31),
             HaproxySni("haproxy-sni", 32)]
    signed = [TlsDirect("tls-direct-md5", True), TlsKeeper("tls-keeper-md5", 33, program, plugins, True)]
    for target in plain + signed:
        target.stands = True
    for what, targets in (("tls", plain), ("tls signed", signed)):
        yield f"{what} connections", targets, lambda t: measure.connections(t, seconds)
        yield f"{what} one by one", targets, lambda t: measure.one_by_one(t, seconds)
        yield f"{what} stream", targets, lambda t: measure.stream(t, seconds, down=True)  # nginx keeps no half-close


def aims(results, share, added):
    def best(found, choose):
        found = [pair for pair in found if pair[0] is not None]
        return choose(found)[::-1] if found else (OTHERS[0], None)

    name, bound = best([(results.median("tls connections", other, "per_s"), other) for other in OTHERS], max)
    yield "tls connections/s", results.median("tls connections", "tls-keeper", "per_s"), bound, True, name
    name, bound = best([(results.against("tls one by one", "p50_us", other, "tls-direct", added), other) for other in OTHERS], min)
    yield ("tls: added to one connection, us", results.against("tls one by one", "p50_us", "tls-keeper", "tls-direct", added),
           bound, False, name)
    name, bound = best([(results.median("tls stream", other, "gb_per_s"), other) for other in OTHERS], max)
    yield "tls stream, GB/s", results.median("tls stream", "tls-keeper", "gb_per_s"), bound, True, name
    yield ("tls signed stream: share of direct MD5",
           results.against("tls signed stream", "gb_per_s", "tls-keeper-md5", "tls-direct-md5", share), 0.90, True, "fixed")
