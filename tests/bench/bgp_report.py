"""The aims about BGP sessions. They are judged within one run: the farm and the machine are the same for all."""


def aims(results):
    """As report.aims."""
    for count, back in ((1000, 0.1), (4000, 0.5)):
        work = f"bgp, {count} dialling"
        if work not in results.runs:
            continue
        used = results.median(work, "keeper", "exchange_us")
        for base, factor, text in (("bird", 0.1, "bird / 10"), ("floor", 2, "2 x floor")):
            bound = results.median(work, base, "exchange_us")
            yield f"{work}: CPU us/exchange", used, bound and bound * factor, False, text
        if count == 4000:
            few = results.median("bgp, 1000 dialling", "keeper", "exchange_us")
            yield f"{work}: the same, not growing", used, few and few * 1.1, False, "1000, + 10 %"
        yield f"{work}: own KiB each", results.median(work, "keeper", "private_dirty_kib"), 2, False, "fixed"
        for way in ("dialling", "dialled"):
            work = f"bgp, {count} {way}"
            yield (f"{work}: back beyond backoff, s", results.median(work, "keeper", "beyond_s"), back, False, "fixed")
    for way in ("dialling", "dialled"):
        work = f"bgp, 4000 {way}"
        if work in results.runs:
            yield (f"{work}: keyed, usual optmem_max", results.median(work, "keeper", "sessions"), 4000, True, "fixed")
