"""Every work with its targets, and the order in which they are measured."""
import os
import subprocess
import sys
import tempfile
import typing

from bench import bgp, keys, tls, works
from bench.processes import busy_share
from bench.relays import Direct, Haproxy, Keeper, Socat


class Work(typing.NamedTuple):
    targets: list
    measure: typing.Callable
    once: bool = False  # not in each repetition: it takes long


def works_for(program, plugins, quick, only):
    """{name: Work}. Targets that several works share stand all the time."""
    seconds, many = (0.3, 100) if quick else (1.5, 1000)

    def keeper(name, number, signed, sessions=0):
        return Keeper(name, number, program, plugins, signed, sessions)

    plain = [Direct("direct"), keeper("keeper", 1, False), Haproxy("haproxy-splice", 2, True),
             Haproxy("haproxy", 3, False), Socat("socat", 4)]
    signed = [Direct("direct-md5", True), keeper("keeper-md5", 5, True), Socat("socat-md5", 6, True)]
    for target in plain + signed:
        target.stands = True
    fresh = [keeper("keeper-md5", 7, True), Haproxy("haproxy-splice", 8, True), Socat("socat", 9)]
    one, all_of_them = keeper("keeper-md5", 10, True, 1), keeper("keeper-md5", 11, True, many)

    def each_session(_):
        few, lot = works.sessions(one), works.sessions(all_of_them)
        return {f"{name.lower()}_kib": (lot[name] - few[name]) / (many - 1) for name in few}

    found = {
        "signed stream": (signed, lambda t: works.stream(t, seconds)),
        "signed stream, down": (signed, lambda t: works.stream(t, seconds, down=True)),
        "signed 16 streams": (signed, lambda t: works.stream(t, seconds, connections=16)),
        "signed ping": (signed, lambda t: works.ping(t, seconds)),
        "plain stream": (plain, lambda t: works.stream(t, seconds)),
        "ping": (plain, lambda t: works.ping(t, seconds)),
        "ping, one CPU": (plain, lambda t: works.ping_on_one_processor(t, seconds)),
        "connections": (plain, lambda t: works.connections(t, seconds)),
        "idle connections": (fresh, lambda t: works.idle_memory(t, many)),
        "sessions": ([all_of_them], each_session),
        "start": (fresh, works.start_up),
        "one session": ([one], lambda t: {"rss_mb": works.sessions(t)["Rss"] * 1024 / 1e6}),
        "size": ([one], lambda _: stripped_mb(program)),
    }
    found = {name: Work(*work) for name, work in found.items()}
    found |= {name: Work(*work) for name, *work in bgp.works(program, plugins, quick)}
    found |= {name: Work(*work) for name, *work in tls.works(program, plugins, quick)}
    found |= {name: Work(*work) for name, *work in keys.works(program, plugins, quick, lambda t: works.stream(t, seconds))}
    return {name: work for name, work in found.items() if not only or any(word in name for word in only)}


def stripped_mb(program):
    with tempfile.NamedTemporaryFile() as copy:
        subprocess.run(["strip", "-o", copy.name, program], check=True)
        return {"stripped_mb": os.path.getsize(copy.name) / 1e6}


def measure(plan, repetitions):
    """(runs as report.Results wants them, what failed, what was left out, who is not there, how busy others kept the
    machine)"""
    runs = {name: {target.name: [] for target in work.targets} for name, work in plan.items()}
    everyone = {target for work in plan.values() for target in work.targets}
    absent = {target for target in everyone if not target.available()}
    failures, skipped, broken, busy = [], [], set(), 0
    for target in {target for target in everyone - absent if target.stands}:
        try:
            target.start()
        except Exception as error:  # a relay that does not start costs its column, not the run
            failures.append(f"{target.name}: {error}")
            broken.add(target)
    for repetition in range(repetitions):
        busy = max(busy, busy_share())
        for name, (targets, measure_one, once) in plan.items():
            if once and repetition:
                continue
            first = repetition % len(targets)  # nobody is always the first
            for target in targets[first:] + targets[:first]:
                progress(f"{repetition + 1}/{repetitions} {name}: {target.name}")
                result = None
                if target not in absent | broken:
                    try:
                        result = measure_one(target)
                    except bgp.Skipped as why:
                        result = why.result
                        skipped.append(f"{name}, {target.name}: {why}")
                    except Exception as error:
                        failures.append(f"{name}, {target.name}: {error} {target.log()}".strip())
                runs[name][target.name].append(result)
    progress("")
    for target in everyone:
        target.stop()
    return runs, failures, skipped, sorted({target.name for target in absent}), busy


def progress(text):
    if sys.stderr.isatty():
        print("\r" + text.ljust(60) + ("" if text else "\r"), end="", file=sys.stderr)
