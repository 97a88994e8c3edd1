# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Reads what callgrind writes: how many instructions each function took, itself and with all that it called."""
import collections
import re
from pathlib import Path

NAMED = re.compile(r"(fn|ob|cfn|cob)=\((\d+)\)(?: (.*))?$")
COST = re.compile(r"[-+*\d]\S* (\d+)$")


class Counts:
    """Of one thread or several. A function is (file name of its object, its name)."""

    def __init__(self):
        self.own, self.inclusive, self.calls = collections.Counter(), collections.Counter(), collections.Counter()

    def add(self, other, sign=1):
        for name in ("own", "inclusive", "calls"):
            mine = getattr(self, name)
            for function, count in getattr(other, name).items():
                mine[function] += sign * count

    def of_objects(self):
        objects = collections.Counter()
        for (of_object, _), count in self.own.items():
            objects[of_object] += count
        return objects

    def ran(self, name):
        return any(function == name for _, function in self.inclusive)


def read(path):
    """The counts of one file. A name is written out where it comes for the first time, and is a number from there on."""
    counts, names, here, called = Counts(), {"fn": {}, "ob": {}}, {}, None
    with open(path, errors="replace") as lines:
        for line in lines:
            if named := NAMED.match(line):
                kind, number, name = named.groups()
                known = names[kind[-2:]]
                if name is not None:
                    known[number] = Path(name).name if kind[-2:] == "ob" else name
                here[kind] = known[number]
            elif line.startswith("calls="):
                called = (here.pop("cob", here["ob"]), here["cfn"]), int(line[6:].split()[0])
            elif cost := COST.match(line):
                add_cost(counts, (here["ob"], here["fn"]), called, int(cost[1]))
                called = None
    return counts


def add_cost(counts, function, called, cost):
    """A cost of the function's own, or that of a call from it."""
    if called is None:
        counts.own[function] += cost
        counts.inclusive[function] += cost
        return
    callee, times = called
    counts.calls[callee] += times
    if callee != function:  # what a function that calls itself costs is in its outermost call
        counts.inclusive[function] += cost
