# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""compare.py VERSION DIRECTORY SUITE [TEST...]: a suite (suites.py) twice, in DIRECTORY/stock and in DIRECTORY/hyperchat, and what differs. scripts/neutrality
makes both. What it came to is left in DIRECTORY/SUITE.json, as it was: tests/neutrality/known.txt says for each version which tests differ by design. Exit code 1:
something else differs, or something that is explained there does not.

Many of these tests count in tenths of a second. So what did not pass in both is repeated with nothing beside it, without and with the plugin in turn, and is
no difference if a pair of them passes. What passes each time on one side and never on the other differs; all else is unsteady. With the plugin each way of
`outside` is tried then, where a test does not say what its broker is for (mosquitto.sh). A test that does not come to its end is ended, on both sides after the same
time, and has failed."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import queue
import re
import signal
import sys
import time

from suites import LATE, SUITES, name_of

JOBS, PAIRS = int(os.environ.get("HC_JOBS", "4")), 3
KNOWN = pathlib.Path(__file__).with_name("known.txt")
FIRST_PORT, PORTS_EACH = int(os.environ.get("HC_FIRST_PORT", "10200")), 5
KINDS = SAME, FAILED, UNSTEADY, REFUSED, DIFFERS = "passed in both", "failed in both", "unsteady", "refused to start", "differs"


class Jobs:
    """So many at once, each with ports of its own."""

    def __init__(self, count):
        self.pool, self.free = concurrent.futures.ThreadPoolExecutor(count), queue.SimpleQueue()
        for job in range(count):
            self.free.put(FIRST_PORT + job * PORTS_EACH)

    def submit(self, run, *arguments):
        """run(*arguments, port)"""
        return self.pool.submit(self.with_port, run, *arguments)

    def with_port(self, run, *arguments):
        port = self.free.get()
        try:
            return run(*arguments, port)
        finally:
            self.free.put(port)

    def close(self):
        self.pool.shutdown(cancel_futures=True)


def first_round(stock, hyperchat, tests):
    """(test, passed without, passed with)."""
    with contextlib.closing(Jobs(JOBS)) as jobs:
        both = [(test, jobs.submit(stock.run, test), jobs.submit(hyperchat.run, test)) for test in tests]
        return [(test, one.result()[0], two.result()[0]) for test, one, two in both]


class Pairs:
    """A test again, without and with the plugin in turn, until a pair has passed. Where neither comes to its end, more time is not what it
    needs."""

    def __init__(self, stock, hyperchat, test, port):
        self.hyperchat, self.test, self.port = hyperchat, test, port
        self.without, self.with_it, self.way, self.said, self.refused = [], [], "", "", None
        self.late, self.endless = 0, False
        while len(self.without) < PAIRS and not self.passed and not self.endless:
            late, (passed, said) = self.late, stock.run(test, port)
            self.late += said.endswith(LATE)
            self.without.append(passed)
            self.with_it.append(self.runs(self.way) or any(self.without) and self.finds_a_way())
            self.endless = said.endswith(LATE) and self.late == late + 2

    @property
    def passed(self):
        return any(one and two for one, two in zip(self.without, self.with_it))

    def runs(self, outside):
        self.hyperchat.forgets(self.test)
        passed, said = self.hyperchat.run(self.test, self.port, outside)
        self.said, self.refused = self.said or said, self.refused or refusal(said)
        self.late += said.endswith(LATE)
        return passed

    def finds_a_way(self):
        for outside in self.hyperchat.ways:
            if self.runs(outside):
                self.way = outside
                return True
        return False

    def tally(self):
        return f"passed {sum(self.without)} of {len(self.without)} without, {sum(self.with_it)} of {len(self.with_it)} with{f', {self.late} times {LATE}' if self.late else ''}"

    def verdict(self, explained):
        """(kind, why). What must differ, and never passes with the plugin, does differ, however steady it is without."""
        if self.passed:
            return SAME, f"{self.tally()}{', outside ' if self.way else ''}{self.way}"
        if not any(self.without) and not any(self.with_it):
            return FAILED, LATE if self.endless else ""
        if self.refused:
            return REFUSED, self.refused
        steady = sum(self.without) % PAIRS == sum(self.with_it) % PAIRS == 0
        return DIFFERS if steady or explained and not any(self.with_it) else UNSTEADY, self.tally()


def refusal(output):
    """Why the plugin refused to start, by what the test shows of its broker; None: it did not."""
    found = re.search(r"hyperchat: ((?:per_listener_settings true|mount_point of listener)[^\\\n]*)", output)
    return found[1] if found else None


def known(version):
    """Test → why it may differ on this version."""
    lines = [line.split(": ", 1) for line in KNOWN.read_text().splitlines() if line and not line.startswith("#")]
    return {name.partition(" ")[2]: why for name, why in lines if version in name.partition(" ")[0].split(",")}


def loaded(directory):
    """The tests whose broker had the plugin in it."""
    file = directory / "state/loaded"
    return set(file.read_text().splitlines()) if file.exists() else set()


def compare(suite, directory, wanted, explained):
    """Kind → test → why."""
    stock, hyperchat = suite(directory, "stock"), suite(directory, "hyperchat")
    tests = [test for test in stock.tests() if not wanted or any(part in name_of(test) for part in wanted)]
    start, found = time.monotonic(), {kind: {} for kind in KINDS}
    results = first_round(stock, hyperchat, tests)
    print(f"all once after {time.monotonic() - start:.0f} s, {sum(not (one and two) for _, one, two in results)} to be repeated", flush=True)
    found[SAME] = {name_of(test): "" for test, *passed in results if all(passed)}
    with contextlib.closing(Jobs(JOBS if suite.side_by_side else 1)) as jobs:
        for test, again in [(test, jobs.submit(Pairs, stock, hyperchat, test)) for test, *passed in results if not all(passed)]:
            kind, why = again.result().verdict(name_of(test) in explained)
            found[kind][name_of(test)] = why
            print(f"{kind}: {name_of(test)}{': ' if why else ''}{why}{': ' + again.result().said[-2000:] if kind == DIFFERS else ''}", flush=True)
    print(f"{len(tests)} tests, " + ", ".join(f"{len(tests)} {kind}" for kind, tests in found.items()) + f", {time.monotonic() - start:.0f} s", flush=True)
    bare = sorted({name_of(test) for test in tests} - loaded(directory))
    if bare:
        print(f"no broker with the plugin in: {', '.join(bare)}")
    return found


def keep(file, found, partly):
    """Where only some were run, the others stay what they were."""
    before = json.loads(file.read_text()) if partly and file.exists() else {kind: {} for kind in KINDS}
    run = {test for tests in found.values() for test in tests}
    whole = {kind: {test: why for test, why in before.get(kind, {}).items() if test not in run} | found[kind] for kind in KINDS}
    file.write_text(json.dumps(whole, indent=1) + "\n")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what runs comes to its end first: a broker left behind has a port of the next run
    version, directory, name, *wanted = sys.argv[1:]
    directory, explained = pathlib.Path(directory).resolve(), known(version)
    suite = next(suite for suite in SUITES if suite.name.lower().startswith(name))
    print(f"{suite.name} tests on {version}:", flush=True)
    found = compare(suite, directory, wanted, explained)
    wrong = [f"differs, and known.txt does not say why: {test}" for test in found[DIFFERS] if test not in explained]
    wrong += [f"does not differ, and known.txt says why it does: {test}" for kind in (SAME, FAILED, UNSTEADY, REFUSED) for test in found[kind] if test in explained]
    for sentence in wrong:
        print(sentence)
    keep(directory / f"{name}.json", found, bool(wanted))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
