# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""compare.py DIRECTORY [TEST...]: Mosquitto's own broker tests twice, in DIRECTORY/stock and in DIRECTORY/hyperchat, and what differs. scripts/neutrality makes
both. Exit code 1: something differs that tests/neutrality/known.txt does not explain.

Many of these tests count in tenths of a second, so what did not pass in both is repeated with little beside it before it is believed. With the plugin each
way of `outside` is tried then, since a test does not say what its broker is for (mosquitto.sh)."""
import concurrent.futures
import os
import pathlib
import queue
import re
import signal
import subprocess
import sys
import tempfile
import time

PATIENCE = 120
JOBS, JOBS_AGAIN = int(os.environ.get("HC_JOBS", "8")), 3
KNOWN = pathlib.Path(__file__).with_name("known.txt")
FIRST_PORT, PORTS_EACH = int(os.environ.get("HC_FIRST_PORT", "10200")), 5


class Suite:
    def __init__(self, directory, name):
        self.name, self.tests = name, directory / name / "test/broker"
        self.state = directory / "state"

    def run(self, test, first_port, outside=""):
        """(passed, what it said)."""
        ports, script, *more = test
        command = [sys.executable, script, *more, *(str(first_port + i) for i in range(ports))]
        environment = {**os.environ, "HC_OUTSIDE": outside}
        with tempfile.TemporaryFile() as output:  # not a pipe: a failed test leaves brokers behind, which keep it open
            process = subprocess.Popen(command, cwd=self.tests, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
            late = ""
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                late = f"not at its end after {PATIENCE} s"
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
            output.seek(0)
            return process.returncode == 0, output.read().decode(errors="replace") + late


def listed(directory):
    """The suite's own list: (ports, script, arguments…)."""
    namespace = {"__name__": "list", "__file__": str(directory / "test.py")}
    source = (directory / "test.py").read_text()
    source = source[source.index("tests = ["):]
    exec(source[:re.search(r"^ *\]", source, re.M).end()], namespace)  # the list alone; what runs it stands behind
    tests = []
    for ports, script, *more in namespace["tests"]:
        script, *first = script if isinstance(script, list) else [script]
        tests.append((ports, script.removeprefix("./"), *first, *([more[0]] if more and isinstance(more[0], str) else more[0] if more else [])))
    return tests


def name_of(test):
    return " ".join(test[1:])


class Ports:
    """As many tests at once as it has places, each with ports of its own."""

    def __init__(self, jobs):
        self.free, self.pool = queue.SimpleQueue(), concurrent.futures.ThreadPoolExecutor(jobs)
        for job in range(jobs):
            self.free.put(FIRST_PORT + job * PORTS_EACH)

    def submit(self, function, *arguments):
        def run():
            port = self.free.get()
            try:
                return function(*arguments, port)
            finally:
                self.free.put(port)
        return self.pool.submit(run)


def first_round(stock, hyperchat, tests):
    ports = Ports(JOBS)
    both = [(test, ports.submit(stock.run, test), ports.submit(hyperchat.run, test)) for test in tests]
    return [(test, one.result()[0], two.result()[0]) for test, one, two in both]


def repeated(stock, hyperchat, results):
    """(test, passed in stock, passed with the plugin, what it said), with fewer at once where something failed."""
    ports = Ports(JOBS_AGAIN)
    rest = [(test, one, two, None if one and two else ports.submit(again, stock, hyperchat, test, one, two)) for test, one, two in results]
    for test, one, two, future in rest:
        yield (test, *future.result()) if future else (test, one, two, "")


def refusal(output):
    """Why the plugin refused to start, by what the test shows of its broker; None: it did not."""
    found = re.search(r"hyperchat: ((?:per_listener_settings true|mount_point of listener)[^\\\n]*)", output)
    return found[1] if found else None


def without_plugin(hyperchat, test):
    """The test's configuration as it was: the next start chooses `outside` anew."""
    for conf in hyperchat.tests.glob(test[1].removesuffix(".py") + "*.conf"):
        conf.write_bytes(re.sub(rb"\n# HyperChat, unused\n.*", b"", conf.read_bytes(), flags=re.S))


def again(stock, hyperchat, test, passed_stock, passed_ours, port):
    """(passed in stock, passed with the plugin or in which way, what it said)."""
    output = ""
    for _ in range(3 if passed_ours else 1):
        passed_stock = passed_stock or stock.run(test, port)[0]
    for outside in ("", "defer", "acl", "allow") if passed_stock and not passed_ours else ():
        without_plugin(hyperchat, test)
        passed, said = hyperchat.run(test, port, outside)
        output = output or said
        if passed:
            passed_ours = outside or True
            break
    return passed_stock, passed_ours, output


def known():
    """Test → why it may differ."""
    lines = [line.split(": ", 1) for line in KNOWN.read_text().splitlines() if line and not line.startswith("#")]
    return {name: why for name, why in lines}


def main():
    directory = pathlib.Path(sys.argv[1]).resolve()
    stock, hyperchat = Suite(directory, "stock"), Suite(directory, "hyperchat")
    tests = [test for test in listed(stock.tests) if len(sys.argv) == 2 or any(part in name_of(test) for part in sys.argv[2:])]
    start, explained = time.monotonic(), known()
    counts = dict.fromkeys(("passed in both", "failed in both", "refused", "explained", "differs"), 0)
    ways = {}
    results = first_round(stock, hyperchat, tests)
    print(f"{directory.name}: all once after {time.monotonic() - start:.0f} s, {sum(not (one and two) for _, one, two in results)} to be repeated", flush=True)
    for test, passed_stock, passed_ours, output in repeated(stock, hyperchat, results):
        name = name_of(test)
        if not passed_stock:
            kind, why = ("failed in both", "") if not passed_ours else ("differs", "passes with the plugin only")
        elif passed_ours:
            kind, why = "passed in both", ""
            if passed_ours is not True:
                ways.setdefault(passed_ours, []).append(name)
        elif (why := refusal(output)) is not None:
            kind = "refused"
        else:
            kind, why = ("explained", explained[name]) if name in explained else ("differs", output[-2000:])
        counts[kind] += 1
        if kind != "passed in both":
            print(f"{kind}: {name}{': ' if why else ''}{why}", flush=True)
    for outside, names in ways.items():
        print(f"passed with {outside}: {' '.join(names)}")
    print(f"{directory.name}: {len(tests)} tests, " + ", ".join(f"{count} {kind}" for kind, count in counts.items()) + f", {time.monotonic() - start:.0f} s")
    return 1 if counts["differs"] else 0


sys.exit(main())
