"""From what was measured to what is said about it: medians, ratios within a repetition, aims."""
import statistics

from bench import bgp_report, keys, tls

# What a figure is called, and in which unit and precision it is shown.
FIGURES = {
    "gb_per_s": ("GB/s", 3), "cpu_s_per_gb": ("relay CPU s/GB", 3), "p50_us": ("p50 us", 1), "p99_us": ("p99 us", 1),
    "mean_us": ("mean us", 1), "per_s": ("connections/s", 0), "rss_kib": ("resident KiB", 2),
    "private_dirty_kib": ("own KiB", 2), "accepts_ms": ("accepts, ms", 1),
    "up_s": ("all up, s", 2), "exchange_us": ("CPU us/exchange", 1), "back_s": ("all back, s", 2),
    "up_per_s": ("to router, UPDATEs/s", 0), "up_update_us": ("to router, CPU us each", 2),
    "down_per_s": ("to app, UPDATEs/s", 0), "down_update_us": ("to app, CPU us each", 2),
    "up_p50_us": ("to router, p50 us", 1), "up_p99_us": ("to router, p99 us", 1),
    "down_p50_us": ("to app, p50 us", 1), "down_p99_us": ("to app, p99 us", 1),
    "up_ms": ("peer to app after, ms", 1), "down_ms": ("app to peer after, ms", 1), "rto_ms": ("one RTO, ms", 1),
    "lost": ("bytes lost", 0), "flood_per_s": ("forged segments/s", 0), "flood_cpu": ("CPU %", 2),
    "ready_ms": ("READY=1, ms", 1), "rss_mb": ("resident MB", 2), "stripped_mb": ("stripped MB", 2),
}
HAPROXY = ("haproxy-splice", "haproxy")


class Results:
    """runs[work][target] is a list with one dict of figures for each repetition, or None where it failed."""

    def __init__(self, runs):
        self.runs = runs

    def each(self, work, target, figure):
        return [run.get(figure) if run else None for run in self.runs.get(work, {}).get(target, [])]

    def median(self, work, target, figure):
        return middle(self.each(work, target, figure))

    def against(self, work, figure, target, base, combine):
        """The median over the repetitions of combine(target, base): what drifts from one to the next cancels out."""
        pairs = zip(self.each(work, target, figure), self.each(work, base, figure))
        return middle([None if None in pair else combine(*pair) for pair in pairs])


def middle(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def share(value, base):
    return value / base


def added(value, base):
    return value - base


def aims(results):
    """(what, value, bound, whether a larger value is better, what the bound is)"""
    for work in ("signed stream", "signed 16 streams"):
        bound = 0.95 if work == "signed stream" else 0.90
        yield (f"{work}: share of direct MD5", results.against(work, "gb_per_s", "keeper-md5", "direct-md5", share),
               bound, True, "fixed")
    yield ("plain stream: relay CPU s/GB", results.median("plain stream", "keeper", "cpu_s_per_gb"),
           results.median("plain stream", "haproxy-splice", "cpu_s_per_gb"), False, "haproxy-splice")
    for figure in ("p50_us", "p99_us"):
        name, bound = best(results, "ping, one CPU", figure, min, "direct")
        yield (f"ping, one CPU: {figure[:3]} added, us", results.against("ping, one CPU", figure, "keeper", "direct", added),
               bound, False, name)
    name, bound = best(results, "connections", "per_s", max)
    yield "connections/s", results.median("connections", "keeper", "per_s"), bound, True, name
    yield ("KiB per idle connection", results.median("idle connections", "keeper-md5", "private_dirty_kib"),
           2, False, "fixed")
    yield "KiB per idle session", results.median("sessions", "keeper-md5", "private_dirty_kib"), 2, False, "fixed"
    yield "start, ms", results.median("start", "keeper-md5", "ready_ms"), 50, False, "fixed"
    yield "memory with one session, MB", results.median("one session", "keeper-md5", "rss_mb"), 6, False, "fixed"
    yield "stripped program, MB", results.median("size", "keeper-md5", "stripped_mb"), 2, False, "fixed"
    yield from bgp_report.aims(results)
    yield from tls.aims(results, share, added)
    yield from keys.aims(results, share)


def best(results, work, figure, choose, base=None):
    """The better of haproxy's two settings."""
    found = [(results.against(work, figure, name, base, added) if base else results.median(work, name, figure), name)
             for name in HAPROXY]
    found = [pair for pair in found if pair[0] is not None]
    return choose(found)[::-1] if found else ("haproxy", None)


def judged(results):
    for what, value, bound, larger, source in aims(results):
        met = None if value is None or bound is None else (value >= bound if larger else value <= bound)
        yield {"aim": what, "value": value, "bound": bound, "sense": ">=" if larger else "<=", "from": source, "met": met}


def shown(value, digits):
    return "-" if value is None else f"{value:,.{digits}f}"


def columns(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join([row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])])
            for row in rows]


def tables(results):
    """The relays' works, those about TLS, about keys and about BGP have no targets in common."""
    apart = [{work for work in results.runs if work.startswith(word)} for word in ("tls", "keys", "bgp")]
    found = [table(results, works) for works in (results.runs.keys() - set().union(*apart), *apart) if works]
    return [line for lines in found for line in [*lines, ""]]


def table(results, works):
    """One row a work and figure, one column a target; medians."""
    runs = {work: by_target for work, by_target in results.runs.items() if work in works}
    targets = list(dict.fromkeys(target for work in runs.values() for target in work))
    rows = [["", "", *targets]]
    for work, by_target in runs.items():
        known = [figure for figure in FIGURES
                 if any(run and figure in run for runs in by_target.values() for run in runs)]
        for figure in known:
            unit, digits = FIGURES[figure]
            rows.append([work, unit, *(shown(results.median(work, target, figure), digits) for target in targets)])
    return columns(rows)


def verdicts(judgements):
    words = {True: "met", False: "MISSED", None: "not measured"}
    rows = [["aim", "value", "", "bound", "from", ""]]
    rows += [[one["aim"], shown(one["value"], 2), one["sense"], shown(one["bound"], 2), one["from"], words[one["met"]]]
             for one in judgements]
    return columns(rows)
