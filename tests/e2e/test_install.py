# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What is built and where it goes."""
import os
import pathlib
import re
import subprocess

import broker as brokers
import pytest

ENTRY_POINTS = {"mosquitto_plugin_version", "mosquitto_plugin_init", "mosquitto_plugin_cleanup"}


def test_the_plugin_exports_its_entry_points_alone():
    lines = subprocess.check_output(["nm", "-D", "--defined-only", str(brokers.PLUGIN)], text=True).splitlines()
    names = {line.split()[-1].split("@")[0] for line in lines}
    ours = {name for name in names if not re.match(r"(__|_init$|_fini$|_edata$|_end$)", name)}
    assert ours == ENTRY_POINTS


def test_the_plugin_needs_nothing_of_mosquitto_that_2_0_11_lacks():
    """Whatever is newer has to be weak, or the plugin does not load there."""
    def symbols(which, path):
        lines = subprocess.check_output(["nm", "-D", which, path], text=True).splitlines()
        return {(line.split()[-2], line.split()[-1].split("@")[0]) for line in lines}
    library = next(pathlib.Path("/usr/lib").glob("*/libmosquitto.so.1"))
    strong = {name for kind, name in symbols("--undefined-only", str(brokers.PLUGIN)) if kind == "U" and name.startswith("mosquitto_")}
    there = {name for path in ("/usr/sbin/mosquitto", str(library)) for _, name in symbols("--defined-only", path)}
    assert strong and strong <= there


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    subprocess.run(["cmake", "--install", str(brokers.BUILD), "--prefix", "/usr"], check=True, capture_output=True,
                   env={**os.environ, "DESTDIR": str(root)})
    return root


def test_everything_is_installed_where_debian_would(installed):
    arch = subprocess.check_output(["gcc", "-print-multiarch"], text=True).strip()
    for path in (f"usr/lib/{arch}/mosquitto_hyperchat.so", f"usr/lib/{arch}/mosquitto_ctrl_hyperchat.so", "usr/bin/hyperchatctl",
                 "usr/share/doc/mosquitto-hyperchat/examples/hyperchat.conf",
                 *(f"usr/share/doc/mosquitto-hyperchat/examples/hyperchat-{sample}"
                   for sample in ("limits.conf", "options.conf", "tls.conf", "websocket.conf", "websocket-tls.conf", "letsencrypt", "alerts.yml", "grafana.json"))):
        assert (installed / path).is_file(), f"{path} is missing"
    for manual in ("operations", "troubleshooting", "configuration"):
        assert (installed / f"usr/share/doc/mosquitto-hyperchat/docs/{manual}.md").is_file()
    for sample in ("laptop", "one-server", "many-servers"):
        text = (installed / f"usr/share/doc/mosquitto-hyperchat/examples/{sample}.conf").read_text()
        assert f"\nplugin /usr/lib/{arch}/mosquitto_hyperchat.so\n" in text
    assert list((installed / "usr/share/hyperchat/schema").rglob("*.json"))
    assert os.access(installed / "usr/bin/hyperchatctl", os.X_OK)


def test_what_the_installed_manual_leads_to_is_installed_as_well(installed):
    """But for the source."""
    docs = installed / "usr/share/doc/mosquitto-hyperchat/docs"
    source = re.compile(r"\.\./(storage|tests|bench|web)(/|$)")
    dead, sound = [], 0
    for manual in docs.rglob("*.md"):
        for link in re.findall(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)", manual.read_text()):
            there = (manual.parent / link).exists()
            sound += there
            if not there and not source.match(link):
                dead.append(f"{manual.name}: {link}")
    assert not dead and sound > 50


def test_the_installed_sample_names_the_installed_plugin_and_starts(installed, idle_broker):
    sample = (installed / "usr/share/doc/mosquitto-hyperchat/examples/hyperchat.conf").read_text()
    plugin = re.search(r"^plugin (.*)$", sample, re.M)[1]
    assert (installed / plugin.lstrip("/")).is_file()
    options = dict(line.removeprefix("plugin_opt_").split(" ", 1) for line in sample.splitlines() if line.startswith("plugin_opt_"))
    here = idle_broker.directory
    options.update(keys=idle_broker.keys, store=f"sqlite:{here}/chat.db", journal=f"{here}/journal",
                   limits_file=installed / "usr/share/doc/mosquitto-hyperchat/examples/hyperchat-limits.conf")
    idle_broker.plugin, idle_broker.options = installed / plugin.lstrip("/"), options
    idle_broker.start()


def test_the_tree_knows_mosquitto_only_where_it_may():
    """Everything but plugin/broker and plugin/ctl links without a broker; link.c speaks to one."""
    root = pathlib.Path(brokers.ROOT)
    found = [path for directory in ("base", "storage", "plugin") for path in (root / directory).rglob("*.[ch]")
             if re.search(r"#include.*mosquitto", path.read_text()) and not path.is_relative_to(root / "plugin/broker") and path.name not in ("plugin.c", "link.c")]
    assert found == []
