"""What a process and those below it cost: CPU time and memory, from /proc."""
import contextlib
import os
import pathlib
import re
import time

TICK = os.sysconf("SC_CLK_TCK")
MEMORY = ("Rss", "Pss", "Private_Dirty", "Anonymous")


def _stat(pid):
    """(parent, user and system seconds, the same of children that were waited for)"""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    fields = text.rpartition(")")[2].split()
    times = [int(field) / TICK for field in fields[11:15]]
    return int(fields[1]), times[0] + times[1], times[2] + times[3]


def tree(root):
    """The process and all its descendants: a relay may be a process for each connection."""
    below = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                below.setdefault(_stat(entry)[0], []).append(int(entry))
            except OSError:
                pass
    found = [root]
    for pid in found:
        found += below.get(pid, [])
    return found


def cpu_seconds(root):
    total = 0
    for pid in tree(root):
        try:
            total += sum(_stat(pid)[1:])
        except OSError:
            pass
    return total


def fine_cpu_seconds(root):
    """The same of what runs now, in nanoseconds where the kernel says so: what rests most of the time is seldom
    caught by a tick."""
    total = 0
    for pid in tree(root):
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                total += int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0]) / 1e9
        except OSError:
            return cpu_seconds(root)
    return total


def memory(root):
    """KiB of user memory, summed over the tree. Private_Dirty is what only this process has."""
    total = dict.fromkeys(MEMORY, 0)
    for pid in tree(root):
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        for name in MEMORY:
            total[name] += int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1])
    return total


def settled_memory(root, deadline=3):
    """Memory once two readings agree: what a burst needed may still be on its way back."""
    end = time.monotonic() + deadline
    seen = memory(root)
    while time.monotonic() < end:
        time.sleep(0.2)
        now = memory(root)
        if now == seen:
            break
        seen = now
    return seen


def busy_share(seconds=0.5):
    """How much of the processors somebody uses while nothing is measured."""
    def reading():
        fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        return sum(fields), fields[3] + fields[4]
    all_before, idle_before = reading()
    time.sleep(seconds)
    all_after, idle_after = reading()
    return 1 - (idle_after - idle_before) / (all_after - all_before)


@contextlib.contextmanager
def on_one_processor():
    """Everything below this process, and what it starts meanwhile, shares one processor."""
    usual = os.sched_getaffinity(0)

    def allow(processors):
        for pid in tree(os.getpid()):
            with contextlib.suppress(OSError):  # it has just ended
                for thread in os.listdir(f"/proc/{pid}/task"):
                    os.sched_setaffinity(int(thread), processors)
    allow({min(usual)})
    try:
        yield
    finally:
        allow(usual)
