# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Clients that are programs of their own, a page in headless Chromium among them: started, read line by line, ended."""
import base64
import hashlib
import http.server
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
import urllib.parse

import broker as brokers
import mqtt
import pytest

MODULES = brokers.ROOT / "build/client/node_modules"
CLIENT = brokers.ROOT / "tests/client"


class Program:
    """A client that is a process; its lines are read as they come."""

    def __init__(self, *command, **how):
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, **how)
        self.lines, self.all = queue.Queue(), []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def prints(self, text):
        deadline = time.monotonic() + mqtt.PATIENCE
        while not any(text in line for line in self.all):
            try:
                self.all.append(self.lines.get(timeout=max(0.01, deadline - time.monotonic())))
            except queue.Empty:
                raise AssertionError(f"waited in vain for {text!r}: {self.all}") from None

    def ends(self):
        os.killpg(self.process.pid, signal.SIGKILL)  # a browser is many
        self.process.wait()


def need(program, package):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is missing: install {package}")


class Site(http.server.BaseHTTPRequestHandler):
    """The page with MQTT.js; what it hears comes to /heard."""
    FILES = {"/": CLIENT / "page.html", "/talk.mjs": CLIENT / "talk.mjs",
             "/exchange.html": CLIENT / "exchange.html", "/exchange.mjs": CLIENT / "exchange.mjs", "/mqtt.min.js": MODULES / "mqtt/dist/mqtt.min.js"}
    TYPES = {".html": "text/html", ".mjs": "text/javascript", ".js": "text/javascript"}

    def answer(self, status, body=b"", kind="text/plain"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        file = self.FILES.get(urllib.parse.urlsplit(self.path).path)
        if file is None:
            self.answer(404)
        else:
            self.answer(200, file.read_bytes(), self.TYPES[file.suffix])

    def do_POST(self):
        self.server.heard.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.answer(204)

    def log_message(self, *_):
        pass


class Page:
    """Alice in headless Chromium. Prints as a Program does."""

    def __init__(self, runs, directory, certificate, *arguments, page=""):
        self.site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
        self.lines, self.all = queue.Queue(), []
        self.site.heard = self.lines
        threading.Thread(target=self.site.serve_forever, daemon=True).start()
        query = urllib.parse.urlencode([("a", str(argument)) for argument in arguments])
        runs("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={directory}/profile",
             f"--ignore-certificate-errors-spki-list={certificate}", "--remote-debugging-port=0",
             f"http://127.0.0.1:{self.site.server_address[1]}/{page}?{query}", env={**os.environ, "HOME": str(directory)})

    prints = Program.prints


def key_digest(certificate):
    """How Chromium is told to believe this certificate's key, and no other."""
    public = subprocess.check_output(["openssl", "x509", "-in", str(certificate), "-noout", "-pubkey"])
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=public, check=True, capture_output=True).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()
