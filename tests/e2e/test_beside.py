# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Others who decide beside the chat (`outside defer`): Mosquitto's dynamic-security plugin, its ACL and password files, and a plugin with an AUTH method.
What is below the prefix is the chat's, whatever they say; the rest is theirs, for users of the chat as well. Mosquitto asks plugins in the order of
their lines and takes the first answer, so the chat's has to come first: what holds, and what does not, when it comes second is told here too."""
import base64
import hashlib
import json
import os

import auth_plugin
import broker as brokers
import mqtt
import pytest

pytestmark = pytest.mark.host

ITERATIONS = 101


def dynamic_security(broker):
    """Where the stock version has its plugin."""
    places = [brokers.ROOT / f"build/brokers/{broker.version}/usr/lib", brokers.pathlib.Path("/usr/lib")]
    found = [file for place in places[:1 if broker.version != "system" else 2] for file in place.glob("*/mosquitto_dynamic_security.so")]
    if not found:
        pytest.skip("this Mosquitto has no dynamic-security plugin")
    return found[0]


def hashed(password):
    salt = os.urandom(12)
    return {"password": base64.b64encode(hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)).decode(),
            "salt": base64.b64encode(salt).decode(), "iterations": ITERATIONS}


def role(name, *filters):
    """May do everything with topics that match."""
    kinds = ("publishClientSend", "publishClientReceive", "subscribePattern", "unsubscribePattern")
    return {"rolename": name, "acls": [{"acltype": kind, "topic": topic, "priority": 0, "allow": True} for topic in filters for kind in kinds]}


def client(name, password, *roles):
    return {"username": name, **hashed(password), "roles": [{"rolename": role} for role in roles]}


def names_its_clients(broker):
    """meter may use sensors/… and, if it were asked, all of the chat; alice, who comes by token, may use news/…."""
    file = broker.directory / "dynamic-security.json"
    file.write_text(json.dumps({
        "defaultACLAccess": {"publishClientSend": False, "publishClientReceive": False, "subscribe": False, "unsubscribe": False},
        "clients": [client("meter", "kilowatts", "sensing"), client("alice", "not her token", "reading")],
        "groups": [], "roles": [role("sensing", "sensors/#", "hc/#"), role("reading", "news/#")]}))
    file.chmod(0o600)
    return [f"plugin {dynamic_security(broker)}", f"plugin_opt_config_file {file}"]


@pytest.fixture
def behind(idle_broker):
    """A broker that asks dynamic-security first."""
    idle_broker.listener_lines += names_its_clients(idle_broker)
    return idle_broker.start()


@pytest.fixture(params=["dynamic-security", "files"])
def shared(request, idle_broker):
    """A broker whose other decider knows meter (password kilowatts, sensors/# and hc/#) and alice (news/#)."""
    if request.param == "dynamic-security":
        idle_broker.bottom_lines += names_its_clients(idle_broker)
    else:
        passwords, acl = idle_broker.directory / "passwords", idle_broker.directory / "acl"
        salted = hashed("kilowatts")
        passwords.write_text(f"meter:$7${ITERATIONS}${salted['salt']}${salted['password']}\n")
        acl.write_text("topic readwrite hc/#\nuser meter\ntopic readwrite sensors/#\ntopic readwrite hc/#\nuser alice\ntopic readwrite news/#\n")
        for file in (passwords, acl):
            file.chmod(0o600)
        idle_broker.listener_lines += [f"password_file {passwords}", f"acl_file {acl}"]
    return idle_broker.start()


def meter(broker, client_id="meter-1", password="kilowatts"):
    return mqtt.Client(broker.port, client_id, version=mqtt.V5, username="meter", password=password)


def is_told_everything(listener, topic, payload):
    listener.ping()
    assert [(message.topic, message.payload) for message in listener.messages] == [(topic, payload)]


def test_who_is_known_to_the_others_gets_in_by_them_and_may_what_they_say(shared):
    listener, writer = meter(shared, "meter-1"), meter(shared, "meter-2")
    assert listener.subscribe("sensors/#") == [1]
    assert writer.publish_acked("sensors/one", b"230 V") == 0
    is_told_everything(listener, "sensors/one", b"230 V")
    assert writer.publish_acked("elsewhere", b"?") == 0x87
    for password in ("watts", None):
        with pytest.raises(mqtt.Refused):
            meter(shared, "meter-3", password=password)


def test_unsubscribing_is_theirs_as_well(shared):
    """An ACL file lets everybody."""
    known_to_files = shared.bottom_lines == []
    stranger = meter(shared)
    assert stranger.subscribe("sensors/#") == [1]
    assert stranger.unsubscribe("sensors/#") == [0]
    assert stranger.unsubscribe("elsewhere")[0] == (0x11 if known_to_files else 0x87)


def test_who_has_a_token_talks_whatever_the_others_say_of_the_chat(shared):
    alice, bob = shared.person("alice"), shared.person("bob", version=mqtt.V5)
    alice.says("hello", to="bob")
    bob.hears("hello")
    assert alice.asks("getChatUserID")["userID"] == "alice"


def test_outside_the_chat_the_others_decide_about_its_users_as_well(shared):
    alice, bob = shared.person("alice", version=mqtt.V5), shared.person("bob", version=mqtt.V5)
    assert alice.client.subscribe("news/#") == [1]
    bob.client.subscribe("news/#")  # granted by an ACL file, which asks once more for each message
    assert bob.client.publish_acked("news/today", b"no") == 0x87
    assert alice.client.publish_acked("news/today", b"yes") == 0
    assert alice.client.next_message("news/today").payload == b"yes"
    assert alice.client.publish_acked("sensors/one", b"0 V") == 0x87
    bob.client.ping()
    assert not [message for message in bob.client.messages if message.topic == "news/today"]


def test_what_the_others_say_of_the_prefix_counts_for_nothing(shared):
    """They give all of it to meter, and the ACL file to everybody."""
    alice, bob = shared.person("alice"), shared.person("bob")
    stranger = meter(shared)
    for topic_filter in ("hc/#", "hc/me/inbox", "hc/user/bob/#"):
        assert stranger.subscribe(topic_filter)[0] >= 0x80
    stranger.publish("hc/user/bob/text/1", b"a forged one", qos=0)
    stranger.publish("hc/me/inbox", b"{}", qos=0)
    assert stranger.subscribe("sensors/#") == [1], "it is still connected"
    alice.says("a true one", to="bob")
    bob.hears("a true one")
    assert bob.heard() == ["a true one"] and stranger.messages == []


def test_a_name_of_theirs_is_nothing_beside_a_token_of_somebody_else(shared):
    with pytest.raises(mqtt.Refused):
        mqtt.Client(shared.port, "alice/phone", version=mqtt.V5, username="meter", password=shared.token("alice"))


# ---- methods of AUTH ----

@pytest.fixture
def with_friends(idle_broker, tmp_path):
    idle_broker.bottom_lines.append(auth_plugin.line(tmp_path))
    return idle_broker


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("name", ["alice/phone", "one-of-alices"])
def test_who_comes_by_the_auth_of_another_plugin_pushes_no_user_out_of_his_client_id(with_friends, name, at_once):
    friend = auth_plugin.knocks(with_friends.start().port, name, at_once)
    alice = with_friends.client(name, "alice")
    auth_plugin.goes_on(friend)
    with pytest.raises(mqtt.Refused) as refused:
        friend.read_connack()
    assert refused.value.code == 0x87
    alice.ping()


@pytest.mark.parametrize("at_once", [True, False])
def test_under_a_client_id_that_no_user_has_another_plugin_lets_in_by_auth_whom_it_will(with_friends, at_once):
    friend = auth_plugin.knocks(with_friends.start().port, "a-friend", at_once)
    auth_plugin.goes_on(friend)
    friend.read_connack()
    friend.ping()
    friend.at_once = False
    friend.send(mqtt.packet(mqtt.AUTH, 0, b"\x19" + mqtt.properties({"authentication_method": "FRIEND", "authentication_data": "again"})))
    friend.wait(lambda: any(kind == mqtt.AUTH for kind, _ in friend.others), "AUTH")


def test_where_logins_from_outside_are_denied_no_method_of_another_plugin_lets_anybody_in(with_friends):
    with_friends.options["outside"] = "deny"
    friend = auth_plugin.knocks(with_friends.start().port, "a-friend", at_once=True)
    auth_plugin.goes_on(friend)
    with pytest.raises(mqtt.Refused):
        friend.read_connack()


# ---- the wrong order ----

def test_behind_another_plugin_who_is_not_known_to_it_talks_all_the_same(behind):
    bob, carol = behind.person("bob"), behind.person("carol")
    bob.says("hello", to="carol")
    carol.hears("hello")


def test_behind_another_plugin_a_name_of_its_own_gets_in_by_its_password_only(behind):
    with pytest.raises(mqtt.Refused):
        behind.person("alice")


def test_behind_another_plugin_nobody_reads_or_forges_what_it_gives_away(behind):
    """Subscribing is granted there, and nothing comes: what the chat delivers goes to a connection, what it is told stays in it."""
    bob, carol = behind.person("bob"), behind.person("carol")
    stranger = meter(behind)
    assert stranger.subscribe("hc/#") == [1]
    for topic in ("hc/user/bob/text/1", "hc/me/inbox"):
        stranger.publish(topic, b"a forged one", qos=0)
    stranger.ping()
    carol.says("a true one", to="bob")
    bob.hears("a true one")
    assert bob.heard() == ["a true one"]
    assert bob.elsewhere == [] and len(bob.packets) == len({packet.payload for packet in bob.packets})
    stranger.ping()
    assert stranger.messages == []
