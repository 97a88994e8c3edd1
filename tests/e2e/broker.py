# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A stock Mosquitto with the plugin in it: started, stopped, killed, paused and read like an operator would."""
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import time

import mongodb
import mqtt
import pytest
import tokens
from person import Person

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HC_BUILD", ROOT / "build/release")).resolve()
PLUGIN = BUILD / "mosquitto_hyperchat.so"
CTL = BUILD / "hyperchatctl"
STORE = os.environ.get("HC_STORE", "sqlite")  # or "mongodb": on which backend the stories run
C11_THREADS = BUILD / "libc11_threads.so"  # with the thread sanitizer: what librdkafka's threads need


def executable(version):
    """The start script of a stock version, or None. "system" is what this machine has installed."""
    path = pathlib.Path("/usr/sbin/mosquitto") if version == "system" else ROOT / f"build/brokers/mosquitto-{version}"
    return path if path.exists() else None


def sanitizer():
    """"address", "thread" or "": what the plugin was built with; with HC_VALGRIND=1 "valgrind", in which broker and hyperchatctl run."""
    if os.environ.get("HC_VALGRIND"):
        return "valgrind"
    cache = BUILD / "CMakeCache.txt"
    found = re.search(r"^HC_SANITIZE:\w+=(\w*)", cache.read_text(), re.M) if cache.exists() else None
    return found[1] if found else ""


def sanitizer_environment(log):
    """The stock broker is not instrumented: the sanitizer's library has to be there before it."""
    kind = sanitizer()
    if kind in ("", "valgrind"):
        return {}
    library = subprocess.check_output(["gcc", f"-print-file-name=lib{'asan' if kind == 'address' else 'tsan'}.so"], text=True).strip()
    common = f"log_path={log}:exitcode=66:handle_abort=1"
    return {
        "preload": f"{os.path.realpath(library)}:{C11_THREADS}" if C11_THREADS.exists() else os.path.realpath(library),
        "ASAN_OPTIONS": f"{common}:detect_leaks=1:fast_unwind_on_malloc=0:malloc_context_size=8",
        "LSAN_OPTIONS": f"exitcode=0:suppressions={ROOT}/tests/e2e/lsan.supp:print_suppressions=0",
        "UBSAN_OPTIONS": f"log_path={log}:print_stacktrace=1:halt_on_error=1",
        "TSAN_OPTIONS": f"{common}:suppressions={ROOT}/tests/e2e/tsan.supp:print_suppressions=0:halt_on_error=0:second_deadlock_stack=1",
    }


def in_valgrind(log):
    """What stands before a command, if anything. The log is empty if there is nothing to say; leaks are told at an end, not at a kill -9."""
    if sanitizer() != "valgrind":
        return []
    return ["valgrind", "-q", "--trace-children=yes", "--keep-debuginfo=yes", "--fullpath-after=", "--num-callers=24", "--leak-check=full",
            "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite", f"--log-file={log}.%p"]


PORTS = itertools.count()
PORTS_EACH = 20


def free_port():
    """Each process has its own share, below the ports that the kernel gives to clients: what is free now is so when the broker takes it, also
    again after a crash, and whatever other tests run beside it."""
    first = 12000 + PORTS_EACH * (os.getpid() % 1000)
    while True:
        port = first + next(PORTS) % PORTS_EACH
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the broker does: connections that have ended do not count
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Broker:
    def __init__(self, version, directory, **options):
        """options are the plugin's, without plugin_opt_; None leaves one out."""
        self.version, self.directory = version, pathlib.Path(directory)
        self.port = free_port()
        self.issuer = tokens.Issuer()
        self.keys = self.directory / "keys.json"
        self.journal = self.directory / "journal"
        self.log = self.directory / "mosquitto.log"
        self.output = self.directory / "mosquitto.out"
        self.limits = self.directory / "limits.conf"
        self.process = None
        self.people = []
        self.listener_lines = []      # more lines behind the listener
        self.top_lines = []           # lines at the very top
        self.bottom_lines = []        # lines behind the plugin's
        self.plugin = PLUGIN          # None: a bare broker
        self.anonymous = False
        tokens.write_keys(self.keys, self.issuer)
        self.options = {"keys": self.keys, "issuer": tokens.ISSUER, "audience": tokens.AUDIENCE, "store": self.new_store(),
                        "journal": self.journal, "journal_size": "8M", **options}

    @property
    def store(self):
        """SQLite's file. A story that asks for it is of SQLite alone."""
        if STORE != "sqlite":
            pytest.skip("a story of the file: HC_STORE=sqlite")
        return self.directory / "chat.db"

    def new_store(self):
        return f"sqlite:{self.store}" if STORE == "sqlite" else mongodb.uri_of(mongodb.shared(), mongodb.new_database())

    # ---- configuration ----

    def configuration(self):
        lines = [*self.top_lines, "log_type all", f"log_dest file {self.log}", f"allow_anonymous {'true' if self.anonymous else 'false'}",
                 "allow_duplicate_messages true", "max_queued_messages 10000", "connection_messages true"]
        if os.geteuid() == 0:
            lines.append("user root")
        lines += [f"listener {self.port} 127.0.0.1", *self.listener_lines]
        if self.plugin:
            lines.append(f"plugin {self.plugin}")
            lines += [f"plugin_opt_{name} {value}" for name, value in self.options.items() if value is not None]
        lines += self.bottom_lines
        return "\n".join(lines) + "\n"

    def set_limits(self, **limits):
        """Writes the limits file; before start() it also says where it is."""
        self.limits.write_text("".join(f"{name} {value}\n" for name, value in limits.items()))
        self.options["limits_file"] = self.limits

    # ---- life ----

    def spawn(self):
        conf = self.directory / "mosquitto.conf"
        conf.write_text(self.configuration())
        environment = {**os.environ, **sanitizer_environment(self.directory / "sanitizer")}
        preload = environment.pop("preload", None)
        command = [str(executable(self.version)), "-c", str(conf)]
        if preload:
            environment["LD_PRELOAD" if self.version == "system" else "HC_PRELOAD"] = preload
        if sanitizer() == "thread":
            command = ["setarch", "-R", *command]
        command = in_valgrind(self.directory / "sanitizer") + command
        with open(self.output, "ab") as output:
            # Python ignores SIGXFSZ and lets a child inherit that: "disk full" is tried by a limit on the size of files.
            self.process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, restore_signals=False)

    def start(self):
        self.spawn()
        deadline = time.monotonic() + mqtt.PATIENCE
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the broker ended with {self.process.returncode}:\n{self.all_output()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                self.is_in_its_loop()  # it listens some time before it takes signals
                return self
            except OSError:
                time.sleep(0.01)
        raise AssertionError(f"the broker does not listen:\n{self.all_output()}")

    def opens(self):
        """Starts it, and waits until its store is open. A shared one may take longer to answer than the broker takes to listen: who comes meanwhile is
        turned away."""
        self.expects_line("hyperchat: .*(the store is open|store epoch (?!not known yet))", self.start)
        return self

    def fails_to_start(self):
        """Waits for its end and returns what it said."""
        self.spawn()
        code = self.process.wait(mqtt.PATIENCE)
        self.process = None
        assert code not in (0, 66) and code > 0, f"the broker ended with {code}:\n{self.all_output()}"
        self.check_sanitizer()
        return self.all_output()

    def stop(self):
        """As systemd does. Returns when it is gone, having ended well."""
        if self.process is None:
            return
        self.process.terminate()
        code = self.wait_for_its_end()
        self.process = None
        self.check_sanitizer()
        assert code == 0, f"the broker ended with {code}:\n{self.all_output()}"

    def wait_for_its_end(self):
        """Its exit code; 0 as well for a hang in exit() that is not ours."""
        deadline = time.monotonic() + mqtt.PATIENCE
        while True:
            try:
                return self.process.wait(1)
            except subprocess.TimeoutExpired:
                hangs = self.hangs_in_exit()
                if not hangs and time.monotonic() < deadline:
                    continue
                self.process.kill()
                self.process.wait()
                if not hangs:
                    raise AssertionError(f"the broker does not end:\n{self.all_output()}") from None
                return 0

    def hangs_in_exit(self):
        """With a sanitizer in it, strerror leaves a lock of 2.1's C library locked, and libp11-kit waits for it in exit() for ever. Whether
        all of ours ends is seen without a sanitizer."""
        alone = len(os.listdir(f"/proc/{self.process.pid}/task")) == 1
        return sanitizer() != "" and self.version == "2.1" and alone and self.log_text().rstrip().endswith("terminating")

    def kill9(self):
        self.process.kill()
        self.process.wait()
        self.process = None
        self.check_sanitizer()

    def restart(self):
        self.stop()
        return self.start()

    def reload(self):
        """SIGHUP; returns when the broker has done it: a signal that comes before that is lost."""
        self.expects_line(r"Reloading config", lambda: self.process.send_signal(signal.SIGHUP))
        self.is_in_its_loop()

    def is_in_its_loop(self):
        """What it was busy with is done: it answers a stranger."""
        stranger = mqtt.Client(self.port, connect=False)
        stranger.send(b"\x00\x00")
        stranger.is_closed()

    def is_paused(self):
        self.process.send_signal(signal.SIGSTOP)

    def goes_on(self):
        self.process.send_signal(signal.SIGCONT)

    def end_whatever(self):
        """For the end of a test: nothing stays, and nothing hides that it went wrong."""
        for person in self.people:
            person.client.close()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.stop()
        elif self.process is not None:
            code, self.process = self.process.returncode, None
            raise AssertionError(f"the broker ended on its own with {code}:\n{self.all_output()}")
        self.check_sanitizer()
        self.check_log()

    def damages(self, table):
        """While it does not run: the first page of that table of its SQLite store is zeros."""
        with sqlite3.connect(self.store) as store:
            page, = store.execute("SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?", [table]).fetchone()
            size, = store.execute("PRAGMA page_size").fetchone()
        with open(self.store, "r+b") as file:
            file.seek((page - 1) * size)
            file.write(bytes(size))

    # ---- what it says ----

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def has_logged(self, text):
        """Waits until the log has it."""
        deadline = time.monotonic() + mqtt.PATIENCE
        while text not in self.log_text():
            assert time.monotonic() < deadline, f"the log does not say {text!r}: {self.all_output()[-2000:]}"
            time.sleep(0.05)

    def all_output(self):
        return (self.output.read_text(errors="replace") if self.output.exists() else "") + self.log_text()

    def expects_line(self, pattern, action):
        """Does something and waits for a new log line that matches."""
        before = len(self.log_text())
        action()
        deadline = time.monotonic() + mqtt.PATIENCE
        while time.monotonic() < deadline:
            found = re.search(f".*{pattern}.*", self.log_text()[before:])
            if found:
                return found[0]
            time.sleep(0.01)
        raise AssertionError(f"no log line with {pattern}:\n{self.log_text()[before:]}")

    def check_log(self):
        """Nobody's token is ever in the log."""
        found = re.search(r"eyJ[\w-]{8,}\.[\w-]+", self.all_output())
        assert not found, f"a token is in the log: {found[0]}"

    def check_sanitizer(self):
        """Reports that concern the plugin. Mosquitto's own leaks at exit are its own."""
        for report in self.directory.glob("sanitizer.*"):
            text = report.read_text(errors="replace")
            ours = "mosquitto_hyperchat" in text or "unknown module" in text or "ThreadSanitizer" in text or "ERROR: AddressSanitizer" in text
            ours = ours or re.search(rf"{ROOT}/(plugin|storage|base)/", text)
            report.unlink()
            assert not ours, text

    # ---- people and tools ----

    def token(self, user, **claims):
        return self.issuer.token(user, **claims)

    def client(self, client_id="", user=None, **how):
        """A raw client. user logs in by token; the username stays empty unless given."""
        if user is not None:
            how.setdefault("password", self.token(user))
            how.setdefault("username", user)
        return mqtt.Client(self.port, client_id, **how)

    def person(self, name, device="phone", **how):
        person = Person(self, name, device, **how)
        self.people.append(person)
        return person

    def ctl_environment(self):
        threads = {"LD_PRELOAD": str(C11_THREADS)} if C11_THREADS.exists() else {}
        return {**os.environ, **{k: v for k, v in sanitizer_environment(self.directory / "ctl").items() if k != "preload"}, **threads}

    def ctl(self, *arguments):
        """hyperchatctl, with its output; AssertionError unless it succeeds."""
        command = [*in_valgrind(self.directory / "sanitizer.ctl"), CTL, *arguments]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, env=self.ctl_environment())
        assert done.returncode == 0, f"hyperchatctl {arguments[0]} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def mosquitto_ctrl(self, *arguments):
        """That of the broker's own version, with our module. What became of it."""
        if self.version == "system":
            program, start, environment = "mosquitto_ctrl", [], {"LD_LIBRARY_PATH": str(BUILD)}
        else:
            text = executable(self.version).read_text().replace('--argv0 mosquitto "$root/usr/sbin/mosquitto"', '"$root/usr/bin/mosquitto_ctrl"')
            root = f"root={ROOT}/build/brokers/{self.version}"
            text = re.sub(r"^root=.*$", root, text, flags=re.M).replace("libraries=\n", f"libraries={BUILD}\n")
            program, start, environment = "/bin/sh", ["-c", text, "sh"], {}
        return subprocess.run([program, *start, *map(str, arguments)], capture_output=True, text=True, timeout=120, env={**os.environ, **environment})

    @property
    def store_uri(self):
        return self.options["store"]

    def exported(self, chat):
        return [json.loads(line) for line in self.ctl("export", "--store", self.store_uri, "--chat", chat).splitlines()]
