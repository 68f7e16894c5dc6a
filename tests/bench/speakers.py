"""Who holds BGP sessions with the farm's routers: the keeper, BIRD, FRR's bgpd, and the floor, a minimal speaker."""
import os
import pathlib

from bench.farm import KEEPER_AS, PREFIX, ROUTER_AS, listens, router, words
from bench.program import Program
from bench.relays import wait_for
from kit.config import SECRET, toml

HERE, PORT = "127.0.0.9", 179
HOLD = 9  # seconds
BACKOFF = 0.1  # seconds that the keeper, or the farm where it dials, waits by its configuration
OPTMEM = pathlib.Path("/proc/sys/net/core/optmem_max")
USUAL_OPTMEM, RAISED_OPTMEM = 131072, 4 << 20


class Speaker(Program):
    """One target. start() gives it `count` sessions, which it dials or is dialled for."""
    stands = False
    optmem = USUAL_OPTMEM  # room for a socket's keys: 963 of them
    most = 10000  # sessions that are worth trying
    why_not_more = ""

    def start(self, count, dials):
        command = self.command(count, dials)
        OPTMEM.write_text(str(self.optmem))
        self.spawn(command)
        if not dials:
            wait_for(lambda: listens(f"{HERE}:{PORT}") or self.ended, f"{self.name} listens", 30, 0.01)
        if self.ended:
            raise RuntimeError(f"{self.name} ended")

    def write(self, name, text):
        path = self.dir / name
        path.write_text(text)
        path.chmod(0o600)
        return path


class Floor(Speaker):
    """A second farm in the place of the program under test: little more than the system calls."""
    program = words("hold")[0]

    def command(self, count, dials):
        return [*words("hold", floor=True, dial=dials, at=f"{HERE}:{PORT}", routers=count, hold=HOLD,
                       **{"as": KEEPER_AS, "peer_as": ROUTER_AS, "redial": BACKOFF}), "stay"]


class Keeper(Speaker):
    """The program under test. Without apps: it holds, and that is all."""

    def __init__(self, name, program, plugins):
        super().__init__(name)
        self.program, self.plugins = program, plugins

    def available(self):
        return self.program is not None and any(pathlib.Path(path, "bgp.so").exists() for path in self.plugins)

    def command(self, count, dials):
        secret = self.write("key", SECRET + "\n")
        lines = [f'[keeper]\ncontrol = {toml(self.dir / "control")}\nlog_level = "warn"',
                 f"[[keychain.k.key]]\nid = 1\nsecret_file = {toml(secret)}"]
        if not dials:  # one key for all, as an operator of thousands would have it
            lines.append(f'[[listen]]\naddress = "{HERE}:{PORT}"\nprefix = "{PREFIX}"\nkeychain = "k"')
        for number in range(count):
            ends = (f'mode = "active"\npeer = "{router(number)}:{PORT}"\nsource = "{HERE}"' if dials else
                    f'mode = "passive"\npeer = "{router(number)}"\nsource = "{HERE}:{PORT}"')
            lines.append(f'[[session]]\nname = "r{number}"\nplugin = "bgp"\nkeychain = "k"\n{ends}\n'
                         f'[session.retry]\nmin = "{BACKOFF * 1000:.0f}ms"\nmax = "1s"\njitter = 0.0\nreset_after = "500ms"\n'
                         f'[session.bgp]\nlocal_as = {KEEPER_AS}\npeer_as = {ROUTER_AS}\nhold_time = "{HOLD}s"')
        return [self.program, "run", "-c", self.write("toml", "\n".join(lines) + "\n"),
                *(word for path in self.plugins for word in ("--plugin-dir", path))]


class Bird(Speaker):
    """BIRD 2, each timer at its least, which is a second. It keys its listener for each peer that it dials, too."""
    program, optmem = "bird", RAISED_OPTMEM
    most, why_not_more = 4000, "its KEEPALIVEs alone would take more than a processor"

    def command(self, count, dials):
        shared = (f"template bgp farm {{\n local {HERE} port {PORT} as {KEEPER_AS};\n source address {HERE};\n multihop;\n"
                  f' strict bind yes;\n password "{SECRET}";\n hold time {HOLD};\n connect delay time 1;\n'
                  " connect retry time 1;\n error wait time 1, 1;\n error forget time 1;\n"
                  " ipv4 { import none; export none; };\n}\n")
        if dials:
            peers = "".join(f"protocol bgp r{number} from farm {{ neighbor {router(number)} port {PORT} as {ROUTER_AS}; }}\n"
                            for number in range(count))
        else:
            peers = f'protocol bgp everyone from farm {{ neighbor range {PREFIX} as {ROUTER_AS}; dynamic name "r"; }}\n'
        config = self.write("conf", f"log stderr {{ error, fatal, bug }};\nrouter id {HERE};\nprotocol device {{}}\n{shared}{peers}")
        return ["bird", "-f", "-c", config, "-s", self.dir / "control", "-P", self.dir / "pid"]


class Frr(Speaker):
    """FRR's bgpd without the rest of FRR, so that no route is installed. Dialling it has no listener."""
    program = "/usr/lib/frr/bgpd"
    most, why_not_more = 4000, Bird.why_not_more

    def command(self, count, dials):
        lines = [f"router bgp {KEEPER_AS}", f" bgp router-id {HERE}", " no bgp ebgp-requires-policy",
                 " no bgp default ipv4-unicast", " bgp listen limit 65535", " neighbor farm peer-group",
                 f" neighbor farm remote-as {ROUTER_AS}", f" neighbor farm password {SECRET}",
                 " neighbor farm ebgp-multihop 255", f" neighbor farm update-source {HERE}",
                 " neighbor farm advertisement-interval 0", f" neighbor farm timers {HOLD // 3} {HOLD}",
                 " neighbor farm timers connect 1"]
        if dials:
            lines += [f" neighbor {router(number)} peer-group farm" for number in range(count)]
        else:
            lines += [" neighbor farm passive", f" bgp listen range {PREFIX} peer-group farm"]
        lines += [" address-family ipv4 unicast", "  neighbor farm activate", " exit-address-family", "exit"]
        config = self.write("conf", "\n".join(lines) + "\n")
        return [self.program, "--no_zebra", "--skip_runas", "-f", config, "-i", self.dir / "pid", "-P", 0, "-l", HERE,
                "-p", 0 if dials else PORT, "--vty_socket", self.dir, "--log", f"file:{self.dir / 'frr.log'}", "--log-level", "errors"]

    def start(self, count, dials):
        os.makedirs("/run/frr", exist_ok=True)
        super().start(count, dials)
