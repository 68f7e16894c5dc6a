#!/usr/bin/env python3
"""At info one line a state change, a failure that repeats at attempts 1, 2, 4, 8; operators with uid and pid."""
import re

from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    keeper, listening = pair(lab, "persistent", {"retry": {"min": "100ms", "max": "100ms", "connect_timeout": "300ms"}}, start=False)
    keeper.settings["log_level"] = "info"
    keeper.write(keeper.text)
    keeper.start()

    def lines(*words):
        return [line for line in keeper.log_text().splitlines() if all(word in line for word in words)]

    wait_for(lambda: keeper.status("link")["attempts"] >= 20, 60, "twenty attempts")
    told = lines("session=link", "connect-timeout") or lines("session=link", "auth-mismatch")
    print("\n".join(told))
    require(3 <= len(told) <= 8, f"{len(told)} lines about one failure in twenty attempts")
    attempts = [int(number) for line in told for number in re.findall(r"attempt=(\d+)", line)]
    same([a for a in attempts if a & (a - 1)], [], "attempts told of that are no power of two")

    same({bool(re.search(r" retry_in=\d+ms ", line)) for line in told if "-> backoff" in line}, {True}, "retry_in")
    same([line for line in keeper.log_text().splitlines() if not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", line)], [], "lines without a time")

    listening.start()
    keeper.wait_state("established")
    same(len(lines("session=link", "-> established")), 1, "lines of the establishment")
    keeper.cli("down", "link")
    keeper.wait_state("down")
    line, = lines("session=link", "established -> down")
    require("event=" in line and "cause=admin" in line, line)
    operator = [line for line in lines("uid=0", "pid=") if "down" in line]
    same(len(operator), 1, f"lines of the operator's command: {operator}")
    same([line for line in keeper.log_text().splitlines() if "event=" not in line], [], "lines without an event id")
    require(SECRET not in keeper.log_text(), "the secret is in the log")
