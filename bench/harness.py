# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Fresh brokers, stores and users for one measurement after the other."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ISSUER, AUDIENCE = "https://bench.example", "hyperchat-bench"
PATIENCE_S = 20

# The same for both sides. Beside these, only what makes one of them HyperChat.
COMMON = """\
listener {port} 127.0.0.1
persistence false
max_queued_messages 200000
allow_duplicate_messages true
log_dest file {log}
log_type error
log_type warning
"""
BARE = "allow_anonymous true\n"
HYPERCHAT = """\
allow_anonymous false
plugin {plugin}
plugin_opt_store {store}
plugin_opt_journal {journal}
plugin_opt_keys {keys}
plugin_opt_issuer {issuer}
plugin_opt_audience {audience}
plugin_opt_proxies 192.0.2.1
"""
# A benchmark's users write more than a person may.
UNLIMITED = """\
plugin_opt_commands_per_second 1000000
plugin_opt_commands_burst 1000000
plugin_opt_bytes_per_second 1024M
plugin_opt_connects_per_minute 0
"""


class Failed(Exception):
    """A run that could not be measured, or measured something wrong."""


def check_output(command, what):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{what}: {done.stderr.strip() or f'exit code {done.returncode}'}")
    return done.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """One broker with an empty past. Use with `with`: it must also end well."""

    def __init__(self, start_script, directory, conf, inside=()):
        """inside: the command that runs it, if any: valgrind …"""
        self.port = free_port()
        self.log = directory / "broker.log"
        conf = COMMON.format(port=self.port, log=self.log) + conf
        if os.geteuid() == 0:
            conf += "user root\n"  # it would become a user who cannot write here
        (directory / "mosquitto.conf").write_text(conf)
        with open(directory / "broker.out", "w") as out:
            self.process = subprocess.Popen([*inside, start_script, "-c", directory / "mosquitto.conf"], stdout=out, stderr=out)
        self.said = (directory / "broker.out", self.log)

    def words(self):
        lines = [line for path in self.said if path.exists() for line in path.read_text(errors="replace").splitlines()]
        return "\n".join(f"    {line}" for line in lines[-12:])

    def longest_callback_ms(self):
        """What the plugin has warned of; 0 where it had no reason to."""
        log = self.log.read_text(errors="replace") if self.log.exists() else ""
        return max((int(ms) for ms in re.findall(r"held up for (\d+) ms by a callback", log)), default=0)

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def __enter__(self):
        deadline = time.monotonic() + PATIENCE_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                raise Failed(f"the broker does not start\n{self.words()}")
            time.sleep(0.02)
        return self

    def __exit__(self, kind, error, trace):
        self.process.terminate()
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if isinstance(error, Failed):
            raise Failed(f"{error}\n{self.words()}") from error
        if error is None and code != 0:
            raise Failed(f"the broker ended with {code}\n{self.words()}")


class Bench:
    def __init__(self, args, work):
        self.args, self.work = args, work
        self.build = args.build.resolve()
        self.programs = self.build / "bench"
        self.keys, self.users = work / "keys.json", work / "users"
        self.more = ""  # options of the plugin, for every run
        self.watch = None  # called with the broker that still runs, and the result

    def make_users(self, count, name="bench-user"):
        """Keys and tokens; one call for each user, as an operator would."""
        ctl = self.build / "hyperchatctl"
        check_output([ctl, "keys", "--out", self.keys], "hyperchatctl keys")

        def token(index):
            user = f"{name}-{index:05d}"
            return f"{user} " + check_output([ctl, "token", "--keys", self.keys, "--issuer", ISSUER, "--audience", AUDIENCE,
                                              "--user", user, "--ttl", 86400], "hyperchatctl token").strip()

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            self.users.write_text("".join(f"{line}\n" for line in pool.map(token, range(count))))

    def configuration(self, store, directory, limited=False):
        conf = HYPERCHAT.format(plugin=self.build / "mosquitto_hyperchat.so", store=store, journal=directory / "journal",
                                keys=self.keys, issuer=ISSUER, audience=AUDIENCE)
        return conf + ("" if limited else UNLIMITED) + self.more

    def run(self, scenario, start_script, side):
        """One side of a scenario once; its result as load prints it."""
        directory = Path(tempfile.mkdtemp(prefix=f"{scenario.name}-{side}-", dir=self.work))
        load = [self.programs / "load", *scenario.load, "--warmup", self.args.warmup, "--seconds", self.args.seconds]
        conf = BARE
        if side != "bare":
            store = self.new_store(side, directory)
            check_output([self.programs / "prepare", store, self.users, *scenario.scene], "prepare")
            conf = self.configuration(store, directory, scenario.limited)
            load += ["--users", self.users, *scenario.chat_only]
        with Broker(start_script, directory, conf) as broker:
            result = json.loads(check_output([*load, "--port", broker.port, "--pid", broker.process.pid], "load"))
            result["longest_callback_ms"] = broker.longest_callback_ms()
            if self.watch:
                self.watch(broker, result)
        if not self.args.keep:
            shutil.rmtree(directory)
        return result

    def new_store(self, side, directory):
        """A fresh one: a file, or a database on the server of --store."""
        if side == "chat":
            return f"sqlite:{directory / 'chat.db'}"
        address, _, query = self.args.store.partition("?")
        return f"{address.rstrip('/')}/bench_{directory.name.replace('-', '_')}_{os.getpid()}" + (f"?{query}" if query else "")

    def measure(self, scenario, version, start_script):
        """All rounds of a scenario; the results of each side."""
        results = {"chat": []} if scenario.alone else {"bare": [], "chat": []}
        if self.args.store:
            results["mongodb"] = []
        for turn in range(self.args.rounds):
            for side, of_side in results.items():
                note(f"Mosquitto {version}, {scenario.name}, {side}, round {turn + 1} of {self.args.rounds}")
                of_side.append(self.run(scenario, start_script, side))
        return results

    def measure_store(self):
        rows = 100_000 if self.args.quick else 10_000_000
        note(f"store, at 0 and {rows:,} rows")
        directory = Path(tempfile.mkdtemp(prefix="store-", dir=self.work))
        seconds = max(1, round(self.args.seconds))
        output = check_output([self.programs / "store_append", self.new_store("chat", directory), rows, seconds], "store_append")
        shutil.rmtree(directory)
        return [json.loads(line) for line in output.splitlines()]

    def measure_verify(self):
        """One line for each algorithm that providers use."""
        results = []
        for alg in ("ES256", "RS256"):
            note(f"tokens by {alg}")
            directory = Path(tempfile.mkdtemp(prefix="verify-", dir=self.work))
            keys, users = directory / "keys.json", directory / "users"
            check_output([self.build / "hyperchatctl", "keys", "--out", keys, "--alg", alg], "hyperchatctl keys")
            users.write_text("".join(f"u{n} " + check_output([self.build / "hyperchatctl", "token", "--keys", keys, "--issuer", ISSUER, "--audience", AUDIENCE,
                                                              "--user", f"u{n}"], "hyperchatctl token") for n in range(50)))
            seconds = max(1, round(self.args.seconds))
            results.append(json.loads(check_output([self.programs / "verify", keys, users, ISSUER, AUDIENCE, seconds], "verify")))
            shutil.rmtree(directory)
        return results


def note(text):
    print(text, file=sys.stderr, flush=True)


# ---- what is there ----

def check_built(build):
    for name in ("mosquitto_hyperchat.so", "hyperchatctl", "bench/load", "bench/prepare", "bench/store_append", "bench/verify"):
        if not (build / name).exists():
            sys.exit(f"{build / name} is not there. Build first: cmake --preset release && cmake --build --preset release")


def find_brokers(directory, versions):
    """Start scripts by version; those that are missing are fetched, or skipped loudly."""
    found = {}
    for version in versions:
        script = directory.resolve() / f"mosquitto-{version}"
        if not script.exists() and directory.resolve() == (ROOT / "build/brokers").resolve():
            subprocess.run([ROOT / "scripts/get-brokers", version], check=False, stdout=sys.stderr)
        if script.exists():
            found[version] = script
        else:
            note(f"SKIPPED: Mosquitto {version}: {script} is not there (scripts/get-brokers gets it)")
    return found


def broker_name(script):
    said = subprocess.run([script, "-h"], capture_output=True, text=True, check=False).stdout
    return said.splitlines()[0].replace("mosquitto version", "Mosquitto") if said else script.name
