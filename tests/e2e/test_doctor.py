# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""hyperchatctl doctor beside sign-on (test_sign_on.py): each story breaks one thing, and is told which and what to do."""
import json
import os
import re
import subprocess

import broker as brokers
import pytest

ONE_BROKER = True
EXPIRED = """\
-----BEGIN CERTIFICATE-----
MIIBFDCBvAIBATAKBggqhkjOPQQDAjAXMRUwEwYDVQQDDAxjaGF0LmV4YW1wbGUw
HhcNMTkwMTAxMDAwMDAwWhcNMjAwMTAxMDAwMDAwWjAXMRUwEwYDVQQDDAxjaGF0
LmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARA+s2RndhouUTxn4HW
GdBr71hkUYHttEM7WrG77MAOaHQ/y9aTF8voov1bmHh/mzZtjK2vKxNsmCESwRVK
xTSiMAoGCCqGSM49BAMCA0cAMEQCIBlabV1aW8Lw8ZhSvUgrW19TnluJnDzHsLm6
GN2/+1/sAiBUDcjeZt5JG9Yj0aB4zDtEjhFD+sb2MNynCLbWWAG1og==
-----END CERTIFICATE-----
"""  # at the end of 2019: openssl req makes none that are over


def doctor(broker, *flags, **more):
    """Its exit code and what it said."""
    options = [text for name, value in more.items() for text in (f"--{name}", str(value))]
    done = subprocess.run([str(brokers.CTL), "doctor", "--conf", str(broker.directory / "mosquitto.conf"), *flags, *options], capture_output=True, text=True,
                          timeout=60, check=False, env=broker.ctl_environment())
    assert done.stderr == ""
    return done.returncode, done.stdout


def adds(broker, *lines):
    """To what the broker's configuration has before the plugin."""
    file = broker.directory / "mosquitto.conf"
    file.write_text("".join(f"{line}\n" for line in lines) + file.read_text())


def certificate(directory, days):
    file = directory / "server.crt"
    if days < 0:
        file.write_text(EXPIRED)
        return file
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=chat.example", "-days", str(days),
                    "-keyout", str(directory / "server.key"), "-out", str(file)], check=True, capture_output=True)
    return file


@pytest.mark.sqlite
def test_a_healthy_broker_has_nothing_wrong_and_may_be_running(broker):
    adds(broker, "allow_duplicate_messages true", "max_queued_messages 10000")
    code, said = doctor(broker)
    assert code == 0 and "WRONG" not in said, said
    assert re.search(r"store: 4 KB are safe in .* after \d+ µs", said) and re.search(r"it opens, schema \d+, epoch \S{22}\n", said)
    assert re.search(r"  Mosquitto 2\.\d+\.\d+\n", said)


def test_what_the_plugin_would_not_start_with_is_wrong_and_the_rest_a_note(idle_broker):
    idle_broker.start().stop()
    adds(idle_broker, "per_listener_settings true", "queue_qos0_messages true")
    code, said = doctor(idle_broker)
    assert code == 1 and re.search("WRONG: per_listener_settings true.* Set it to false", said)
    assert re.search("note: queue_qos0_messages true.* Set it to false", said)


def in_a_directory(broker):
    """As Debian's configuration is: the plugin's lines stand in a file of include_dir. That file."""
    whole, directory = broker.directory / "mosquitto.conf", broker.directory / "conf.d"
    directory.mkdir()
    lines = whole.read_text().splitlines(keepends=True)
    is_of_plugin = [line.startswith("plugin") for line in lines]
    file = directory / "hyperchat.conf"
    file.write_text("".join(line for line, ours in zip(lines, is_of_plugin) if ours))
    whole.write_text("".join(line for line, ours in zip(lines, is_of_plugin) if not ours) + f"include_dir {directory}\n")
    return file


def does_not_begin(broker):
    """What it says when it cannot read what it is to examine."""
    done = subprocess.run([str(brokers.CTL), "doctor", "--conf", str(broker.directory / "mosquitto.conf")], capture_output=True, text=True, timeout=60,
                          check=False, env=broker.ctl_environment())
    assert done.returncode == 1 and done.stdout == "", done
    return done.stderr


def test_what_stands_in_the_files_of_include_dir_counts_and_nothing_else_there(idle_broker):
    idle_broker.start().stop()
    file = in_a_directory(idle_broker)
    for name in ("notes.txt", ".hidden.conf"):
        (file.parent / name).write_text("plugin_opt_nonsense 1\n")
    (file.parent / "later.conf").write_text("# of the operator\n\nplugin_opt_nonsense 1\n")
    assert "plugin_opt_nonsense: there is no such option" in does_not_begin(idle_broker)
    (file.parent / "later.conf").unlink()
    code, said = doctor(idle_broker)
    assert code == 0 and "WRONG" not in said, said


def test_a_directory_that_is_not_there_is_named(idle_broker):
    idle_broker.start().stop()
    adds(idle_broker, "include_dir /nowhere")
    assert does_not_begin(idle_broker).endswith("/nowhere: No such file or directory\n")


@pytest.mark.parametrize("days, words, expected", [(-1, "WRONG: certfile .*: it has expired", 1), (5, "note: certfile .*: it expires in [45] days", 0),
                                                   (90, "  certfile .* is good for (89|90) days", 0)])
def test_certificates_are_known_before_they_expire(idle_broker, days, words, expected):
    idle_broker.start().stop()
    adds(idle_broker, f"certfile {certificate(idle_broker.directory, days)}")
    code, said = doctor(idle_broker)
    assert code == expected and re.search(words, said), said


def test_a_file_that_is_not_there_and_a_disk_that_takes_nothing_are_named(idle_broker):
    idle_broker.start().stop()
    os.rename(idle_broker.keys, f"{idle_broker.keys}.away")
    code, said = doctor(idle_broker)
    assert code == 1 and re.search(r"WRONG: plugin_opt_keys: .*: No such file", said)
    os.rename(f"{idle_broker.keys}.away", idle_broker.keys)
    file = idle_broker.directory / "mosquitto.conf"
    file.write_text(re.sub(r"(?m)^plugin_opt_journal .*", "plugin_opt_journal /nowhere/journal", file.read_text()))
    code, said = doctor(idle_broker)
    assert code == 1 and re.search(r"WRONG: journal: nothing can be written in \S*/nowhere\S*: No such file", said)


@pytest.mark.sqlite
def test_a_store_that_is_none_is_wrong_and_one_that_is_not_there_is_not_made(idle_broker):
    idle_broker.start().stop()
    store = idle_broker.directory / "chat.db"
    assert store.exists()
    for file in idle_broker.directory.glob("chat.db*"):
        file.unlink()
    code, said = doctor(idle_broker)
    assert code == 0 and "there is none yet" in said and not store.exists()
    token = idle_broker.directory / "token"
    token.write_text(idle_broker.token("alice"))
    code, said = doctor(idle_broker, token=token)
    assert code == 0 and "whether it was revoked is in the store, which cannot be looked into" in said and not store.exists()
    store.write_text("this is no database, and long enough to be looked at" * 100)
    code, said = doctor(idle_broker)
    assert code == 1 and re.search("WRONG: .*chat.db", said), said


def test_a_kafka_that_is_away_is_wrong(idle_broker):
    idle_broker.options["kafka"] = f"127.0.0.1:{brokers.free_port()}"
    idle_broker.start().stop()
    code, said = doctor(idle_broker)
    assert code == 1 and re.search("Kafka\n  WRONG: Kafka does not answer", said)


def test_where_mosquitto_is_not_found_the_oldest_is_assumed(broker):
    code, said = doctor(broker, mosquitto="/nowhere/mosquitto")
    assert code == 0 and "does not say its version" in said


def as_people_read_it(findings):
    """The disk is left out: it is as quick as it is at that moment."""
    part, lines = None, []
    for finding in (finding for finding in findings if finding["part"] != "disk"):
        if finding["part"] != part:
            part = finding["part"]
            lines.append(part)
        word = {"fine": "", "note": "note: ", "wrong": "WRONG: "}[finding["level"]]
        lines.append(f"  {word}{'. '.join(text for text in (finding['what'], finding.get('mend')) if text)}")
    return lines


def test_json_says_what_people_are_told_and_the_outcome_at_the_end(idle_broker):
    idle_broker.start().stop()
    adds(idle_broker, "allow_duplicate_messages true", "max_queued_messages 10000")
    assert doctor(idle_broker)[0] == 0
    outcome = json.loads(doctor(idle_broker, "--json")[1].splitlines()[-1])
    assert outcome["outcome"] == "fine" and outcome["wrong"] == 0
    adds(idle_broker, "per_listener_settings true", "queue_qos0_messages true")
    code, said = doctor(idle_broker, token=idle_broker.keys)
    people = re.sub(r"(?m)^disk\n(  .*\n)+", "", said).splitlines()
    json_code, lines = doctor(idle_broker, "--json", token=idle_broker.keys)
    *findings, outcome = [json.loads(line) for line in lines.splitlines()]
    assert as_people_read_it(findings) == people and json_code == code == 1
    wrong = [finding for finding in findings if finding["level"] == "wrong"]
    assert outcome == {"outcome": "wrong", "notes": sum(finding["level"] == "note" for finding in findings), "wrong": len(wrong)}
    assert wrong[0]["what"].startswith("per_listener_settings true") and wrong[0]["mend"].startswith("Set it to false")
    assert wrong[-1]["part"] == "token" and wrong[-1]["what"].startswith("refused: ")
