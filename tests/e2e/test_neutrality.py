# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What scripts/neutrality makes of a test that did not pass in both: tests/neutrality/compare.py, on a suite whose runs are written down here."""
import sys

import broker as brokers
import pytest

sys.path.append(str(brokers.ROOT / "tests/neutrality"))
from compare import DIFFERS, FAILED, PAIRS, SAME, UNSTEADY, Pairs  # noqa: E402
from suites import LATE  # noqa: E402

PASSED, FAILS, HANGS = (True, ""), (False, "no"), (False, LATE)


class Runs:
    """One side of a suite with one test: what each run of it comes to, the last one for ever."""
    def __init__(self, *runs, ways=()):
        self.runs, self.ways = list(runs), ways

    def forgets(self, test):
        """There is no configuration."""

    def run(self, test, port, outside=""):
        return self.runs.pop(0) if len(self.runs) > 1 else self.runs[0]


@pytest.mark.parametrize("without, with_it, explained, kind", [
    ([FAILS, PASSED], [PASSED], False, SAME),
    ([FAILS], [FAILS], False, FAILED),
    ([PASSED], [FAILS], False, DIFFERS),
    ([FAILS], [PASSED], False, DIFFERS),
    ([PASSED, FAILS], [FAILS], False, UNSTEADY),
    ([PASSED, FAILS], [FAILS], True, DIFFERS),
    ([FAILS, PASSED, FAILS], [PASSED, FAILS], True, UNSTEADY),
    ([PASSED], [HANGS], False, DIFFERS),
], ids=["a pair passes", "neither ever", "never with", "never without", "now and then without", "so, and known to differ", "in turn, and known to differ", "hangs with"])
def test_a_test_is_judged_by_its_pairs(without, with_it, explained, kind):
    pairs = Pairs(Runs(*without), Runs(*with_it), (1, "test"), 0)
    assert pairs.verdict(explained)[0] == kind


def test_what_never_ends_on_both_sides_is_not_repeated():
    pairs = Pairs(Runs(HANGS), Runs(HANGS), (1, "test"), 0)
    assert (pairs.verdict(False), len(pairs.without)) == ((FAILED, LATE), 1)


def test_what_hangs_with_the_plugin_alone_is_repeated_and_counted():
    pairs = Pairs(Runs(PASSED), Runs(HANGS, ways=("acl",)), (1, "test"), 0)
    assert len(pairs.without) == PAIRS
    assert f"{PAIRS * 2} times {LATE}" in pairs.verdict(False)[1]


def test_each_way_is_tried_where_the_suite_does_not_know_it():
    pairs = Pairs(Runs(PASSED), Runs(FAILS, FAILS, PASSED, ways=("defer", "acl")), (1, "test"), 0)
    assert pairs.verdict(False) == (SAME, "passed 1 of 1 without, 1 of 1 with, outside acl")
