# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Administration of a running broker on $CONTROL/hyperchat/v1: who may, what it does, and what is written down of it."""
import contextlib
import json
import re
import sqlite3
import subprocess
import time

import broker as brokers
import mqtt
import provider
import pytest
from devices import tokens_told
from operator_desk import TOPIC, OperatorDesk
from waiting import soon

pytestmark = pytest.mark.host


@pytest.fixture
def manned(idle_broker):
    """A broker with an operator, olga."""
    idle_broker.options |= {"operators": "root,olga", "operator_claim": "roles", "operator_role": "chat-admin"}
    return idle_broker.start()


@pytest.fixture
def desk(manned):
    return OperatorDesk(manned)


def is_refused(broker, user, version=mqtt.V5, **claims):
    try:
        broker.client(f"{user}/other", username=user, password=broker.token(user, **claims), version=version).close()
        return False
    except (mqtt.Refused, mqtt.Closed):
        return True


# ---- who may ----

@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
def test_who_is_no_operator_is_refused_and_hears_nothing(manned, desk, version):
    alice = manned.person("alice", version=version)
    for topic in (f"{TOPIC}/response", TOPIC, "$CONTROL/hyperchat/#"):
        assert alice.client.subscribe(topic)[0] >= 0x80, topic
    line = manned.expects_line(r"alice asks for \$CONTROL/hyperchat/v1 and is no operator: refused",
                               lambda: alice.client.publish(TOPIC, b'{"commands":[{"command":"ban","user":"bob"}]}', qos=0))
    assert "hyperchat: " in line
    alice.client.subscribe("$CONTROL/#")
    desk.asks("status")
    alice.is_up_to_date()
    assert not [message for message in alice.client.messages if message.topic.startswith("$CONTROL")]
    assert desk.asks("getUser", user="bob")["banned"] is False


def test_a_role_in_the_token_makes_an_operator(manned):
    token = manned.token("rita", roles=["chat-admin"])
    desk = OperatorDesk(manned, "rita", password=token)
    assert desk.asks("status")["sessions"] == 1


# ---- what arrives ----

@pytest.mark.parametrize("payload, why", [
    (b"", "."), (b"garbage", "."), (b"[]", "."), (b'{"commands":{}}', "commands: an array"), (b'{"commands":[]}', "commands: an array"),
    (b'{"commands":[' + b"{}," * 32 + b"{}]}", "commands: an array"), (b"\xff\x00", "."), (b'{"commands":"' + b"x" * 70000 + b'"}', "at most 65536 bytes"),
    (b'{"commands":' + b"[" * 1000 + b"]" * 1000 + b"}", "."),
], ids=["empty", "no JSON", "an array", "no array", "no command", "33 commands", "no UTF-8", "too long", "too deep"])
def test_garbage_is_answered_with_an_error(desk, payload, why):
    answer = desk.sends(payload)
    assert re.search(why, answer["error"])
    assert desk.asks("status")["sessions"] == 1


@pytest.mark.parametrize("command, why", [
    (7, "command: a text is missing"), ({}, "command: a text is missing"), ({"command": "fly"}, "there is no such command"),
    ({"command": "ban"}, "user is missing"), ({"command": "ban", "user": "a/b"}, "user: a user ID"), ({"command": "ban", "user": 7}, "user: a text"),
    ({"command": "ban", "user": "bob", "why": "x"}, "ban takes no 'why'"), ({"command": "listUsers", "count": -1}, "count: a number from 0 to 1000"),
    ({"command": "status", "correlationData": 7}, "correlationData: a text"), ({"command": "drain", "action": "x"}, "action: one of start, stop, show"),
], ids=range(10))
def test_a_command_that_is_wrong_is_told_what_is_wrong_and_the_others_are_done(desk, command, why):
    responses = desk.sends({"commands": [{"command": "status", "correlationData": "a"}, command, {"command": "status", "correlationData": "b"}]})["responses"]
    assert [response.get("correlationData") for response in responses] in (["a", None, "b"], ["a", 7, "b"])
    assert why in responses[1]["error"]
    assert "data" in responses[0] and "data" in responses[2]


# ---- looking ----

def test_status_tells_how_the_broker_is(manned, desk):
    manned.person("alice")
    status = desk.asks("status")
    assert status["users"] == 2 and status["sessions"] == 2 and status["store"]["takesMessages"] and not status["draining"]
    assert abs(status["startedAt"] - time.time() * 1000) < 60_000
    numbers = desk.asks("metrics")
    assert numbers["sessions"] == 2 and numbers["users"] == 2
    (issuer,) = desk.asks("keys")["issuers"]
    assert issuer["keys"] == ["one"]


def test_who_asks_for_none_gets_none(manned, desk):
    """And not all of them, as some databases would have it."""
    for name in ("bob", "carol"):
        manned.person(name)
    assert desk.asks("listUsers", count=0)["users"] == desk.asks("listUsers", count=0, connected=True)["users"] == []
    desk.asks("kick", user="bob")
    assert desk.asks("listAudit", count=0)["records"] == []


def test_users_are_listed_page_by_page(manned, desk):
    people = [manned.person(f"user-{number}") for number in range(5)]
    for person in people:
        person.is_up_to_date()
    people[3].leaves()
    seen, after = [], None
    while True:
        page = desk.asks("listUsers", count=2, **({"after": after} if after else {}))["users"]
        if not page:
            break
        seen += page
        after = page[-1]["user"]
    assert [user["user"] for user in seen] == ["olga"] + [f"user-{number}" for number in range(5)]
    soon(lambda: [user["user"] for user in desk.asks("listUsers", connected=True, after="user-0")["users"]] == ["user-1", "user-2", "user-4"], "who is there")
    bare = desk.asks("getUser", user="user-1")
    assert bare["exists"] and bare["connections"][0]["clientID"] == "user-1/phone" and bare["connections"][0]["by"] == "sign-on"
    assert not desk.asks("getUser", user="nobody")["exists"]


def test_chats_are_shown_with_their_members(manned, desk):
    alice, bob = manned.person("alice"), manned.person("bob")
    group = alice.makes_group("Friends", bob)
    alice.says("hi", chat=group)
    bob.hears("hi")
    (chat,) = desk.asks("listChats", user="bob")["chats"]
    assert chat["chat"] == group and chat["name"] == "Friends" and chat["role"] == "member"
    shown = desk.asks("getChat", chat=group)
    assert shown["owners"] == ["alice"] and shown["members"] == 2 and shown["kind"] == "group"
    assert [member["role"] for member in desk.asks("listMembers", chat=group)["members"]] == ["owner", "member"]
    first = desk.asks("exportChat", chat=group, count=2)
    rest = desk.asks("exportChat", chat=group, **{"from": first["next"]})
    bodies = [line.get("body") for line in first["transactions"] + rest["transactions"]]
    assert "hi" in bodies and "next" not in rest
    assert desk.is_refused("getChat", chat="nowhere") == "chat: there is no such chat"


# ---- keeping out ----

def test_who_is_kicked_may_come_again(manned, desk):
    alice = manned.person("alice")
    tablet = alice.on("tablet")
    assert desk.asks("kick", user="alice", device="tablet") == {"connections": 1}
    tablet.client.is_closed()
    assert tokens_told(tablet) == [], "his token counts as before"
    alice.is_up_to_date()
    assert not is_refused(manned, "alice")


@pytest.mark.sqlite
def test_a_ban_that_this_broker_has_not_heard_of_can_be_ended(manned, desk):
    with contextlib.closing(sqlite3.connect(manned.store)) as store:
        store.execute("INSERT INTO revocation VALUES ('alice', 253370764799000)")
        store.commit()
        desk.asks("unban", user="alice")
        assert store.execute("SELECT at FROM revocation").fetchone()[0] < time.time() * 1000 + 1
    assert "not banned" in desk.is_refused("unban", user="alice")


def test_who_is_banned_is_cut_off_and_kept_out_until_he_is_unbanned(manned, desk):
    alice = manned.person("alice")
    line = manned.expects_line("audit by=olga command=ban user=alice result=ok", lambda: desk.asks("ban", user="alice"))
    assert line
    alice.client.is_closed()
    assert tokens_told(alice) == ["tokenExpired"]
    time.sleep(1.1)  # a token of another second than the ban's
    assert is_refused(manned, "alice", iat=int(time.time()))
    assert desk.asks("getUser", user="alice")["banned"]
    manned.restart()
    assert is_refused(manned, "alice", iat=int(time.time()))
    desk = OperatorDesk(manned)
    desk.asks("unban", user="alice")
    assert "not banned" in desk.is_refused("unban", user="alice")
    soon(lambda: not is_refused(manned, "alice", iat=int(time.time())), "she gets in again")
    assert is_refused(manned, "alice", iat=int(time.time()) - 60), "a token from before is worth nothing"
    assert not desk.asks("getUser", user="alice")["banned"]


@pytest.mark.parametrize("before", ["", "x"])
def test_a_refusal_that_ends_in_half_a_character_is_one_all_the_same(desk, before):
    assert desk.is_refused("kick", user="bob", **{before + "ü" * 200: "x"})


def test_nobody_bans_himself(desk):
    assert "himself" in desk.is_refused("ban", user="olga")


# ---- chats ----

def test_an_operator_makes_a_room_and_takes_somebody_out_of_it(manned, desk):
    alice, bob = manned.person("alice"), manned.person("bob")
    bob.is_up_to_date()
    assert desk.asks("createRoom", chat="ops-alerts", owner="alice", name="Alerts", history="all")["chatID"] == "ops-alerts"
    assert "error" not in desk.sends({"commands": [{"command": "status"}]})
    assert desk.is_refused("createRoom", chat="ops-alerts", owner="alice", name="Alerts").startswith("id_reused")
    alice.adds(bob, to="ops-alerts")
    alice.says("look", chat="ops-alerts")
    bob.hears("look")
    desk.asks("removeMember", chat="ops-alerts", user="bob")
    soon(lambda: [member["user"] for member in desk.asks("listMembers", chat="ops-alerts")["members"]] == ["alice"], "bob is out")
    assert desk.is_refused("removeMember", chat="ops-alerts", user="carol").startswith("forbidden")


def test_a_message_and_an_account_are_erased(manned, desk):
    alice, bob = manned.person("alice"), manned.person("bob")
    chat = alice.chat_with(bob)
    alice.says("a secret", chat=chat)
    event = bob.hears("a secret")
    number = bob.numbers(chat)[-1]
    desk.asks("eraseMessage", chat=chat, message=number)
    assert "a secret" not in json.dumps(desk.asks("exportChat", chat=chat)), event
    assert "no such message" in desk.is_refused("eraseMessage", chat=chat, message=1000)
    desk.asks("eraseAccount", user="alice")
    alice.client.is_closed()
    assert desk.asks("getUser", user="alice")["exists"] is False
    assert "no such account" in desk.is_refused("eraseAccount", user="nobody")


def test_a_message_of_who_left_is_erased_by_an_admin_who_sees_it(manned, desk):
    """And not by one who came later, whatever their names are."""
    zoe, bob, anna = manned.person("zoe"), manned.person("bob"), manned.person("anna")
    chat = zoe.makes_group("Friends", bob)
    bob.says("a secret", chat=chat)
    zoe.hears("a secret")
    number = zoe.numbers(chat)[-1]
    zoe.removes(bob, chat)
    zoe.adds(anna, to=chat)
    zoe.asks("setRole", groupID=chat, userID="anna", role="admin")
    desk.asks("eraseMessage", chat=chat, message=number)
    assert "a secret" not in json.dumps(desk.asks("exportChat", chat=chat))


def test_one_answer_holds_of_chats_what_the_broker_writes_in_a_moment(manned, desk):
    alice, bob = manned.person("alice"), manned.person("bob")
    chat = alice.chat_with(bob)
    for _ in range(40):
        alice.says("x" * 16_000, chat=chat)
    first, *others = desk.sends({"commands": [{"command": "exportChat", "chat": chat, "count": 1000}] * 32})["responses"]
    shown = sum(len(json.dumps(response)) for response in (first, *others))
    assert 500_000 < shown < 1_000_000 and "the answer is full" in others[-1]["error"]
    rest = desk.asks("exportChat", chat=chat, count=1000, **{"from": first["data"]["next"]})
    assert len(first["data"]["transactions"]) + len(rest["transactions"]) == rest["latest"] == 41


# ---- drain ----

def test_what_was_acknowledged_before_a_drain_is_stored_when_it_is_drained(manned, desk):
    alice, bob = manned.person("alice"), manned.person("bob")
    chat = alice.chat_with(bob)
    for number in range(200):
        alice.sends(f"message {number}", chat=chat)
    alice.client.ping()  # all of them have arrived
    told = desk.asks("drain")
    assert told["drained"] and told["commands"] == 0 and told["journalRecords"] == 0
    assert is_refused(manned, "carol") and is_refused(manned, "carol", mqtt.V311)
    assert alice.is_denied("unavailable", "createGroupChat", groupName="late", friendIDs=["bob"])
    alice.client.publish(f"hc/chat/{chat}/send/late", b'{"body":"late"}', qos=0)
    alice.is_refused("unavailable", "late")
    alice.client.publish(f"hc/chat/{chat}/send/later", b'{"body":"later"}')
    alice.client.is_closed()  # no PUBACK: she sends it again
    page = desk.asks("exportChat", chat=chat, count=1000)
    assert [line["body"] for line in page["transactions"] if line.get("body")] == [f"message {number}" for number in range(200)]
    again = OperatorDesk(manned, "root")
    soon(lambda: again.asks("drain", action="show")["drained"], "the operator's own login is stored")
    assert again.asks("drain", action="stop")["draining"] is False
    assert not is_refused(manned, "carol")
    alice.returns()
    alice.says("on we go", chat=chat)
    bob.hears("on we go")


def test_a_drained_broker_needs_nothing_of_its_journal_any_more(manned, desk):
    alice, bob = manned.person("alice"), manned.person("bob")
    chat = alice.chat_with(bob)
    for number in range(50):
        alice.sends(f"message {number}", chat=chat)
    alice.client.ping()
    assert desk.asks("drain")["drained"]
    manned.kill9()
    manned.journal.unlink()
    bodies = [line["body"] for line in manned.exported(chat) if line.get("body")]
    assert bodies == [f"message {number}" for number in range(50)]
    manned.start()
    assert not is_refused(manned, "carol"), "a restart ends it"


@pytest.mark.sqlite
def test_a_drain_is_not_over_while_the_store_is_held_up(manned, desk):
    alice, bob = manned.person("alice"), manned.person("bob")
    chat = alice.chat_with(bob)
    alice.says("before", chat=chat)
    with contextlib.closing(sqlite3.connect(manned.store, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        alice.sends("waits", chat=chat)
        alice.client.ping()
        told = desk.asks("drain", timeout=1)
        assert told["draining"] and not told["drained"] and told["journalRecords"] == 1
        holder.execute("ROLLBACK")
    assert desk.asks("drain")["drained"]
    bob.hears("waits")


# ---- what is written down ----

def test_what_an_operator_does_is_written_down_and_what_he_looks_at_is_not(manned, desk):
    desk.asks("ban", user="alice")
    desk.asks("getUser", user="alice")
    desk.is_refused("removeMember", chat="nowhere", user="bob")
    soon(lambda: len(desk.asks("listAudit")["records"]) == 2, "two records")
    last, first = sorted(desk.asks("listAudit")["records"], key=lambda record: record["command"], reverse=True)
    assert first | {"at": 0} == {"at": 0, "who": "olga", "command": "ban", "subject": "alice", "result": "ok"}
    assert last["command"] == "removeMember" and last["subject"] == "nowhere" and last["result"].startswith("forbidden")
    assert json.loads(last["details"]) == {"user": "bob"}


def test_what_is_read_with_hyperchatctl_is_written_down_by_whoever_read_it(broker, alice, bob):
    chat = alice.chat_with(bob)
    broker.ctl("export", "--store", broker.store_uri, "--chat", chat)
    [act] = [json.loads(line) for line in broker.ctl("audit", "list", "--store", broker.store_uri, "--json").splitlines()]
    assert act["who"].startswith("hyperchatctl as ") and (act["command"], act["subject"], act["result"]) == ("export", chat, "ok")
    with pytest.raises(AssertionError, match="there is no chat"):
        broker.ctl("export", "--store", broker.store_uri, "--chat", "nowhere")


# ---- from a shell ----

class Shell:
    """olga's, by hyperchatctl or by mosquitto_ctrl of the broker's version."""

    def __init__(self, broker, program, user="olga"):
        self.broker, self.program, self.token = broker, program, broker.token(user)

    def runs(self, *arguments):
        if self.program == "mosquitto_ctrl":
            return self.broker.mosquitto_ctrl("-p", self.broker.port, "-P", self.token, "hyperchat", *arguments)
        return subprocess.run([str(brokers.CTL), "--broker", "-p", str(self.broker.port), "--pw-file", "-", *map(str, arguments)], input=self.token + "\n",
                              capture_output=True, text=True, timeout=120, env={**self.broker.ctl_environment(), "TZ": "CET-1"})

    def says(self, *arguments):
        done = self.runs(*arguments)
        assert done.returncode == 0, done
        return done.stdout


@pytest.fixture(params=["hyperchatctl", "mosquitto_ctrl"])
def shell(manned, request):
    if request.param == "mosquitto_ctrl" and brokers.sanitizer():
        pytest.skip("mosquitto_ctrl is not instrumented")
    return Shell(manned, request.param)


def test_an_operator_looks_and_acts_from_a_shell(manned, shell):
    alice = manned.person("alice")
    alice.is_up_to_date()
    assert re.search(r"^sessions: 2$", shell.says("status"), re.M)
    assert json.loads(shell.says("--json", "listUsers", "--connected"))["users"][0] == {"user": "alice", "connections": 1}
    assert re.search(r"^alice +1", shell.says("listUsers", "--count", "1"), re.M)
    assert shell.says("ban", "alice") == "done\n"
    alice.client.is_closed()
    assert re.search("^banned: yes$", shell.says("getUser", "alice"), re.M)
    shell.says("unban", "alice")
    shell.says("createRoom", "ops", "alice", "Ops room", "--history", "all")
    assert "name: Ops room" in shell.says("getChat", "ops")
    assert re.search(r"^drained: yes$", shell.says("drain"), re.M)
    assert re.search(r"^draining: no$", shell.says("drain", "stop"), re.M)
    assert "eraseMessage CHAT MESSAGE" in shell.says("help")
    for arguments in (["createRoom", "--help"], ["help", "createRoom"], ["createRoom", "ops", "--help"]):
        said = shell.says(*arguments)
        assert "createRoom CHAT OWNER NAME" in said and "its ID, 1 to 64 bytes" in said and "drain" not in said


def test_a_shell_is_told_why_it_is_refused_and_ends_with_a_number_that_says_so(manned, shell):
    refused = shell.runs("unban", "alice")
    assert refused.returncode == 1 and "user: he is not banned" in refused.stderr and refused.stdout == ""
    for arguments in (["fly"], [], ["ban"], ["ban", "a/b"], ["ban", "a", "b"], ["listUsers", "--count"], ["listUsers", "--fly", "x"],
                      ["listUsers", "alice"]):
        if not arguments and shell.program == "mosquitto_ctrl":
            continue  # its own usage
        misused = shell.runs(*arguments)
        assert misused.returncode == 2 and "Try '" in misused.stderr, arguments
    stranger = Shell(manned, shell.program, "alice").runs("status")
    assert stranger.returncode == 1 and "this user is no operator" in stranger.stderr
    shell.token = "a.b.c"
    assert "refuses the login" in shell.runs("status").stderr


def test_times_are_those_of_the_machine(manned):
    manned.person("alice").is_up_to_date()
    shown = Shell(manned, "hyperchatctl").says("getUser", "alice")
    assert re.search(r"^createdAt: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+01:00$", shown, re.M)


@pytest.mark.parametrize("arguments, code, words", [
    (["--fly", "status"], 2, "'--fly' is no option of the connection"),
    (["-p", "70000", "status"], 2, "--port '70000' is none"),
    (["--pw-file"], 2, "'--pw-file' lacks its value"),
    (["--pw-file", "/nowhere", "status"], 1, "--pw-file /nowhere: No such file or directory"),
    (["--pw-file", "/dev/null", "status"], 1, "--pw-file /dev/null: it is empty"),
])
def test_a_connection_that_cannot_be_meant_is_not_tried(arguments, code, words):
    done = subprocess.run([str(brokers.CTL), "broker", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == code and words in done.stderr and done.stdout == "", done


def test_over_tls_no_broker_gets_the_token_but_the_one_that_is_meant(idle_broker, tmp_path_factory):
    port, authorities = brokers.free_port(), []
    for name in ("ours", "another"):
        directory = tmp_path_factory.mktemp(name)
        authorities.append(provider.make_authority(directory))
        provider.make_certificate(directory, authorities[-1])
    ours, another = authorities
    idle_broker.listener_lines.append(f"listener {port} 127.0.0.1\ncertfile {ours.parent}/server.pem\nkeyfile {ours.parent}/server.key")
    idle_broker.options |= {"operators": "olga"}
    token = idle_broker.start().token("olga") + "\n"

    def asks(*options):
        return subprocess.run([str(brokers.CTL), "broker", "-p", str(port), "--pw-file", "-", *map(str, options), "status"], input=token, capture_output=True,
                              text=True, timeout=60, env=idle_broker.ctl_environment())
    here = ["--cafile", ours, "-h", "127.0.0.1"]  # the name in its certificate
    for options in ([*here, "--tls-version", "tlsv1.3"], ["--cafile", ours, "-h", "localhost", "--insecure"]):
        asked = asks(*options)
        assert asked.returncode == 0 and "sessions:" in asked.stdout, asked
    for options in (["--cafile", ours, "-h", "localhost"], ["--cafile", another, "-h", "127.0.0.1"], ["--cafile", another, "--insecure"],
                    ["--tls-use-os-certs", "-h", "127.0.0.1"], ["--cafile", "/nowhere"], [*here, "--tls-version", "tlsv0"]):
        refused = asks(*options)
        assert refused.returncode == 1 and "hyperchatctl broker: " in refused.stderr and refused.stdout == "", (options, refused)
    assert idle_broker.log_text().count("New client connected") == 2
