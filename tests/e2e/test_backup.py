# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Backups: made while people talk, put in the store's place, noticed by clients; and a store that is behind what was stored."""
import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
import threading

import broker as brokers
import pytest
from test_reference_client import App, MODULES, shown, stored


def ctl_fails(broker, *arguments):
    done = subprocess.run([str(brokers.CTL), *map(str, arguments)], capture_output=True, text=True, timeout=120, env=broker.ctl_environment())
    assert done.returncode == 1, f"it ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stderr


def backs_up(broker, name="backup.db"):
    file = broker.directory / name
    broker.ctl("backup", "--store", f"sqlite:{broker.store}", "--to", file)
    return file


def restores(broker, file, *more):
    conf = broker.directory / "mosquitto.conf"
    return broker.ctl("restore", "--from", file, "--conf", conf, *more)


def test_a_backup_brings_back_what_was_said_before_it(broker, alice, bob):
    chat = alice.chat_with(bob)
    alice.says("before", chat=chat)
    bob.hears("before", chatID=chat)
    epoch = alice.asks("getServerInfo")["epoch"]
    backup = backs_up(broker)
    alice.says("lost", chat=chat)
    bob.hears("lost", chatID=chat)
    broker.stop()
    said = restores(broker, backup)
    assert "chat.db is " in said and "journal is " in said and f"(before: {epoch})" in said
    broker.start()
    alice.returns()
    info = alice.asks("getServerInfo")
    assert info["epoch"] != epoch and info["epoch"] in said
    bob.returns()
    assert alice.says("after", chat=chat)["transactionID"] == 3, "the number of what was lost"
    bob.hears("after", chatID=chat)
    assert [line.get("body") for line in broker.exported(chat)] == [None, "before", "after"]
    assert '"from"' in broker.ctl("audit", "list", "--store", f"sqlite:{broker.store}")


def test_what_a_backup_took_the_place_of_is_kept(broker, alice, bob):
    chat = alice.chat_with(bob)
    backup = backs_up(broker)
    alice.says("kept", chat=chat)
    broker.kill9()  # so there is a WAL
    aside = json.loads(restores(broker, backup, "--json"))["aside"]
    [store] = [name for name in aside if "chat.db.before-restore-" in name and not name.endswith("-wal")]
    assert any(name.endswith("-wal") for name in aside) and any("journal.before-restore-" in name for name in aside)
    exported = broker.ctl("export", "--store", f"sqlite:{store}", "--chat", chat)
    assert "kept" in exported
    broker.start()
    assert "kept" not in broker.ctl("export", "--store", f"sqlite:{broker.store}", "--chat", chat)


def test_a_backup_is_whole_while_people_write(broker, alice, bob):
    chat = alice.chat_with(bob)
    done = threading.Event()

    def writes():
        number = 0
        while not done.is_set():
            alice.says(f"{number}", chat=chat)
            number += 1
    writer = threading.Thread(target=writes)
    writer.start()
    try:
        backups = [backs_up(broker, f"{number}.db") for number in range(3)]
    finally:
        done.set()
        writer.join()
    for backup in backups:
        assert "all in order" in broker.ctl("check", "--store", f"sqlite:{backup}")
    counts = [sqlite3.connect(backup).execute("SELECT count(*) FROM log").fetchone()[0] for backup in backups]
    assert counts == sorted(counts) and counts[-1] > 1
    assert oct(os.stat(backups[0]).st_mode & 0o777) == "0o600"


def test_what_writes_to_the_store_itself_is_refused_while_the_broker_runs(broker, alice):
    for command in (["room", "--store", broker.store_uri, "--id", "ops", "--owner", "alice", "--name", "Ops"],
                    ["copy", "--from", broker.store_uri, "--to", f"sqlite:{broker.directory}/copy.db"],
                    ["migrate", "--store", broker.store_uri]):
        assert f"process {broker.process.pid} has it open; stop the broker first" in ctl_fails(broker, *command)
    assert not (broker.directory / "copy.db").exists()
    assert "ops" not in [entry["chatID"] for entry in alice.asks("ListChats")["chats"]]


def test_a_restore_is_refused_while_the_broker_runs(broker, alice, bob):
    chat = alice.chat_with(bob)
    backup = backs_up(broker)
    said = ctl_fails(broker, "restore", "--from", backup, "--conf", broker.directory / "mosquitto.conf")
    assert f"process {broker.process.pid} has it open" in said
    said = ctl_fails(broker, "new-epoch", "--store", f"sqlite:{broker.store}")
    assert "has it open" in said
    assert not list(broker.directory.glob("*before-restore*"))
    alice.says("still here", chat=chat)
    bob.hears("still here", chatID=chat)


DIES = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int rename(const char *from, const char *to)
{
	_exit(%s && renameat(AT_FDCWD, from, AT_FDCWD, to) != 0 ? 1 : 99);
}
"""


def restores_with(broker, backup, tmp_path, code):
    """As restores, with functions of the C library replaced."""
    if brokers.sanitizer():
        pytest.skip("its library has to be the first one")
    source, library = tmp_path / "instead.c", tmp_path / "instead.so"
    source.write_text(code)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    return subprocess.run([str(brokers.CTL), "restore", "--from", backup, "--conf", broker.directory / "mosquitto.conf"], capture_output=True, text=True,
                          timeout=120, env={**broker.ctl_environment(), "LD_PRELOAD": str(library)})


@pytest.mark.parametrize("moved", [False, True], ids=["before", "behind"])
def test_a_restore_that_dies_when_the_backup_takes_the_stores_place_leaves_the_journal(broker, alice, bob, tmp_path, moved):
    chat = alice.chat_with(bob)
    backup = backs_up(broker)
    alice.says("later", chat=chat)
    broker.stop()
    done = restores_with(broker, backup, tmp_path, DIES % int(moved))
    assert done.returncode == 99, done
    assert broker.journal.exists(), "what knows which store is the right one"
    broker.start()
    assert ("it was restored, or is another one" in broker.log_text()) == moved
    alice.returns()
    assert alice.says("again", chat=chat)["transactionID"] == (2 if moved else 3)


CANNOT_BE_WRITTEN = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
int rename(const char *from, const char *to)
{
	char wal[4096];
	snprintf(wal, sizeof wal, "%s-wal", to);
	return renameat(AT_FDCWD, from, AT_FDCWD, to) != 0 || mkdir(wal, 0700) != 0 ? -1 : 0;
}
"""


def test_a_restore_that_cannot_be_written_down_is_done_and_says_so(broker, alice, bob, tmp_path):
    chat = alice.chat_with(bob)
    alice.says("before", chat=chat)
    backup = backs_up(broker)
    broker.stop()
    done = restores_with(broker, backup, tmp_path, CANNOT_BE_WRITTEN)
    os.rmdir(f"{broker.store}-wal")
    assert done.returncode == 1 and "that it was done could not be written down: " in done.stderr, done
    assert "2 transactions" in done.stdout, done
    broker.start()
    alice.returns()
    assert alice.says("after", chat=chat)["transactionID"] == 3


@pytest.mark.parametrize("work", ["repair", "restore"])
def test_a_broker_does_not_start_while_another_store_is_made_of_its_own(broker, alice, work):
    broker.stop()
    with open(f"{broker.store}.{work.removesuffix('e')}ing", "w") as part:
        fcntl.flock(part, fcntl.LOCK_EX)  # as the tool does as long as it works
        assert f"'hyperchatctl {work}' is at work on it" in broker.fails_to_start()
        assert "is at work on it" in ctl_fails(broker, "revoke", "--store", f"sqlite:{broker.store}", "--user", "alice")
    broker.start()
    alice.returns()


def test_a_damaged_backup_changes_nothing(broker, alice, bob):
    chat = alice.chat_with(bob)
    for number in range(50):
        alice.says("x" * 1000 + str(number), chat=chat)
    backup = backs_up(broker)
    broker.stop()
    with open(backup, "r+b") as file:
        file.seek(os.path.getsize(backup) // 2)
        file.write(b"\xff" * 8192)
    before = broker.store.read_bytes()
    said = ctl_fails(broker, "restore", "--from", backup, "--conf", broker.directory / "mosquitto.conf")
    assert "damaged" in said or "malformed" in said
    assert broker.store.read_bytes() == before and not list(broker.directory.glob("*restor*"))
    assert "is no store" in ctl_fails(broker, "restore", "--from", broker.keys, "--conf", broker.directory / "mosquitto.conf")
    broker.start()


def test_a_restore_that_fails_at_the_end_leaves_no_copy_behind(broker, alice):
    backup = backs_up(broker)
    broker.stop()
    no_journal = broker.directory / "directory"
    no_journal.mkdir()
    assert "directory" in ctl_fails(broker, "restore", "--from", backup, "--store", f"sqlite:{broker.store}", "--journal", no_journal)
    assert not list(broker.directory.glob("*.restoring*"))
    broker.start()


def test_a_backup_is_never_made_over_another_file(broker, alice):
    backup = backs_up(broker)
    before = backup.read_bytes()
    said = ctl_fails(broker, "backup", "--store", f"sqlite:{broker.store}", "--to", backup)
    assert "it is left alone" in said and backup.read_bytes() == before
    assert not list(broker.directory.glob("*.part"))


@pytest.mark.parametrize("make", [lambda part, other: part.symlink_to(other), lambda part, other: os.link(other, part)], ids=["symbolic", "hard"])
def test_a_backup_does_not_go_where_somebody_else_may_read_it(broker, alice, make):
    other = broker.directory / "somebody's"
    other.write_text("as it was")
    make(broker.directory / "backup.db.part", other)
    ctl_fails(broker, "backup", "--store", f"sqlite:{broker.store}", "--to", broker.directory / "backup.db")
    assert other.read_text() == "as it was" and not (broker.directory / "backup.db").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces are for root")
def test_a_broker_in_another_container_is_seen_as_well(broker, alice):
    """There processes have other numbers, or none."""
    done = subprocess.run(["unshare", "--pid", "--fork", str(brokers.CTL), "new-epoch", "--store", f"sqlite:{broker.store}"], capture_output=True, text=True,
                          timeout=120, check=False, env=broker.ctl_environment())
    assert done.returncode == 1 and "a process that cannot be seen from here" in done.stderr, done


def test_what_was_acknowledged_is_decided_on_the_backup_where_that_is_wanted(broker, alice, bob):
    chat = alice.chat_with(bob)  # so the store knows both
    backup = backs_up(broker)
    broker.stop()
    restores(broker, backup, "--keep-journal")
    assert broker.journal.exists() and not list(broker.directory.glob("journal.before*"))
    broker.start()
    assert "it was restored, or is another one" in broker.log_text()
    alice.returns()
    assert alice.chat_with(bob) == chat


@pytest.fixture
def apps(broker, tmp_path):
    if not MODULES.exists():
        pytest.skip("MQTT.js is missing: run scripts/get-mqtt-js")
    apps = [App(broker, name, tmp_path, broker.port) for name in ("alice", "bob")]
    yield apps
    for app in apps:
        app.is_killed()


def test_clients_notice_a_restored_store_and_fetch_anew(broker, apps):
    alice, bob = apps
    bob.is_told("online")
    chat = broker.person("alice", "laptop").chat_with("bob")
    alice.does("send", {"user": "bob"}, "before")
    bob.until(lambda: "before" in str(bob.history(chat)["messages"]), "what was said before")
    backup = backs_up(broker)
    alice.does("send", {"user": "bob"}, "lost")
    bob.until(lambda: "lost" in str(bob.history(chat)["messages"]), "what will be lost")
    broker.stop()
    restores(broker, backup)
    broker.start()
    alice.does("send", {"user": "bob"}, "after")
    for app in apps:
        app.until(lambda app=app: shown(app.history(chat)) == stored(broker, chat) and "after" in str(app.history(chat)), "what the store has")
        assert "lost" not in str(app.history(chat)["messages"])


# ---- a store that is behind ----

def is_copied_without_its_wal(broker):
    """As somebody does who copies a file."""
    other = broker.directory / "copied.db"
    shutil.copy(broker.store, other)
    for name in ("", "-wal", "-shm"):
        broker.store.with_name(f"chat.db{name}").unlink(missing_ok=True)
    shutil.move(other, broker.store)


def test_a_store_that_lost_its_wal_is_noticed(broker, alice, bob):
    chat = alice.chat_with(bob)
    broker.restart()  # all is in the file
    alice.returns()
    epoch = alice.asks("getServerInfo")["epoch"]
    alice.says("in the WAL", chat=chat)
    broker.kill9()
    is_copied_without_its_wal(broker)
    said = broker.fails_to_start()
    assert "the store is older than what was stored last" in said and "hyperchatctl new-epoch" in said
    assert f"(before: {epoch})" in broker.ctl("new-epoch", "--store", f"sqlite:{broker.store}")
    broker.start()
    assert f"the journal knows {epoch}: it was restored, or is another one" in broker.log_text()
    alice.returns()
    assert alice.asks("getServerInfo")["epoch"] != epoch
    assert alice.says("again", chat=chat)["transactionID"] == 2
    broker.restart()


def test_a_backup_that_was_put_there_by_hand_needs_an_epoch(broker, alice, bob):
    chat = alice.chat_with(bob)
    backup = backs_up(broker)
    alice.says("later", chat=chat)
    broker.stop()
    shutil.copy(backup, broker.store)
    assert "the store is older than what was stored last" in broker.fails_to_start()
    broker.ctl("new-epoch", "--store", f"sqlite:{broker.store}")
    broker.start()


def test_a_store_that_is_as_it_was_is_opened_after_any_end(broker, alice, bob):
    chat = alice.chat_with(bob)
    for number in range(3):
        alice.says(f"{number}", chat=chat)
        if number % 2:
            broker.kill9()
        else:
            broker.stop()
        broker.start()
        alice.returns()
    assert "the journal knows" not in broker.log_text()
