# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""paho.py DIRECTORY: Eclipse Paho's interoperability tests (client_test.py, client_test5.py of paho.mqtt.testing, in DIRECTORY/../paho) on the broker in
DIRECTORY/stock and on the one in DIRECTORY/hyperchat, and what differs. scripts/neutrality makes all of them."""
import json
import pathlib
import signal
import socket
import subprocess
import sys
import time

PORT, PATIENCE = 10300, 900
KNOWN = pathlib.Path(__file__).with_name("known.txt")
CONFIGURATION = "listener {port} 127.0.0.1\nallow_anonymous true\nacl_file {acl}\nmax_queued_messages 10000\n"
ACL = "topic readwrite #\ntopic readwrite $SYS/#\ntopic deny test/nosubscribe\n"

# Their own main() cannot be told a port by one of the two; this is what it does otherwise.
RUN = """
import json, sys, unittest
module, port, out = sys.argv[1:]
tests = __import__(module)
prefix = "client_test5/" if module == "client_test5" else ""
tests.topic_prefix = prefix
tests.topics = [prefix + topic for topic in ("TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA")]
tests.wildtopics = [prefix + topic for topic in ("TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#")]
tests.nosubscribe_topics, tests.host, tests.port = ("test/nosubscribe",), "localhost", int(port)
ends = {}
class Result(unittest.TextTestResult):
    def stopTest(self, test):
        wrong = [text for tests in (self.failures, self.errors) for one, text in tests if one is test]
        ends[test.id().split(".")[-1]] = wrong[0] if wrong else ""
        super().stopTest(test)
unittest.TextTestRunner(resultclass=Result, verbosity=2).run(unittest.defaultTestLoader.loadTestsFromModule(tests))
json.dump(ends, open(out, "w"))
"""


def ends_of(directory, tree, module, port):
    """Test → what went wrong, "" for nothing."""
    out = directory / f"{module}.json"
    conf, acl = directory / f"{module}.conf", directory / "paho.acl"
    acl.write_text(ACL)
    acl.chmod(0o600)
    conf.write_text(CONFIGURATION.format(port=port, acl=acl))
    with open(directory / f"{module}.log", "w", encoding="utf-8") as log:
        broker = subprocess.Popen([tree / "src/mosquitto", "-v", "-c", conf], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 20
            while socket.socket().connect_ex(("127.0.0.1", port)) != 0 and time.monotonic() < deadline:
                time.sleep(0.1)
            subprocess.run([sys.executable, "-c", RUN, module, str(port), out], cwd=directory.parents[1] / "paho/interoperability", stdout=log, stderr=log,
                           timeout=PATIENCE, check=True)
        finally:
            broker.send_signal(signal.SIGTERM)
            broker.wait()
    return json.loads(out.read_text())


def main():
    directory = pathlib.Path(sys.argv[1]).resolve()
    failed, known = 0, dict(line.split(": ", 1) for line in KNOWN.read_text().splitlines() if ": " in line and not line.startswith("#"))
    for module in ("client_test", "client_test5"):
        start, both = time.monotonic(), {}
        for name in ("stock", "hyperchat"):
            own = directory / f"paho-{name}"
            own.mkdir(exist_ok=True)
            both[name] = ends_of(own, directory / name, module, PORT)
        stock, ours = both["stock"], both["hyperchat"]
        differ = [test for test in stock if bool(stock[test]) != bool(ours.get(test, "not run"))]
        for test in stock:
            if stock[test] and test not in differ:
                print(f"failed in both: {module} {test}")
        for test in differ:
            why = known.get(f"{module} {test}")
            failed += why is None
            print(f"explained: {module} {test}: {why}" if why else f"differs: {module} {test}: {(ours[test] or stock[test])[-600:]}")
        print(f"{directory.name}, Paho's {module}: {len(stock)} tests, {sum(not stock[t] and not ours[t] for t in stock)} passed in both, "
              f"{len(differ)} differ, {time.monotonic() - start:.0f} s", flush=True)
    return 1 if failed else 0


sys.exit(main())
