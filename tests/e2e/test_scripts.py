# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The main stories again, from nothing but mosquitto_pub, mosquitto_sub and mosquitto_rr: tests/scripts/*.sh."""
import os
import subprocess

import broker as brokers
import pytest

pytestmark = pytest.mark.host

SCRIPTS = sorted((brokers.ROOT / "tests/scripts").glob("[!_]*.sh"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_script(broker, script, version):
    names = {f"TOKEN_{name}": broker.token(name) for name in ("alice", "bob", "carol")}
    done = subprocess.run([str(script)], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **names, "PORT": str(broker.port), "MQTT": version, "HERE": str(broker.directory)})
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
