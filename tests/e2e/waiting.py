# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""To wait for what no packet tells."""
import time


def soon(condition, what, within=5):
    """Asks again and again until it is so."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
