# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What is done to a run, and when. The plan is made before anything starts, of the seed alone: the same seed is the same plan.

Everything that can go wrong has a lane of its own, in which one fault follows the other; lanes do not know of each other, so faults meet.
"""
import random
from collections import namedtuple

Fault = namedtuple("Fault", "at seconds kind on more")

# kind: (how likely among those of its lane, shortest, longest)
LANES = {
    "broker": (1.5, 6, {"broker-kill": (5, 0, 1.2), "broker-pause": (2, 0.2, 2.5), "broker-stop": (1, 0, 0.5)}),
    "links": (0.4, 2, {"link-cut": (5, 0, 0), "link-silent": (3, 0.3, 4), "link-slow": (2, 0.5, 3), "link-pieces": (2, 0.5, 3),
                       "takeover": (2, 0, 0)}),
    "storm": (4, 12, {"storm": (1, 0, 0)}),
    "partition": (6, 15, {"partition": (1, 0.3, 1.5)}),
    "sqlite": (2, 7, {"store-held": (3, 0.3, 3), "disk-full": (2, 0.5, 3)}),
    "mongodb": (2, 7, {"store-kill": (3, 0.1, 2), "store-pause": (3, 0.3, 3), "store-silent": (2, 0.3, 3), "store-lossy": (3, 0.5, 3)}),
    "kafka": (4, 10, {"kafka-kill": (2, 0.5, 4), "kafka-pause": (2, 0.5, 5)}),
    "clock": (3, 9, {"clock-fault": (1, 0.5, 4)}),
}


def plan(seed, seconds, lanes, devices, only=None):
    """lanes: (name, on) of each that there is; only: these kinds. Everything is over when `seconds` are."""
    faults = []
    for name, on in lanes:
        dice = random.Random(f"{seed} {name} {on}")
        shortest, longest, kinds = LANES[name]
        kinds = {kind: how for kind, how in kinds.items() if not only or kind in only}
        at = dice.uniform(0.5, longest)
        while kinds:
            kind = dice.choices(list(kinds), [likely for likely, _, _ in kinds.values()])[0]
            lasts = dice.uniform(*kinds[kind][1:])
            if at + lasts > seconds:
                break
            faults.append(Fault(round(at, 3), round(lasts, 3), kind, on, more_of(kind, dice, devices)))
            at += lasts + dice.uniform(shortest, longest)
    return sorted(faults)


def more_of(kind, dice, devices):
    if kind.startswith("link") or kind == "takeover":
        return dice.sample(devices, dice.choice((1, 1, 2, len(devices) // 2)))
    if kind == "clock-fault":
        return dice.choice((-7200, -3, 3, 60, 7200))
    if kind == "store-lossy":
        return dice.random() * 0.3
    return None


class Injector:
    """Does the faults to a run's world. What begins is ended, in the order of time."""

    def __init__(self, world, recorder):
        self.world, self.recorder, self.waiting = world, recorder, []

    def until(self, faults, now):
        """Everything that is due by then; returns what is left of the plan."""
        while True:
            end = min(self.waiting, default=None, key=lambda entry: entry[0])
            begin = faults[0] if faults else None
            if end and end[0] <= now and (begin is None or end[0] <= begin.at):
                self.waiting.remove(end)
                self.ends(end[1])
            elif begin and begin.at <= now:
                faults = faults[1:]
                self.begins(begin)
            else:
                return faults

    def begins(self, fault):
        self.recorder.write("fault", kind=fault.kind, on=fault.on, seconds=fault.seconds, more=fault.more)
        getattr(self.world, fault.kind.replace("-", "_"))(fault)
        self.waiting.append((fault.at + fault.seconds, fault))

    def ends(self, fault):
        healing = getattr(self.world, fault.kind.replace("-", "_") + "_ends", None)
        if healing:
            healing(fault)

    def ends_all(self):
        for _, fault in sorted(self.waiting, key=lambda entry: entry[0]):
            self.ends(fault)
        self.waiting.clear()
