# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What administrators see: numbers that follow what really happened, on topics and in a file; and that nobody else sees them."""
import json
import os
import re
import sqlite3
import stat
import subprocess
import time

import broker as brokers
import mqtt
import pytest
from administrator import ROOT, Administrator

pytestmark = pytest.mark.host

COVERS = ["$SYS/#", "$SYS/broker/#", f"{ROOT}/#", f"{ROOT}/sessions", "$SYS/+/hyperchat/sessions", "$SYS/broker/+/sessions", "$SYS/broker/+/+", "$SYS/+/+/+/+",
          f"$share/g/{ROOT}/#", "$share/g/$SYS/#"]


def read_file(path):
    """{name with labels: number} as a real parser reads it, and {name: type}."""
    parser = pytest.importorskip("prometheus_client.parser", reason="python3-prometheus-client is missing")
    numbers, types = {}, {}
    for family in parser.text_string_to_metric_families(path.read_text()):
        types[family.name] = family.type
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sample.labels.items())
            assert (sample.name, labels) not in numbers
            numbers[sample.name, labels] = sample.value
    return numbers, types


def waits_for(condition, what):
    deadline = time.monotonic() + mqtt.PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


# ---- the numbers are true ----

def test_messages_calls_and_people_are_counted(observed):
    broker = observed.start()
    admin = Administrator(broker)
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    before = admin.is_up_to_date()
    assert (before["sessions"], before["users"], before["logins_total"]) == (2, 2, 2)
    assert before["version"] and before["store_open"] == 1 and before["journal_records"] == 0
    for i in range(10):
        alice.says(f"{i}", chat=chat)
    bob.hears("9")
    tablet = broker.person("bob", "tablet")
    tablet.asks("getChatUserID")
    after = admin.is_up_to_date()
    grown = {name: after[name] - before[name] for name in ("commands_total", "transactions_total", "transactions_shown_total", "store_appends_total/ok",
                                                           "logins_total", "calls_total", "sessions", "users")}
    assert grown["commands_total"] == grown["transactions_total"] == grown["transactions_shown_total"] == 10
    assert 1 <= grown["store_appends_total/ok"] <= 10
    assert (grown["logins_total"], grown["calls_total"], grown["sessions"], grown["users"]) == (1, 1, 1, 0)
    assert 1 <= after["lines_delivered_total"] - before["lines_delivered_total"] <= 22, "to two people, live, or in one packet for who could not follow"
    heard = sum(len(t["body"]) for person in (alice, bob) for t in person.inbox if t["type"] == "message")
    assert after["delivered_bytes_total"] > before["delivered_bytes_total"] + heard >= 20
    tablet.leaves()
    alice.leaves()
    assert (admin.is_up_to_date()["sessions"], admin.numbers["users"]) == (1, 1)


def test_events_that_nobody_listens_to_any_more_are_not_published(observed):
    broker = observed.start()
    admin = Administrator(broker)
    alice, bob = broker.person("alice", subscribes=("hc/me/inbox", "hc/me/reply/#")), broker.person("bob", subscribes=("hc/me/reply/#",))
    chat = alice.chat_with(bob)
    topic = f"hc/chat/{chat}/events"

    def says(count):
        for i in range(count):
            alice.says(f"{i}", chat=chat)

    def packets_of(count):
        before = admin.is_up_to_date()["packets_delivered_total"]
        says(count)
        return admin.is_up_to_date()["packets_delivered_total"] - before
    bob.client.subscribe(topic)
    assert packets_of(40) == 80, "her inbox and the events"
    bob.client.unsubscribe(topic)
    says(40)
    assert packets_of(10) == 10, "her inbox alone"
    bob.client.subscribe(topic)
    assert packets_of(10) == 20
    bob.until(lambda: len(bob.events) == 50, "all events of both times")


def test_rates_and_percentiles_are_of_the_last_interval(observed):
    broker = observed.start()
    admin = Administrator(broker)
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    for i in range(20):
        alice.says(f"{i}", chat=chat)
    admin.until(lambda numbers: numbers.get("transactions_per_second", 0) > 0, "a rate")
    admin.until(lambda numbers: numbers["transactions_per_second"] == numbers["store_append_seconds/p99"] == 0, "the end of the rate")
    rates = [number for name, number in admin.history if name == "transactions_per_second"]
    assert 5 <= sum(rates) <= 30, "21 transactions, and an interval is a second, or more on a busy machine"
    assert max(number for name, number in admin.history if name == "store_append_seconds/p99") > 0
    assert admin.numbers["callback_seconds_per_second"] < 1


def revoked(broker):
    token = broker.token("alice")
    broker.ctl("revoke", "--store", broker.store_uri, "--user", "alice")
    time.sleep(1.2)
    return token


@pytest.mark.parametrize("reason, how", [
    ("expired", lambda b: {"password": b.token("alice", ttl=-3600)}),
    ("not_yet", lambda b: {"password": b.token("alice", nbf=int(time.time()) + 3600)}),
    ("bad_token", lambda b: {"password": b.token("alice", aud="mail")}),
    ("username", lambda b: {"username": "bob", "password": b.token("alice")}),
    ("client_id", lambda b: {"client_id": "bob/phone", "password": b.token("alice")}),
    ("revoked", lambda b: {"password": revoked(b)}),
])
def test_a_refused_login_is_counted_by_its_reason(observed, reason, how):
    broker = observed.start()
    admin = Administrator(broker)
    before = admin.is_up_to_date()
    with pytest.raises(mqtt.Refused):
        mqtt.Client(broker.port, **{"client_id": "alice/phone", "username": "", **how(broker)})
    after = admin.is_up_to_date()
    changed = {name for name in after if name.startswith("logins_") and name != "logins_per_second" and after[name] != before[name]}
    assert changed == {f"logins_refused_total/{reason}"}
    assert after[f"logins_refused_total/{reason}"] == 1 and after["sessions"] == 0


def test_who_comes_too_often_is_counted(observed):
    observed.options["connects_per_minute"] = 10
    broker = observed.start()
    admin = Administrator(broker)
    with pytest.raises((mqtt.Refused, mqtt.Closed)):
        for _ in range(20):
            broker.client("alice/phone", "alice").close()
    after = admin.is_up_to_date()
    assert after["logins_refused_total/too_many"] == 1 and 10 <= after["logins_total"] < 20


def test_refusals_are_counted_by_what_the_client_was_told(observed):
    broker = observed.start()
    admin = Administrator(broker)
    alice = broker.person("alice", version=mqtt.V5)
    before = admin.is_up_to_date()
    command = alice.sends("hi", to="nobody", id="a1")
    alice.is_refused("forbidden", command)
    alice.is_denied("bad_request", "fetchSnapshotAndTransactions")
    alice.is_denied("forbidden", "fetchSnapshotAndTransactions", chatID="none", clientTransactionID=0)
    after = admin.is_up_to_date()
    assert after["commands_refused_total/forbidden"] == before["commands_refused_total/forbidden"] + 1
    assert after["call_errors_total/bad_request"] == before["call_errors_total/bad_request"] + 1
    assert after["call_errors_total/forbidden"] == before["call_errors_total/forbidden"] + 1
    assert after["calls_total"] == before["calls_total"] + 2


@pytest.mark.sqlite
def test_while_the_store_takes_nothing_the_journal_fills_and_is_empty_again_afterwards(observed):
    broker = observed.start()
    admin = Administrator(broker)
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    before = admin.is_up_to_date()
    somebody = sqlite3.connect(broker.store, timeout=10, isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    for i in range(10):
        alice.sends(f"{i}", chat=chat)
    admin.until(lambda n: n["store_failing"] == 1 and n["journal_records"] == 10 and n["journal_oldest_seconds"] >= 2, "a journal that fills")
    assert admin.numbers["commands_waiting"] == 10 and admin.numbers["journal_used_bytes"] > before["journal_used_bytes"]
    assert admin.numbers["store_append_failures_total/unavailable"] > before["store_append_failures_total/unavailable"]
    assert admin.numbers["transactions_total"] == before["transactions_total"]
    somebody.execute("ROLLBACK")
    bob.hears("9")
    admin.until(lambda n: (n["store_failing"], n["journal_records"], n["journal_oldest_seconds"], n["commands_waiting"]) == (0, 0, 0, 0), "an empty journal")
    assert admin.numbers["transactions_total"] == before["transactions_total"] + 10


def test_counters_never_go_back_while_the_broker_runs(observed):
    broker = observed.start()
    admin = Administrator(broker)
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    for i in range(5):
        alice.says(f"{i}", chat=chat)
        alice.leaves()
        alice.returns()
        broker.reload()
        admin.is_up_to_date()
    last = {}
    for name, number in admin.history:
        if "_total" in name or name.endswith("/count"):
            assert number >= last.get(name, 0), name
            last[name] = number
    assert last["logins_total"] == 7 and last["transactions_total"] == 6


def test_the_numbers_begin_anew_with_the_broker(observed):
    broker = observed.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    alice.says("hi", to=bob)
    admin = Administrator(broker)
    first = admin.is_up_to_date()
    broker.restart()
    later = Administrator(broker).is_up_to_date()
    assert later["transactions_total"] == 0 and later["start_time_seconds"] > first["start_time_seconds"]


# ---- who sees them ----

@pytest.mark.parametrize("outside", ["defer", "allow"])
def test_no_user_can_subscribe_to_them(observed, outside):
    """Not even where the operator's ACL gives the broker's own topics to everybody."""
    observed.options["outside"] = outside
    broker = observed.start()
    for version in (mqtt.V311, mqtt.V5):
        alice = broker.client("alice/phone", "alice", version=version)
        for topic_filter in COVERS:
            assert alice.subscribe(topic_filter)[0] >= 0x80, topic_filter
        alice.close()


def test_an_operator_reads_them_by_his_token_without_an_acl(idle_broker):
    """As long as his token says so: one without the role, by which he goes on, ends it."""
    idle_broker.top_lines = ["sys_interval 1"]
    idle_broker.options |= {"operator_claim": "realm_access.roles", "operator_role": "chat-admin"}
    broker = idle_broker.start()

    def token(*roles):
        return broker.token("olga", realm_access={"roles": roles})

    olga = broker.person("olga", token=token("user", "chat-admin"))
    assert olga.client.subscribe(f"{ROOT}/sessions", f"{ROOT}/collected_timestamp_seconds")[0] < 0x80
    assert olga.client.subscribe("$SYS/#")[0] >= 0x80, "the rest is the ACL's, and there is none"
    olga.client.next_message(f"{ROOT}/sessions")
    assert olga.asks("renewToken", token=token("user"))
    olga.client.messages.clear()
    time.sleep(2.5)  # what comes once a second would come
    olga.is_up_to_date()
    assert not [message for message in olga.client.messages if message.topic.startswith(ROOT)]
    assert olga.client.subscribe(f"{ROOT}/users")[0] >= 0x80


@pytest.mark.parametrize("outside", ["defer", "allow"])
def test_no_user_gets_them_by_a_session_of_somebody_else(observed, outside):
    """An administrator's MQTT session that goes on, taken over under its client ID by a user: neither what came while it was offline nor what
    comes now."""
    observed.options["outside"] = outside
    broker = observed.start()
    admin = broker.client("alice/phone", clean=False)
    assert admin.subscribe(f"{ROOT}/#", "$SYS/broker/uptime", qos=1)[0] < 0x80
    admin.next_message(f"{ROOT}/sessions")
    admin.disconnect()
    other = Administrator(broker)
    other.is_up_to_date()
    alice = broker.client("alice/phone", "alice", clean=False)
    assert alice.session_present
    other.is_up_to_date()
    alice.ping()
    assert not [message for message in alice.messages if message.topic.startswith(ROOT)]


def test_a_user_still_gets_what_the_acl_gives_him_of_the_brokers_own(observed):
    broker = observed.start()
    alice = broker.client("alice/phone", "alice")
    assert alice.subscribe("$SYS/broker/uptime")[0] < 0x80
    alice.next_message("$SYS/broker/uptime")


def test_without_an_acl_nobody_gets_them_and_with_outside_allow_strangers_do(observed):
    observed.top_lines = ["sys_interval 1"]
    for outside, heard in (("defer", False), ("allow", True)):
        observed.options["outside"] = outside
        broker = observed.start()
        stranger = broker.client("stranger")
        stranger.subscribe(f"{ROOT}/#")
        if heard:
            assert stranger.next_message(f"{ROOT}/version").retain
        else:
            alice = broker.person("alice")
            time.sleep(2.5)  # two intervals in which nothing comes
            alice.is_up_to_date()
            stranger.ping()
            assert stranger.messages == []
        broker.stop()


def test_nobody_can_publish_them(observed):
    observed.options["outside"] = "allow"
    broker = observed.start()
    admin = Administrator(broker)
    before = admin.is_up_to_date()
    for client in (broker.client("stranger"), broker.client("alice/phone", "alice")):
        try:
            client.publish_acked(f"{ROOT}/users", "1000")
            client.publish_acked(f"{ROOT}/users", "1000", retain=True)
        except mqtt.Closed:
            pass
    assert admin.is_up_to_date()["users"] != 1000 and ("users", 1000) not in admin.history
    assert before["users"] == 0


def test_they_are_retained_and_only_what_changes_is_published_again(observed):
    broker = observed.start()
    admin = Administrator(broker)
    admin.is_up_to_date()
    first = len(admin.history)
    admin.is_up_to_date()
    admin.is_up_to_date()
    assert first > 60
    again = {name for name, _ in admin.history[first:]}
    assert "collected_timestamp_seconds" in again and not again & {"version", "start_time_seconds", "store_open", "logins_total", "journal_size_bytes"}
    later = broker.client("later")
    later.subscribe(f"{ROOT}/version")
    message = later.next_message()
    assert message.retain and message.qos == 0


def test_without_the_brokers_own_topics_there_are_none_of_these(observed):
    observed.top_lines[1] = "sys_interval 0"
    broker = observed.start()
    client = broker.client("the-administrator")
    client.subscribe(f"{ROOT}/#")
    time.sleep(2.5)  # they would have come by now, also with the default
    client.ping()
    assert client.messages == []


def test_sighup_changes_how_often_they_come(observed):
    observed.top_lines[1] = "sys_interval 0"
    broker = observed.start()
    client = broker.client("the-administrator")
    client.subscribe(f"{ROOT}/#")
    client.ping()
    assert client.messages == []
    observed.top_lines[1] = "sys_interval 1"
    (broker.directory / "mosquitto.conf").write_text(broker.configuration())
    broker.reload()
    client.next_message(f"{ROOT}/sessions")


# ---- the file ----

@pytest.fixture
def file(observed, tmp_path):
    folder = tmp_path / "node-exporter"
    folder.mkdir()
    observed.options["metrics_file"] = folder / "hyperchat.prom"
    return folder / "hyperchat.prom"


def test_the_file_is_what_prometheus_reads_and_says_the_same(observed, file):
    broker = observed.start()
    admin = Administrator(broker)
    alice, bob = broker.person("alice"), broker.person("bob")
    alice.says("hi", to=bob)
    with pytest.raises(mqtt.Refused):
        broker.client("alice/phone", username="", password=broker.token("alice", ttl=-3600))
    topics = admin.is_up_to_date()
    waits_for(lambda: read_file(file)[0]["hyperchat_collected_timestamp_seconds", ""] >= topics["collected_timestamp_seconds"], "a newer file")
    numbers, types = read_file(file)
    assert numbers["hyperchat_transactions_total", ""] == topics["transactions_total"] == 2
    assert numbers["hyperchat_logins_refused_total", "reason=expired"] == 1
    assert numbers["hyperchat_sessions", ""] == 2
    assert numbers["hyperchat_store_append_seconds_count", ""] == numbers["hyperchat_store_append_seconds_bucket", "le=+Inf"] >= 1
    buckets = [number for (name, _), number in numbers.items() if name == "hyperchat_store_append_seconds_bucket"]
    assert buckets == sorted(buckets) and len(buckets) == 15
    assert types["hyperchat_transactions"] == "counter" and types["hyperchat_sessions"] == "gauge"
    assert [labels for name, labels in numbers if name == "hyperchat_build_info"][0].startswith("version=")
    assert not [name for name, _ in numbers if name.startswith("hyperchat_kafka")]


def test_the_file_is_readable_by_all_and_whole_and_goes_with_the_broker(observed, file):
    os.umask(0o077)
    try:
        broker = observed.start()
        waits_for(file.exists, "the file")
    finally:
        os.umask(0o022)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    first = file.stat().st_ino
    waits_for(lambda: file.stat().st_ino != first, "another file")
    assert file.read_text().endswith("\n") and "metrics_file_failures_total 0" in file.read_text()
    broker.stop()
    assert list(file.parent.iterdir()) == []


def test_the_file_outlives_a_crash_and_is_written_on(observed, file):
    broker = observed.start()
    waits_for(file.exists, "the file")
    broker.kill9()
    old = file.read_text()
    broker.start()
    waits_for(lambda: file.read_text() != old, "a newer file")


def test_a_file_that_cannot_be_written_is_said_once_and_counted(observed, file):
    broker = observed
    file.parent.rmdir()
    broker.start()
    admin = Administrator(broker)
    admin.until(lambda numbers: numbers.get("metrics_file_failures_total", 0) >= 2, "failures")
    assert len(re.findall("metrics_file .* cannot be written", broker.log_text())) == 1
    alice, bob = broker.person("alice"), broker.person("bob")
    alice.says("hi", to=bob)
    bob.hears("hi")
    broker.expects_line("metrics_file .* is written again", file.parent.mkdir)
    waits_for(file.exists, "the file")


def test_nobody_is_held_up_by_the_metrics(observed, file):
    broker = observed.start()
    admin = Administrator(broker)
    admin.until(lambda numbers: 0 < numbers.get("longest_callback_interval_seconds", 0) < 0.02, "an interval without a long callback: each has all of this in it")


# ---- alerts ----

def test_every_name_in_the_alerts_is_a_metric_and_every_alert_is_explained():
    alerts = (brokers.ROOT / "conf/hyperchat-alerts.yml").read_text()
    manual = (brokers.ROOT / "docs/operations.md").read_text()
    known = set(re.findall(r"^\| `(hyperchat_\w+)", manual, re.M))
    used = {re.sub("_bucket$", "", name) for name in re.findall(r"hyperchat_\w+", alerts)}
    names = re.findall(r"- alert: (\w+)", alerts)
    assert len(used) > 15 and used <= known, used - known
    assert len(names) > 15 and [name for name in names if f"`{name}`" not in manual.split("## Alerts")[1]] == []


def test_prometheus_takes_the_alerts():
    promtool = brokers.ROOT / "build/promtool/promtool"
    if not promtool.exists():
        pytest.skip("promtool is missing: run scripts/get-promtool")
    done = subprocess.run([promtool, "check", "rules", brokers.ROOT / "conf/hyperchat-alerts.yml"], capture_output=True, text=True)
    assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout + done.stderr


# ---- the dashboard ----

def dashboard():
    return json.loads((brokers.ROOT / "conf/hyperchat-grafana.json").read_text())


def test_every_name_in_the_dashboard_is_a_metric_with_the_labels_that_it_has():
    manual = (brokers.ROOT / "docs/operations.md").read_text()
    rows = re.findall(r"^\| `(hyperchat_\w+)(?:\{(\w+)=[^}]*\})?` \| (\w+)", manual, re.M)
    labels, kinds = {name: label for name, label, _ in rows}, {name: kind for name, _, kind in rows}
    targets = [target for panel in dashboard()["panels"] for target in panel["targets"]]
    assert len(targets) > 20
    for target in targets:
        names = [re.sub("_bucket$", "", name) for name in re.findall(r"hyperchat_\w+", target["expr"])]
        assert names and set(names) <= set(labels), target["expr"]
        shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert shown <= {labels[name] for name in names}, f"{target['legendFormat']} of {target['expr']}"
        for name in names:  # what only grows is looked at by its rate, and nothing else is
            assert ("rate(" in target["expr"]) == (kinds[name] in ("counter", "histogram")), target["expr"]


def test_the_panels_of_the_dashboard_do_not_overlap_and_have_one_source_that_can_be_chosen():
    panels, places = dashboard()["panels"], set()
    for panel in panels:
        grid = panel["gridPos"]
        cells = {(x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])}
        assert not cells & places and grid["x"] + grid["w"] <= 24, panel["title"]
        places |= cells
    assert len({panel["id"] for panel in panels}) == len(panels) == len({panel["title"] for panel in panels})
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {"${datasource}"}
    assert [variable["name"] for variable in dashboard()["templating"]["list"]] == ["datasource", "instance"]
