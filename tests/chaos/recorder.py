# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Writes a run's history down, from all its threads, as it happens."""
import itertools
import json
import threading
import time


class Recorder:
    def __init__(self, path):
        self.file, self.lock = open(path, "w", encoding="utf-8"), threading.Lock()
        self.began, self.events = time.monotonic(), []
        self.ids = itertools.count(1)

    def now(self):
        return time.monotonic() - self.began

    def write(self, kind, /, **fields):
        with self.lock:
            event = {"e": kind, "t": round(self.now(), 6), **fields}
            self.events.append(event)
            self.file.write(json.dumps(event, ensure_ascii=False) + "\n")
        return event

    def next_id(self):
        with self.lock:
            return next(self.ids)

    def close(self):
        self.file.close()
