# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Suites that others wrote, and how one test of them is run on a broker: in a process of its own, with a time in which it has to end.

    tests()                          the suite's list: (ports, script, argument…)
    run(test, first_port, outside)   (passed, what it said, with LATE at its end where it had to be ended); outside: see mosquitto.sh
    ways                             what `outside` may be instead, where the suite does not say what its brokers are for
    side_by_side                     whether tests may be repeated several at once
"""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 60
LATE = f"not at its end after {PATIENCE} s"


def name_of(test):
    return " ".join(test[1:])


def ends(command, directory, environment):
    """(passed, what it said). Whatever it leaves running is ended as well."""
    with tempfile.TemporaryFile() as output:  # not a pipe: a failed test leaves brokers behind, which keep it open
        process = subprocess.Popen(command, cwd=directory, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        late = ""
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            late = LATE
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        output.seek(0)
        return process.returncode == 0, output.read().decode(errors="replace") + late


def told(test, outside):
    """What mosquitto.sh is told of it, which the test starts as the broker."""
    return {"HC_TEST": name_of(test), "HC_OUTSIDE": outside}


class Mosquitto:
    """The broker tests of Mosquitto's source, built in `tree` (scripts/neutrality)."""
    name = "Mosquitto's"
    ways, side_by_side = ("defer", "acl", "allow"), False  # these count in tenths of a second

    def __init__(self, directory, tree):
        self.directory = directory / tree / "test/broker"

    def tests(self):
        namespace = {"__name__": "list", "__file__": str(self.directory / "test.py")}
        source = (self.directory / "test.py").read_text()
        source = source[source.index("tests = ["):]
        exec(source[:re.search(r"^ *\]", source, re.M).end()], namespace)  # the list alone; what runs it stands behind
        for ports, script, *more in namespace["tests"]:
            script, *first = script if isinstance(script, list) else [script]
            more = more[0] if more and isinstance(more[0], list) else more
            yield (ports, script.removeprefix("./"), *first, *more)

    def run(self, test, first_port, outside=""):
        ports, script, *more = test
        return ends([sys.executable, script, *more, *(str(first_port + i) for i in range(ports))], self.directory, told(test, outside))

    def forgets(self, test):
        """The test's configuration is as it was: the next start chooses `outside` anew."""
        for conf in self.directory.glob(test[1].removesuffix(".py") + "*.conf"):
            conf.write_bytes(re.sub(rb"\n# HyperChat, unused\n.*", b"", conf.read_bytes(), flags=re.S))


def answers(broker, port):
    """Whether somebody can connect, before the broker has ended and within 20 s."""
    deadline = time.monotonic() + 20
    while broker.poll() is None and time.monotonic() < deadline:
        with socket.socket() as connection:
            if connection.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.1)
    return False


def stops(broker):
    """Whether it does so when asked."""
    broker.terminate()
    try:
        broker.wait(PATIENCE)
        return True
    except subprocess.TimeoutExpired:
        broker.kill()
        broker.wait()
        return False


# One test of Paho's with its broker. Their own main() cannot be told a port by one of the two; this is what it does otherwise.
PAHO = """
import sys, unittest
module, test, port = sys.argv[1:]
sys.path.insert(0, ".")
tests = __import__(module.removesuffix(".py"))
tests.topic_prefix = "client_test5/"
tests.topics = ("TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA")
tests.wildtopics = ("TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#")
tests.nosubscribe_topics, tests.host, tests.port = ("test/nosubscribe",), "localhost", int(port)
result = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromName("Test." + test, tests))
sys.exit(not result.wasSuccessful())
"""
PAHO_CONF = "listener {port} 127.0.0.1\nallow_anonymous true\nacl_file {acl}\nmax_queued_messages 10000\n"
# What single tests ask for: of two subscriptions 2.0 takes the first by default, whatever its QoS. With max_keepalive 60, 2.0.21 now and then ends a
# connection that has just been made, so the others are without it.
PAHO_MORE = {"client_test.py test_overlapping_subscriptions": "allow_duplicate_messages true\n", "client_test5.py test_server_keep_alive": "max_keepalive 60\n"}
PAHO_ACL = "topic readwrite #\ntopic readwrite $SYS/#\ntopic deny test/nosubscribe\n"


class Paho:
    """Eclipse Paho's interoperability tests (paho.mqtt.testing, beside `directory`), each with a broker of its own: they wait for ever where something is not
    as they expect, and leave sessions to those behind them. They wait for whole seconds, and the configuration is from here, so `outside` is known."""
    name = "Paho's"
    ways, side_by_side = (), True

    def __init__(self, directory, tree):
        self.broker, self.own = directory / tree / "src/mosquitto", directory / f"paho-{tree}"
        self.directory = directory.parent / "paho/interoperability"

    def tests(self):
        for script in ("client_test.py", "client_test5.py"):
            for test in re.findall(r"^ +def (test\w*)\(self", (self.directory / script).read_text(), re.M):
                yield (1, script, test)

    def run(self, test, first_port, outside=""):
        _, script, name = test
        self.own.mkdir(exist_ok=True)
        conf, acl = self.own / f"{script}-{name}.conf", self.own / f"{script}-{name}.acl"
        acl.write_text(PAHO_ACL)
        acl.chmod(0o600)
        conf.write_text(PAHO_CONF.format(port=first_port, acl=acl) + PAHO_MORE.get(name_of(test), ""))
        with open(conf.with_suffix(".log"), "w", encoding="utf-8") as log:
            broker = subprocess.Popen([self.broker, "-v", "-c", conf], stdout=log, stderr=log, env={**os.environ, **told(test, outside)})
        try:
            passed, said = (ends([sys.executable, "-c", PAHO, script, name, str(first_port)], self.directory, told(test, outside))
                            if answers(broker, first_port) else (False, conf.with_suffix(".log").read_text(errors="replace")))
        finally:
            stopped = stops(broker)
        return passed and stopped, said if stopped else "its broker " + LATE

    def forgets(self, test):
        """Its configuration is written each time."""


SUITES = (Mosquitto, Paho)
