"""The works about BGP: sessions held with a farm of emulated routers, and UPDATEs that pass through."""
import pathlib
import resource
import time

from bench.farm import Farm
from bench.processes import fine_cpu_seconds, on_one_processor, settled_memory
from bench.relays import Keeper as Relay, toml
from bench.speakers import BACKOFF, HERE, HOLD, PORT, Bird, Floor, Frr, Keeper

ROUTER, APP = "127.1.0.1:179", "127.0.0.11:179"
UP_WITHIN = {True: 30, False: 20}  # seconds, after which a speaker that dials, or is dialled, has failed


class Skipped(Exception):
    """No failure of the measurement: the target cannot, or is not worth the time. `result` is what it could."""

    def __init__(self, why, result=None):
        super().__init__(why)
        self.result = result


class Holding:
    """The sessions of all speakers and sizes, and what one size teaches about the next."""

    def __init__(self, seconds):
        self.seconds, self.alone, self.too_many = seconds, {}, {}

    def dialling(self, speaker, count):
        """The speaker dials. Time, memory and CPU, and the storm."""
        if speaker not in self.alone:
            self.alone[speaker] = self.held(speaker, 1, True, lambda _: settled_memory(speaker.pid))

        def measure(farm):
            memory = settled_memory(speaker.pid)
            result = {f"{name.lower()}_kib": (memory[name] - self.alone[speaker][name]) / (count - 1)
                      for name in ("Private_Dirty", "Rss")}
            before = fine_cpu_seconds(speaker.pid)
            seen = farm.step()
            used = fine_cpu_seconds(speaker.pid) - before
            if seen["lost"]:
                raise Skipped(f"{seen['lost']} sessions were lost within {self.seconds:.0f} s", result)
            result["exchange_us"] = used * 1e6 / ((seen["sent"] + seen["received"]) / 2)
            return self.storm(farm, count, True, result)
        return self.held(speaker, count, True, measure)

    def dialled(self, speaker, count):
        """The routers dial."""
        return self.held(speaker, count, False, lambda farm: self.storm(farm, count, False, {}))

    def storm(self, farm, count, dials, result):
        seen = farm.step()
        if not seen["all"]:
            raise Skipped(f"{seen['established']} of {count} were back {UP_WITHIN[dials]} s after all had dropped", result)
        return result | {"back_s": seen["seconds"], "beyond_s": max(0.0, seen["seconds"] - BACKOFF)}

    def held(self, speaker, count, dials, measure):
        smaller = self.too_many.get((speaker, dials))
        if smaller:
            raise Skipped(f"not tried, {smaller} were too many")
        if count > speaker.most:
            raise Skipped(f"not tried: {speaker.why_not_more}")
        steps = ["up", *([f"count={self.seconds}"] if dials and count > 1 else []), "drop"]
        with Farm("hold", steps, at=f"{HERE}:{PORT}", routers=count, dial=not dials, hold=HOLD, redial=BACKOFF,
                  deadline=UP_WITHIN[dials]) as farm:
            result = None
            try:
                begin = time.monotonic()
                if dials:
                    farm.go()
                speaker.start(count, dials)
                if not dials:
                    begin = time.monotonic()
                    farm.go()
                seen = farm.answer()
                if not seen["all"]:
                    raise Skipped(f"{seen['established']} of {count} were up after {UP_WITHIN[dials]} s {farm.complaint()}".strip())
                result = {"up_s": seen["at"] - begin, "sessions": seen["established"]}
                return result | measure(farm)
            except Skipped as why:
                self.too_many[speaker, dials] = count
                if result:
                    why.result = result | (why.result or {})
                raise
            finally:
                speaker.stop()


class Through:
    """What stands between the app and the router: nothing, the plugin raw, or the plugin bgp."""
    stands = False

    def __init__(self, name, program=None, plugins=(), plugin=None):
        self.name, self.program, self.plugins, self.plugin = name, program, plugins, plugin
        self.relay = Passing(f"pass-{name}", 20, program, plugins, True) if plugin else None
        if self.relay:
            self.relay.plugin = plugin

    def available(self):
        return not self.plugin or (self.program is not None and
                                   any(pathlib.Path(path, f"{self.plugin}.so").exists() for path in self.plugins))

    def stop(self):
        if self.relay:
            self.relay.stop()

    def log(self):
        return self.relay.log()[-300:] if self.relay else ""

    def steps(self, *steps):
        """Each step's answer, with the relay's CPU seconds in it."""
        direct = self.relay is None
        with Farm("pass", ["up", *steps], at=HERE, router=ROUTER, app=ROUTER if direct else APP, direct=direct,
                  hold=90, deadline=20) as farm:
            try:
                if self.relay:
                    self.relay.start()
                if not farm.step()["all"]:
                    raise RuntimeError(f"app and router do not reach Established. {farm.complaint()}")
                for step in steps:
                    before = fine_cpu_seconds(self.relay.pid) if self.relay else 0
                    seen = farm.step()
                    yield seen | ({"cpu_s": fine_cpu_seconds(self.relay.pid) - before} if self.relay else {})
            finally:
                self.stop()


class Passing(Relay):
    """A keeper with one session, between an app without a key and a router with one."""
    plugin = "raw"

    def session(self, number=0):
        own = ('link = "per-client"\n' if self.plugin == "raw" else
               '[session.bgp]\nlocal_as = 64512\npeer_as = 64513\nhold_time = "90s"\n')
        return (f'[[session]]\nname = "s{number}"\nplugin = {toml(self.plugin)}\nmode = "active"\nkeychain = "k"\n'
                f'peer = "{ROUTER}"\nsource = "{HERE}"\napp = "{APP}"\n{own}')

    def start(self):
        self.at = APP
        return super().start()


def stream(through, seconds):
    """UPDATEs as fast as they are taken, and what they cost the relay."""
    up, down = through.steps(f"stream={seconds}", f"stream-down={seconds}")
    result = {}
    for way, seen in (("up", up), ("down", down)):
        result[f"{way}_per_s"] = seen["per_s"]
        if "cpu_s" in seen:
            result[f"{way}_update_us"] = seen["cpu_s"] * 1e6 / seen["messages"]
    return result


def latency(through, seconds):
    """One UPDATE at a time, all on one processor, as with the pings."""
    with on_one_processor():
        up, down = through.steps(f"latency={seconds}", f"latency-down={seconds}")
    return {f"{way}_{name}": seen[name] for way, seen in (("up", up), ("down", down)) for name in ("p50_us", "p99_us")}


def works(program, plugins, quick):
    """(name, targets, function of a target, whether once is enough)"""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # what is started here inherits it
    holding = Holding(3.2 if quick else 3.2 * HOLD / 3)
    speakers = [Floor("floor"), Keeper("keeper", program, plugins), Bird("bird"), Frr("frr")]
    for count in (50,) if quick else (100, 1000, 4000, 10000):
        yield f"bgp, {count} dialling", speakers, lambda t, n=count: holding.dialling(t, n), True
        yield f"bgp, {count} dialled", speakers, lambda t, n=count: holding.dialled(t, n), True
    ways = [Through("direct-md5"), Through("keeper-raw", program, plugins, "raw"), Through("keeper", program, plugins, "bgp")]
    yield "bgp pass-through", ways, lambda t: stream(t, 0.2 if quick else 1), False
    yield "bgp pass-through, one CPU", ways, lambda t: latency(t, 0.2 if quick else 0.5), False
