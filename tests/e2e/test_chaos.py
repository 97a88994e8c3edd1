# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A short run of tests/chaos: a conversation under faults, and a history that breaks no rule. HC_FULL=1: some more seeds."""
import os
import subprocess
import sys

import broker as brokers
import pytest

RUN = brokers.ROOT / "tests/chaos/run"
SEEDS = range(1, 7) if os.environ.get("HC_FULL") == "1" else (1,)
SECONDS = 8 if brokers.sanitizer() else 12


@pytest.mark.parametrize("seed", SEEDS)
def test_a_conversation_under_faults_breaks_no_rule(broker_version, tmp_path, seed):
    if brokers.executable(broker_version) is None:
        pytest.skip(f"Mosquitto {broker_version} is missing: run scripts/get-brokers")
    together = ["--brokers", "2"] if brokers.STORE == "mongodb" else []
    command = [sys.executable, RUN, "--seed", seed, "--minutes", 0, "--seconds", SECONDS, "--broker", broker_version, "--store", brokers.STORE, *together,
               "--out", tmp_path]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=400, check=False)
    print(done.stdout)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
