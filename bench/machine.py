# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""On what it was measured."""
import datetime
import os
import sqlite3
import statistics
import subprocess
import tempfile
import time

from harness import ROOT


def first_line(path, start):
    with open(path) as lines:
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(start)), "unknown")


def fdatasync_p50_us(directory):
    """How long the disk takes for one small durable write: the floor under every commit."""
    took = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(200):
            os.write(file.fileno(), b"x" * 4096)
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - start)
    return statistics.median(took) * 1e6


def file_system(directory):
    """The type of the file system that holds the directory."""
    best = ("", "unknown")
    with open("/proc/self/mounts") as mounts:
        for line in mounts:
            point, kind = line.split()[1:3]
            if directory.is_relative_to(point) and len(point) >= len(best[0]):
                best = (point, kind)
    return best[1]


def describe(work, names, store=None):
    """In Markdown: when, what, and where; names: of the brokers; store: one beside SQLite."""
    memory_gb = int(first_line("/proc/meminfo", "MemTotal").split()[0]) / 1024 ** 2
    revise = ["git", "-C", ROOT, "describe", "--always", "--dirty"]
    revision = subprocess.run(revise, capture_output=True, text=True, check=False).stdout.strip()
    kind = file_system(work)
    disk = f"store on {kind}, fdatasync of 4 KB: p50 {fdatasync_p50_us(work):,.0f} µs"
    if kind in ("tmpfs", "ramfs"):
        disk += " (**memory, not a disk: these numbers are not durable**)"
    store = f"SQLite {sqlite3.sqlite_version}" + (f", {store}" if store else "")
    return [f"- {datetime.datetime.now().astimezone():%Y-%m-%d %H:%M %Z}, HyperChat {revision or 'of an unknown revision'}, "
            f"{', '.join(names)}, {store}",
            f"- {os.cpu_count()} × {first_line('/proc/cpuinfo', 'model name')}, {memory_gb:.0f} GB, Linux {os.uname().release}",
            f"- {disk}"]
