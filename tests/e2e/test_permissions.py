# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Who may do what with topics: under the prefix, around it, and beside other access control."""
import mqtt
import pytest

pytestmark = pytest.mark.host

VERSIONS = [mqtt.V311, mqtt.V5]
NOBODYS_CHAT = "A" * 22

MAY_SUBSCRIBE = ["hc/me/#", "hc/me/inbox", "hc/me/+", "hc/me/text/#", "hc/me/text/+/+", f"hc/me/text/{NOBODYS_CHAT}/#", "hc/me/ack/#", "hc/me/ack/+",
                 "hc/me/ack/a1", "hc/me/reply/#", "hc/me/reply/7", "hc/me/live"]
NOBODY_SUBSCRIBES = ["#", "+/#", "hc/#", "hc/+/inbox", "+/me/inbox", "+/+/+", "+/+/#", "+/me/#", "$share/g/+/#", "hc/+", "hc/chat/#", "hc/chat/+/events", f"hc/chat/{NOBODYS_CHAT}/#",
                     f"hc/chat/{NOBODYS_CHAT}/send", f"hc/chat/{NOBODYS_CHAT}/text", "hc/user/alice/send",
                     "hc/user/#", "hc/rpc/#", "hc/rpc/ListChats/1", "hc", "hc/", "hc/me", "$share/g/hc/me/inbox", "$share/g/hc/#", "$share/g/#",
                     "$share/g/hc/chat/+/events", "$hc", "$hc/#"]
NOBODY_PUBLISHES = ["hc", "hc/", "hc/me/inbox", "hc/me/live", "hc/me/ack/a1", "hc/me/reply/1", "hc/me/text/c/s", "hc/me", "hc/x", "hc/chat",
                    f"hc/chat/{NOBODYS_CHAT}/events", f"hc/chat/{NOBODYS_CHAT}", f"hc/chat/{NOBODYS_CHAT}/send/a/b", "hc//x", "hc/user/bob", "hc/rpc",
                    "$hc", "$hc/x"]


def may_subscribe(client, topic_filter):
    try:
        return client.subscribe(topic_filter)[0] < 0x80
    except mqtt.Closed:
        return False


@pytest.mark.parametrize("version", VERSIONS)
def test_everybody_may_subscribe_to_what_is_his(broker, version):
    client = broker.client("alice/phone", "alice", version=version)
    assert [f for f in MAY_SUBSCRIBE if not may_subscribe(client, f)] == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("outside", ["defer", "allow"])
def test_nobody_may_subscribe_to_more(idle_broker, version, outside):
    idle_broker.options["outside"] = outside
    broker = idle_broker.start()
    allowed = []
    for topic_filter in NOBODY_SUBSCRIBES:
        client = broker.client("mosq-1", "alice", version=version)
        if may_subscribe(client, topic_filter):
            allowed.append(topic_filter)
        client.close()
    assert allowed == []


@pytest.mark.parametrize("outside", ["defer", "allow"])
def test_nobody_may_publish_elsewhere_below_the_prefix(idle_broker, outside):
    idle_broker.options["outside"] = outside
    broker = idle_broker.start()
    bob, alice = broker.person("bob"), broker.person("alice", version=mqtt.V5)
    alice.says("hi", to=bob)
    accepted = []
    for topic in NOBODY_PUBLISHES:
        try:
            if alice.publishes(topic.removeprefix("hc/") if topic.startswith("hc/") else topic, "x", qos=1) < 0x80 and topic.startswith("hc/"):
                accepted.append(topic)
        except mqtt.Closed:
            alice.returns()
    alice.says("end", to=bob)
    bob.hears("hi", "end")
    assert accepted == []
    assert bob.elsewhere == [] and all(t["type"] != "x" for t in bob.inbox)


def test_mqtt_3_is_told_on_ack_what_was_refused(alice):
    alice.publishes(f"chat/{NOBODYS_CHAT}/send/a1", {"body": "hi"})
    alice.is_refused("forbidden", "a1")


def test_mqtt_5_is_told_by_reason_code_too(broker):
    alice = broker.person("alice", version=mqtt.V5)
    assert alice.publishes(f"chat/{NOBODYS_CHAT}/send/a1", {"bdy": "hi"}) >= 0x80
    alice.is_refused("bad_request", "a1")


# ---- chats ----

def test_strangers_missing_chats_and_unknown_people_look_alike(alice, bob, carol, chat):
    errors = []
    for topic in (f"chat/{chat}/send/a1", f"chat/{NOBODYS_CHAT}/send/a2", "chat/nosuchroom/send/a3", "user/nobody/send/a4"):
        carol.publishes(topic, {"body": "hi"})
        errors.append(carol.is_refused("forbidden", topic[-2:]))
    assert all(error == errors[0] for error in errors)
    alice.says("end", chat=chat)
    bob.hears("end")
    assert bob.heard() == ["end"]


def test_a_user_who_never_connected_cannot_be_written_to(broker, alice):
    alice.sends("hi", to="dave", id="a1")
    alice.is_refused("forbidden", "a1")
    broker.person("dave")
    alice.says("hi", to="dave")


def test_members_may_watch_a_chats_events(broker, alice, bob, chat):
    assert bob.client.subscribe(f"hc/chat/{chat}/events") == [1]
    alice.says("hi", chat=chat)
    bob.until(lambda: any(t.get("body") == "hi" for t in bob.events), "the event")


@pytest.mark.sqlite
def test_who_asks_for_events_that_a_damaged_store_cannot_tell_of_is_told_and_so_is_the_log(idle_broker):
    broker = idle_broker.start()
    alice = broker.person("alice")
    chat = alice.chat_with(broker.person("bob"))
    broker.stop()
    broker.damages("member")
    broker.start()
    alice.connects(subscribes=False)
    alice.client.subscribe("hc/me/ack/#")
    alice.client.subscribe(f"hc/chat/{chat}/events")
    alice.is_refused("unavailable")
    broker.has_logged("the store is damaged")


def asks_for_events(person, chat):
    """What he learns: the SUBACK's code, and then the error."""
    granted = person.client.subscribe(f"hc/chat/{chat}/events")
    assert not person.client.messages, "an error, ahead of the SUBACK"
    return granted, person.gets_ack()


@pytest.mark.parametrize("in_memory", [True, False])
def test_who_watches_a_chat_that_is_not_his_learns_nothing_of_it_and_not_whether_it_exists(broker, alice, bob, carol, chat, in_memory):
    alice.says("before", chat=chat)
    if not in_memory:
        broker.restart()
        carol.returns()
    answers = [asks_for_events(carol, asked) for asked in (chat, NOBODYS_CHAT, chat, NOBODYS_CHAT)]
    assert answers[0][0] == [1] and answers[0][1]["error"]["code"] == "forbidden"
    assert all(answer == answers[0] for answer in answers)
    if not in_memory:
        alice.returns()
        bob.returns()
    assert bob.client.subscribe(f"hc/chat/{chat}/events") == [1]
    alice.says("hi", chat=chat)
    bob.until(lambda: any(t.get("body") == "hi" for t in bob.events), "the event")
    assert carol.is_up_to_date().events == []


def test_asking_for_the_events_of_a_strangers_chat_costs_the_same_as_of_one_that_does_not_exist(idle_broker):
    idle_broker.set_limits(commands_per_second=1, commands_burst=5)
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)

    def outcomes(stranger, asked):
        return [(stranger.client.subscribe(f"hc/chat/{asked}/events"), stranger.gets_ack()["error"]["code"]) for _ in range(7)]
    assert outcomes(broker.person("carol"), chat) == outcomes(broker.person("dave"), NOBODYS_CHAT)


def test_a_member_may_watch_a_chat_that_is_not_in_memory(broker, alice, bob, chat):
    broker.restart()
    bob.returns()
    assert bob.client.subscribe(f"hc/chat/{chat}/events") == [1]
    alice.returns()
    alice.says("hi", chat=chat)
    bob.until(lambda: any(t.get("body") == "hi" for t in bob.events), "the event")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_filter_too_short_for_any_topic_of_the_chat_is_not_its_business(idle_broker, version):
    idle_broker.options["outside"] = "allow"
    idle_broker.anonymous = True
    broker = idle_broker.start()
    neighbour, alice = broker.client("neighbour", version=version, username=None, password=None), broker.client("mosq-1", "alice", version=version)
    for client in (neighbour, alice):
        assert [f for f in ("+", "+/+", "+/state", "+/", "$share/g/+/state") if not may_subscribe(client, f)] == []
    neighbour.publish_acked("lamp/state", "on")
    assert {message.topic for message in (neighbour.next_message(), alice.next_message())} == {"lamp/state"}


def test_a_message_is_shown_to_nobody_as_it_came_in(idle_broker):
    """The PUBLISH is taken out: even a filter that covers everything outside shows nothing of it."""
    idle_broker.options["outside"] = "allow"
    broker = idle_broker.start()
    watcher, alice, bob = broker.person("carol"), broker.person("alice"), broker.person("bob")
    for topic_filter in ("+", "+/+", "$SYS/#", "other/#"):
        may_subscribe(watcher.client, topic_filter)
    alice.says("secret", to=bob)
    bob.hears("secret")
    watcher.is_up_to_date()
    assert watcher.inbox == [] and not any(b"secret" in message.payload for message in watcher.elsewhere)


# ---- retained, wills ----

@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_retained_is_refused(broker, bob, version, qos):
    alice = broker.person("alice", version=version)
    try:
        alice.publishes("user/bob/send/a1", {"body": "kept"}, qos=qos, retain=True)
    except mqtt.Closed:
        alice.returns()
    alice.says("end", to=bob)
    bob.hears("end")
    assert bob.heard() == ["end"]
    later = broker.person("bob", "later")
    later.is_up_to_date()
    assert not any(packet.retain for packet in later.packets + later.elsewhere)


@pytest.mark.parametrize("topic", ["hc/me/inbox", "hc/me/live", "hc/user/bob/text", "hc/chat/{chat}/text", "hc/chat/{chat}/send", "hc/rpc/sendMessage/1", "hc/chat/{chat}/events", "$hc"])
@pytest.mark.parametrize("retain", [False, True])
def test_a_will_reaches_nobody(broker, alice, bob, chat, topic, retain):
    bob.client.subscribe(f"hc/chat/{chat}/events")
    try:
        doomed = broker.client("alice/doomed", "alice", will=(topic.format(chat=chat), '{"type":"message","body":"will"}', 1, retain))
        broker.expects_line("alice/doomed", doomed.close)
    except (mqtt.Refused, mqtt.Closed):
        pass # to refuse the CONNECT is as good
    alice.says("end", chat=chat)
    bob.hears("end")
    bob.until(lambda: any(t.get("body") == "end" for t in bob.events), "the event")
    assert bob.heard() == ["end"] and bob.elsewhere == []
    assert not any(event.get("body") == "will" for event in bob.events + bob.live)
    later = broker.person("bob", "later")
    later.client.subscribe(f"hc/chat/{chat}/events")
    assert not any(packet.retain for packet in later.is_up_to_date().packets + later.elsewhere) and later.events == []


# ---- outside the prefix ----

def goes_through(broker, topic):
    client = broker.client("mosq-1", "alice", version=mqtt.V5)
    granted = client.subscribe(topic)[0] < 0x80
    published = client.publish_acked(topic, "x") < 0x80
    if granted and published:
        assert client.next_message(topic).payload == b"x"
    client.close()
    return granted, published


@pytest.mark.parametrize("outside, expected", [("allow", (True, True)), ("deny", (False, False))])
def test_outside_topics_are_allowed_or_denied(idle_broker, outside, expected):
    idle_broker.options["outside"] = outside
    broker = idle_broker.start()
    assert goes_through(broker, "plant/temperature") == expected
    assert goes_through(broker, "hcx/temperature") == expected


def test_outside_topics_are_left_to_an_acl_file(idle_broker):
    acl = idle_broker.directory / "acl"
    acl.write_text("pattern readwrite open/#\npattern readwrite own/%u/#\n")
    idle_broker.top_lines = [f"acl_file {acl}"]
    broker = idle_broker.start()
    assert goes_through(broker, "open/x") == (True, True)
    assert goes_through(broker, "own/alice/x") == (True, True)
    assert goes_through(broker, "own/bob/x")[1] is False
    assert goes_through(broker, "closed/x")[1] is False
    alice, bob = broker.person("alice"), broker.person("bob")
    alice.says("hi", to=bob)
    bob.hears("hi")


def test_an_acl_file_opens_nothing_below_the_prefix(idle_broker):
    acl = idle_broker.directory / "acl"
    acl.write_text("pattern readwrite #\npattern readwrite hc/#\nuser alice\ntopic readwrite hc/#\n")
    idle_broker.top_lines = [f"acl_file {acl}"]
    broker = idle_broker.start()
    for topic_filter in ("hc/#", "#", "hc/chat/+/events", "$share/g/hc/#"):
        assert not may_subscribe(broker.client("mosq-1", "alice"), topic_filter)


@pytest.mark.parametrize("client_id", ["alice/phone", "alice", "mosq-1"])
def test_acl_patterns_with_client_ids(idle_broker, client_id):
    """%c works on 2.0 as always; 2.1 does not match it with a '/', which the start says."""
    acl = idle_broker.directory / "acl"
    acl.write_text("pattern readwrite device/%c/#\npattern readwrite user/%u/#\n")
    idle_broker.top_lines = [f"acl_file {acl}"]
    broker = idle_broker.start()
    client = broker.client(client_id, "alice", version=mqtt.V5)
    works = client.publish_acked(f"device/{client_id}/x", "1") < 0x80
    is_2_1 = broker.version.startswith("2.1")
    assert works == ("/" not in client_id or not is_2_1)
    assert client.publish_acked("device/bob/phone/x", "1") >= 0x80
    assert client.publish_acked("user/alice/x", "1") < 0x80
    assert client.publish_acked("user/bob/x", "1") >= 0x80
    assert ("%c" in broker.log_text()) == is_2_1


def test_everybody_hears_nothing_from_the_sink(idle_broker):
    """What was taken is rewritten to a topic that no filter reaches, not even where everything else is open."""
    idle_broker.options["outside"] = "allow"
    broker = idle_broker.start()
    alice, bob = broker.person("alice"), broker.person("bob")
    listeners = []
    for topic_filter in ("#", "+", "+/#", "$hc", "$hc/#", "$+", "$SYS/#", "$share/g/$hc", "$share/g/+", "/#", "+/+"):
        for version in VERSIONS:
            listener = broker.client(f"mosq-{len(listeners)}", "carol", version=version)
            may_subscribe(listener, topic_filter)
            listeners.append(listener)
    for qos in (0, 1, 2):
        alice.sends(f"secret {qos}", to=bob, qos=qos)
    alice.publishes("user/bob/text", "secret text")
    bob.hears("secret 0", "secret 1", "secret 2", "secret text")
    for listener in listeners:
        try:
            listener.ping()
        except mqtt.Closed:
            pass
        assert not [message for message in listener.messages if b"secret" in message.payload or message.topic == "$hc"]


@pytest.mark.parametrize("qos", [1, 2])
def test_mqtt_5_is_told_why_by_reason_code(broker, bob, carol, qos):
    alice = broker.person("alice", version=mqtt.V5)
    chat = alice.chat_with(bob)
    assert alice.publishes(f"chat/{chat}/text", "hi", qos=qos) == {1: 0x10, 2: 0}[qos]
    for topic, payload in ((f"chat/{chat}/send", "{}"), (f"chat/{chat}/text", b"\xff"), (f"chat/{chat}/text", "x" * 20000), ("me/inbox", "x"),
                           ("rpc/getServerInfo", "{}"), ("rpc/nothing/1", "{}"), (f"chat/{chat}/typing", "yes"), ("nonsense", "x")):
        assert alice.publishes(topic, payload, qos=qos) == 0x87, topic
    alice.says("end", chat=chat)
    bob.hears("hi", "end")
    assert bob.heard() == ["hi", "end"]


def test_another_prefix_moves_everything(idle_broker):
    idle_broker.options["prefix"] = "chat2"
    broker = idle_broker.start()
    client = broker.client("alice/phone", "alice")
    assert client.subscribe("chat2/me/#") == [1]
    assert client.subscribe("hc/me/#")[0] >= 0x80
    client.publish_acked("chat2/rpc/getChatUserID/1", "{}")
    assert b'"alice"' in client.next_message("chat2/me/reply/1").payload
