# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Devices: their list, their end, and tokens for those that cannot log in at a provider."""
import base64
import json
import re
import sqlite3
import subprocess
import time

import mqtt
import pytest
import tokens
from devices import claims_of, devices_of, has_nothing_but_her_phone, is_cut_off_soon, is_let_in, is_refused, is_told_and_cut_off, kid_of, lamp_token, tokens_told, with_header
from waiting import soon

DAY = 86_400_000


# ---- tokens of devices ----

@pytest.mark.parametrize("version", [mqtt.V311, mqtt.V5])
def test_a_device_logs_in_by_its_token_and_speaks_as_its_user(broker, alice, bob, version):
    lamp = broker.person("alice", "lamp", token=lamp_token(alice), version=version)
    assert lamp.asks("getChatUserID")["deviceID"] == "lamp"
    lamp.says("the door is open", to=bob)
    bob.hears("the door is open", senderID="alice")


def test_what_the_documents_show_works_with_the_clients_that_people_have(broker, bob):
    """docs/sign-on.md, "Devices that cannot log in": a token by mosquitto_rr, then mosquitto_pub with it, and mosquitto_sub with another one."""
    def says(tool, *arguments):
        return subprocess.run([tool, "-h", "127.0.0.1", "-p", str(broker.port), *arguments], capture_output=True, text=True, timeout=30, check=True).stdout

    def token(device):
        answer = says("mosquitto_rr", "-V", "mqttv5", "-i", "alice/laptop", "-u", "alice", "-P", broker.token("alice"), "-t", "hc/rpc/createDeviceToken",
                      "-e", "hc/me/reply/x", "-m", json.dumps({"deviceID": device, "days": 365}))
        return json.loads(answer)["result"]["token"]

    says("mosquitto_pub", "-i", "alice/door", "-u", "alice", "-P", token("door"), "-q", "1", "-t", "hc/user/bob/text/ring-1", "-m", "somebody is at the door")
    bob.hears("somebody is at the door", senderID="alice")
    bell = token("bell")
    listens = ("-i", "alice/bell", "-u", "alice", "-P", bell, "-q", "1", "-c", "-t", "hc/me/text/+/bob")
    says("mosquitto_sub", *listens, "-E")  # it subscribes, and goes
    bob.says("I am coming", to="alice")
    assert says("mosquitto_sub", *listens, "-C", "1") == "I am coming\n"


def test_a_token_says_for_whom_and_until_when(broker, alice):
    before = int(time.time())
    answer = alice.asks("createDeviceToken", deviceID="lamp", days=3)
    claims = claims_of(answer["token"])
    assert claims["iss"] == "hyperchat" and claims["aud"] == tokens.AUDIENCE and claims["sub"] == "alice" and claims["dev"] == "lamp"
    assert before <= claims["iat"] <= time.time() and claims["exp"] == claims["iat"] + 3 * 86400 and answer["expires"] == claims["exp"] * 1000
    again = claims_of(lamp_token(alice))
    assert again["exp"] == again["iat"] + 90 * 86400 and again["jti"] != claims["jti"]


@pytest.mark.parametrize("days", [0, 401, "3"])
def test_nobody_gets_one_for_ever(alice, days):
    alice.is_denied("bad_request", "createDeviceToken", deviceID="lamp", days=days)


@pytest.mark.parametrize("device", ["a/b", "a+", "#", "x" * 65, "a\u0001"])
def test_what_is_no_name_of_a_device_gets_none(alice, device):
    alice.is_denied("bad_request", "createDeviceToken", deviceID=device)


@pytest.mark.parametrize("user", ["a/b", "100%", "x#+y", "é\u0081"])
def test_a_user_with_an_encoded_id_gets_one_too(broker, user):
    encoded = "".join(f"%{byte:02X}" if byte < 0x20 or chr(byte) in "%/+#" or byte in (0xC2, 0x81) else chr(byte)
                      for byte in user.encode()).encode("latin-1").decode() if user != "é\u0081" else "é%C2%81"
    somebody = broker.person(encoded, token=broker.token(user))
    lamp = broker.person(encoded, "lamp", token=lamp_token(somebody))
    assert lamp.asks("getChatUserID")["userID"] == encoded


def test_a_device_without_a_name_has_one_too(broker, alice):
    token = lamp_token(alice, "")
    assert is_let_in(broker, token, "alice") and not is_let_in(broker, token, "alice/phone")


def test_tokens_outlive_the_broker(broker, alice):
    token = lamp_token(alice)
    broker.restart()
    assert is_let_in(broker, token)
    broker.kill9()
    broker.start()
    assert is_let_in(broker, token)


def test_the_token_is_written_nowhere(broker, alice):
    """Neither in the log, nor in the journal, nor in the store, nor in what a tool exports."""
    chat = alice.chat_with(broker.person("bob"))
    token = lamp_token(alice)
    broker.person("alice", "lamp", token=token).is_up_to_date()
    assert token not in json.dumps(broker.exported(chat))
    broker.stop()
    signature = token.split(".")[2].encode()
    for file in broker.directory.rglob("*"):
        assert not file.is_file() or signature not in file.read_bytes(), file


def test_an_issuer_that_is_called_as_the_chat_itself_stops_the_start(idle_broker):
    idle_broker.options["issuer"] = "hyperchat"
    assert "the issuer \"hyperchat\" is the chat itself" in idle_broker.fails_to_start()


# ---- attacks ----

@pytest.mark.parametrize("client_id", ["alice/phone", "alice", "alice/lamp2", "bob/lamp", "lamp", "", "alice/lamp/x"])
def test_it_counts_for_no_other_client_id(broker, alice, client_id):
    token = lamp_token(alice)
    assert not is_let_in(broker, token, client_id)
    assert is_let_in(broker, token)


def test_it_counts_for_no_other_user(broker, alice):
    token = lamp_token(alice)
    assert is_refused(broker, token, username="bob") and is_refused(broker, token, "bob/lamp", "bob")


def test_it_renews_no_other_connection(broker, alice):
    token = lamp_token(alice)
    alice.is_denied("forbidden", "renewToken", token=token)
    other = broker.person("alice", "door", token=lamp_token(alice, "door"))
    other.is_denied("forbidden", "renewToken", token=token)
    ephemeral = broker.client("somebody", user="alice")
    ephemeral.subscribe("hc/me/#")
    ephemeral.publish("hc/rpc/renewToken/1", json.dumps({"token": token}))
    assert b"forbidden" in ephemeral.next_message("hc/me/reply/1").payload
    broker.person("alice", "lamp", token=token).asks("renewToken", token=token)


def test_it_renews_no_other_connection_by_auth(broker, alice):
    token = lamp_token(alice)

    def by_auth(client_id, first):
        return mqtt.Client(broker.port, client_id, version=mqtt.V5, props={"authentication_method": "JWT", "authentication_data": first})

    def auth(client):
        client.send(mqtt.packet(mqtt.AUTH, 0, b"\x19" + mqtt.properties({"authentication_method": "JWT", "authentication_data": token})))

    phone = by_auth("alice/tablet", broker.token("alice"))
    auth(phone)
    phone.is_closed()
    lamp = by_auth("alice/lamp", token)
    auth(lamp)
    lamp.ping()


def test_it_gets_no_other_token(broker, alice):
    lamp = broker.person("alice", "lamp", token=lamp_token(alice))
    for device in ("lamp", "other"):
        lamp.is_denied("forbidden", "createDeviceToken", deviceID=device)
    lamp.asks("renewToken", token=broker.token("alice"))
    assert lamp_token(lamp, "other")
    lamp.asks("renewToken", token=lamp_token(alice))
    lamp.is_denied("forbidden", "createDeviceToken", deviceID="other")


def test_one_that_is_over_is_refused(idle_broker):
    idle_broker.options["leeway"] = 0
    alice = idle_broker.start().person("alice")
    token = lamp_token(alice, days=1)
    claims = claims_of(token) | {"exp": int(time.time()) - 10}
    changed = token.split(".")[0] + "." + tokens.base64url(json.dumps(claims).encode()) + "." + token.split(".")[2]
    assert is_refused(idle_broker, changed)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "HS256", "ES384", "RS256"])
def test_the_header_chooses_no_algorithm(broker, alice, alg):
    token = lamp_token(alice)
    assert not is_let_in(broker, with_header(token, {"alg": alg, "kid": kid_of(token)}))
    assert not is_let_in(broker, with_header(token, {"alg": alg, "typ": "JWT"}))


@pytest.mark.sqlite
def test_the_public_key_is_no_secret(broker, alice):
    """HS256 by what everybody may know of the key, in the forms in which libraries have taken it."""
    token = lamp_token(alice)
    with sqlite3.connect(broker.store) as store:
        jwk = json.loads(store.execute("SELECT bytes FROM signing_key").fetchone()[0])
    assert jwk["alg"] == "ES256"
    point = base64.urlsafe_b64decode(jwk["x"] + "=") + base64.urlsafe_b64decode(jwk["y"] + "=")
    info = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + b"\x04" + point
    pem = b"-----BEGIN PUBLIC KEY-----\n" + b"\n".join(re.findall(b".{1,64}", base64.b64encode(info))) + b"\n-----END PUBLIC KEY-----\n"
    public = json.dumps({name: jwk[name] for name in ("kty", "crv", "x", "y")}).encode()
    issuer = tokens.Issuer(jwk["kid"])
    for secret in (point, b"\x04" + point, info, pem, pem.strip(), public):
        issuer.secret = secret
        assert not is_let_in(broker, issuer.sign(claims_of(token)))


def test_another_key_signs_nothing_for_it(broker, alice):
    """A token of the sign-on's own key that says it was issued by the chat."""
    token = lamp_token(alice)
    for kid in (kid_of(token), broker.issuer.kid, None):
        assert not is_let_in(broker, broker.issuer.sign(claims_of(token), {"kid": kid} if kid else None))
    assert not is_let_in(broker, broker.token("alice", iss="hyperchat", dev="lamp"))


def test_what_it_claims_is_signed(broker, alice):
    header, _, signature = lamp_token(alice).split(".")
    for change in ({"dev": "phone"}, {"sub": "bob"}, {"exp": 4102444800}, {"iat": 4102444800}):
        payload = tokens.base64url(json.dumps(claims_of(lamp_token(alice)) | change).encode())
        assert not is_let_in(broker, f"{header}.{payload}.{signature}", f"{change.get('sub', 'alice')}/{change.get('dev', 'lamp')}")


def test_unknown_kids_hold_up_nobody(broker, alice, bob):
    token = lamp_token(alice)
    for number in range(200):
        assert not is_let_in(broker, with_header(token, {"alg": "ES256", "kid": f"k{number}"}, lambda signed: b"\1" * 64))
    assert is_let_in(broker, token)
    bob.is_up_to_date()


# ---- keys ----

def keys_of(broker):
    return re.findall(r"^(\S{12})  made ", broker.ctl("device-keys", "list", "--store", broker.store_uri), re.M)


def test_a_key_that_is_dropped_lets_nobody_in_and_cuts_off_who_came_by_it(broker, alice):
    assert "none yet" in broker.ctl("device-keys", "list", "--store", broker.store_uri)
    token = lamp_token(alice)
    lamp = broker.person("alice", "lamp", token=token)
    assert keys_of(broker) == [kid_of(token)]
    broker.ctl("device-keys", "drop", "--store", broker.store_uri, f"--kid={kid_of(token)}")
    is_told_and_cut_off(lamp)
    soon(lambda: not is_let_in(broker, token), "the key still counts")
    alice.is_up_to_date()
    fresh = lamp_token(alice)
    assert kid_of(fresh) != kid_of(token) and is_let_in(broker, fresh)
    broker.restart()
    assert is_let_in(broker, fresh) and not is_let_in(broker, token)


def test_a_new_key_signs_and_the_old_one_counts(broker, alice):
    old = lamp_token(alice)
    lamp = broker.person("alice", "lamp", token=old)
    kid = broker.ctl("device-keys", "rotate", "--store", broker.store_uri).strip()
    fresh = lamp_token(alice, "door")
    assert kid_of(fresh) == kid and set(keys_of(broker)) == {kid, kid_of(old)}
    lamp.is_up_to_date()
    assert is_let_in(broker, fresh, "alice/door") and is_let_in(broker, old)


# ---- the list ----

def test_ones_devices_are_listed(broker, alice):
    laptop = alice.on("laptop")
    lamp_token(alice)
    alice.asks("registerDevice", platform="apns", pushToken="t1")
    soon(lambda: "laptop" in devices_of(alice), "the store knows the laptop")
    now = time.time() * 1000
    devices = devices_of(alice)
    assert list(devices) == ["lamp", "laptop", "phone"]
    assert devices["phone"]["current"] and devices["phone"]["connected"] and devices["phone"]["platform"] == "apns"
    assert devices["laptop"]["connected"] and not {"current", "platform", "tokenExpires"} & set(devices["laptop"])
    assert not devices["lamp"]["connected"] and abs(devices["lamp"]["tokenExpires"] - now - 90 * DAY) < 60_000
    assert all(abs(device["lastSeen"] - now) < 60_000 for device in devices.values())
    laptop.leaves()
    soon(lambda: not devices_of(alice)["laptop"]["connected"], "the laptop is connected")
    assert "t1" not in json.dumps(devices), "a push token is told to nobody"


def test_a_long_list_comes_in_pieces(broker, alice):
    names = [f"device-{number:02}" for number in range(12)]
    for name in names:
        broker.person("alice", name, subscribes=())
    soon(lambda: len(devices_of(alice)) == 13, "all of them")
    found, answer = [], {"next": 0}
    while "next" in answer:
        answer = alice.asks("getDevices", next=answer["next"], maxBytes=300)
        found += [device["deviceID"] for device in answer["devices"]]
    assert found == [*names, "phone"]


# ---- where a device is woken ----

def test_a_push_token_belongs_to_whoever_registered_it_last(alice, bob):
    alice.asks("registerDevice", platform="fcm", pushToken="the same")
    bob.asks("registerDevice", platform="fcm", pushToken="the same")
    assert "platform" not in devices_of(alice)["phone"] and devices_of(bob)["phone"]["platform"] == "fcm"


def test_an_empty_push_token_ends_it(alice):
    alice.asks("registerDevice", platform="fcm", pushToken="t1")
    alice.asks("registerDevice", pushToken="")
    assert "platform" not in devices_of(alice)["phone"]
    alice.asks("registerDevice", platform="fcm", pushToken="")
    assert "platform" not in devices_of(alice)["phone"]


def test_only_a_device_can_be_woken(broker, alice):
    alice.is_denied("bad_request", "registerDevice", pushToken="t1")
    client = broker.client("somebody", user="alice")
    client.subscribe("hc/me/#")
    client.publish("hc/rpc/registerDevice/1", '{"platform":"fcm","pushToken":"t"}')
    assert b"forbidden" in client.next_message("hc/me/reply/1").payload


@pytest.mark.sqlite
def test_a_registration_that_was_acknowledged_and_not_stored_outlives_a_crash(broker, alice):
    """It is of the device that asked, which only the journal knows by then."""
    alice.is_up_to_date()
    holder = sqlite3.connect(broker.store, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    for number in range(3):
        alice.client.publish_acked(f"hc/rpc/registerDevice/r{number}", json.dumps({"platform": f"fcm{number}", "pushToken": f"t{number}"}))
    broker.kill9()
    holder.execute("ROLLBACK")
    holder.close()
    broker.start()
    alice.connects()
    alice.asks_until(lambda: devices_of(alice)["phone"].get("platform") == "fcm2", "the last one")


# ---- the end of a device ----

def test_a_device_that_is_removed_is_cut_off_and_its_token_ends(broker, alice):
    token = lamp_token(alice)
    lamp = broker.person("alice", "lamp", token=token)
    lamp.asks("registerDevice", platform="fcm", pushToken="t1")
    alice.asks("removeDevice", deviceID="lamp")
    is_told_and_cut_off(lamp)
    assert is_refused(broker, token)
    has_nothing_but_her_phone(alice)
    broker.restart()
    assert is_refused(broker, token)
    alice.connects()
    has_nothing_but_her_phone(alice)


def test_the_next_token_of_a_removed_device_counts(broker, alice):
    old = lamp_token(alice)
    alice.asks("removeDevice", deviceID="lamp")
    fresh = alice.asks_until(lambda: token_or_none(alice), "a new token, within a second")
    assert is_let_in(broker, fresh) and is_refused(broker, old)


def token_or_none(alice):
    call = alice.next_command()
    alice.publishes(f"rpc/createDeviceToken/{call}", {"deviceID": "lamp"})
    answer, _ = alice.until(lambda: alice.replies.get(call), "an answer")
    assert "result" in answer or answer["error"]["code"] == "unavailable", answer
    if "result" not in answer:
        time.sleep(0.2)  # each call counts as a new contact
    return answer.get("result", {}).get("token")


def test_who_has_a_token_of_the_sign_on_is_cut_off_and_comes_back_as_somebody_new(broker, alice, bob, chat):
    laptop = alice.on("laptop")
    bob.says("before", chat=chat)
    laptop.hears("before")
    alice.asks("removeDevice", deviceID="laptop")
    is_told_and_cut_off(laptop)
    assert "laptop" not in devices_of(alice)
    laptop.connects()
    bob.says("after", chat=chat)
    laptop.hears("after")
    soon(lambda: "laptop" in devices_of(alice), "the laptop")


def test_it_is_cut_off_too_where_the_clock_of_the_sign_on_is_ahead(broker, alice):
    laptop = alice.on("laptop", token=broker.token("alice", iat=int(time.time()) + 3))
    alice.asks("removeDevice", deviceID="laptop")
    is_told_and_cut_off(laptop)


def test_a_device_may_remove_itself(broker, alice):
    lamp = broker.person("alice", "lamp", token=lamp_token(alice))
    lamp.asks("removeDevice", deviceID="lamp")
    is_told_and_cut_off(lamp)
    has_nothing_but_her_phone(alice)


def test_what_is_not_there_may_be_removed(alice):
    alice.asks("removeDevice", deviceID="nothing")
    alice.is_denied("bad_request", "removeDevice", deviceID="no/thing")
    has_nothing_but_her_phone(alice)


def test_nobody_removes_a_device_of_somebody_else(broker, alice, bob):
    token = lamp_token(alice)
    lamp = broker.person("alice", "lamp", token=token)
    bob.asks("removeDevice", deviceID="lamp")
    bob.is_denied("forbidden", "removeDevice", deviceID="lamp", userID="alice")
    lamp.is_up_to_date()
    assert is_let_in(broker, token)


def test_the_end_of_the_account_is_the_end_of_its_tokens(broker, alice, bob):
    token = lamp_token(alice)
    lamp = broker.person("alice", "lamp", token=token)
    alice.asks("deleteAccount")
    is_cut_off_soon(lamp)
    assert tokens_told(lamp) == [], "that is the end of more than a token"
    assert is_refused(broker, token)
    bob.is_up_to_date()


# ---- how many there may be ----

@pytest.fixture
def few_devices(idle_broker, clock):
    """A broker that keeps two devices of a user, or so many as it is told, and its clock."""
    def start(devices_max=2):
        idle_broker.set_limits(devices_max=devices_max)
        return idle_broker.start()
    return start


def comes(broker, device, stays=False):
    """A device of Alice is here, whatever the clock says, and known."""
    person = broker.person("alice", device, token=broker.token("alice", ttl=400 * 86400))
    person.asks_until(lambda: device in devices_of(person), "that it is known")
    return person if stays else goes(person)


def goes(person):
    """When this returns the broker knows: it left by the clock of now."""
    person.client.send(mqtt.packet(mqtt.DISCONNECT, 0, b""))
    person.client.is_closed()


def test_new_devices_take_the_place_of_those_that_were_away_longest(few_devices, clock):
    broker = few_devices(6)
    alice = broker.person("alice")
    tablet, lamp = alice.on("tablet"), broker.person("alice", "lamp", token=lamp_token(alice))
    tablet.asks("registerDevice", platform="apns", pushToken="t1")
    tablet.leaves()
    lamp.is_up_to_date().leaves()
    for i in range(12):
        comes(broker, f"x{i}")
    clock(3 * DAY // 1000)
    comes(broker, "new")
    alice.asks_until(lambda: set(devices_of(alice)) == {"phone", "tablet", "lamp", "x10", "x11", "new"}, "that the others are forgotten")
    bob = broker.person("bob", token=broker.token("bob", ttl=400 * 86400))
    bob.says("still here", to=alice)
    alice.hears("still here")


@pytest.mark.sqlite
def test_who_is_forgotten_comes_back_as_a_new_device(idle_broker):
    idle_broker.set_limits(devices_max=2)
    broker = idle_broker.start()
    for name in ("desk0", "desk1", "desk2"):
        comes(broker, name)
    broker.stop()
    with sqlite3.connect(broker.store) as store:
        store.execute("UPDATE device SET seen_at = seen_at - ?", (3 * DAY,))
    store.close()
    broker.start()
    new = comes(broker, "new", stays=True)
    new.asks_until(lambda: set(devices_of(new)) == {"desk2", "new"}, "that the first two are forgotten")
    desk = comes(broker, "desk0", stays=True)
    desk.asks_until(lambda: set(devices_of(desk)) == {"desk0", "new"}, "that the third one is")
    new.says("hello", to=broker.person("bob"))
    desk.hears("hello", senderID="alice")


def test_devices_that_are_connected_are_not_forgotten_for_others(few_devices, clock):
    broker = few_devices()
    desks = [comes(broker, f"desk{i}", stays=True) for i in range(4)]
    for desk in desks[:3]:
        goes(desk)
    clock(3 * DAY // 1000)
    last = comes(broker, "last", stays=True)
    last.asks_until(lambda: set(devices_of(last)) == {"desk3", "last"}, "those that are connected")


def test_devices_that_were_here_within_two_days_are_not_forgotten_for_others(few_devices, clock):
    """They may be connected at another broker of the store."""
    broker = few_devices(3)
    for hours, names in ((0, ("desk0", "desk1", "desk2")), (20, ("desk3", "desk4"))):
        clock(hours * 3600)
        for name in names:
            comes(broker, name)
    clock(40 * 3600)
    last = comes(broker, "last", stays=True)
    assert set(devices_of(last)) == {"desk0", "desk1", "desk2", "desk3", "desk4", "last"}
    clock(60 * 3600)
    comes(broker, "new")
    last.asks_until(lambda: set(devices_of(last)) == {"desk3", "desk4", "last", "new"}, "that those are forgotten that were here before")


def test_who_comes_under_ever_new_names_has_twice_as_many_devices_at_the_most(few_devices):
    broker = few_devices(4)
    first = comes(broker, "first", stays=True)
    broker.person("alice", "lamp", token=lamp_token(first)).is_up_to_date().leaves()
    for i in range(20):
        comes(broker, f"x{i}")
        assert len(devices_of(first)) <= 2 * 4 + 2, "one may be on its way out"
    first.asks_until(lambda: set(devices_of(first)) == {"first", "lamp", *(f"x{i}" for i in range(13, 20))}, "those that were here last")


def test_who_was_connected_for_months_is_not_the_one_that_was_away_longest(few_devices, clock):
    broker = few_devices(3)
    home = comes(broker, "home", stays=True)
    clock(20 * DAY // 1000)
    comes(broker, "once")
    comes(broker, "twice")
    clock(60 * DAY // 1000)
    home.is_cut_off()
    new = comes(broker, "new", stays=True)
    new.asks_until(lambda: set(devices_of(new)) == {"home", "twice", "new"}, "that the one is forgotten that was here once")


@pytest.mark.sqlite
def test_the_store_knows_that_who_is_connected_is_here(idle_broker, clock):
    broker = idle_broker.start()
    alice = comes(broker, "home", stays=True)

    def seen_at():
        with sqlite3.connect(broker.store) as store:
            return store.execute("SELECT seen_at FROM device").fetchone()[0]
    for days in (2, 91, 200):
        clock(days * DAY // 1000)
        at = time.time() * 1000 + days * DAY
        soon(lambda: seen_at() > at - 60_000, f"what is stored on day {days}")
    alice.is_up_to_date()


@pytest.mark.sqlite
def test_who_was_forgotten_while_connected_is_known_again_within_a_day(idle_broker, clock):
    """Another broker of the store may have made room, which does not know who is connected here."""
    broker = idle_broker.start()
    alice, bob = comes(broker, "home", stays=True), broker.person("bob", token=broker.token("bob", ttl=400 * 86400))

    def one(what):
        with sqlite3.connect(broker.store) as store:
            return store.execute(what).fetchone()
    subscriptions = "SELECT subscriptions FROM device WHERE name = 'home'"
    soon(lambda: one(subscriptions) == ("*\n1 #\n",), "that it subscribes everything below hc/me/")
    with sqlite3.connect(broker.store) as store:
        store.execute("DELETE FROM cursor")
        store.execute("DELETE FROM device")
    assert "home" not in devices_of(alice)
    clock(2 * DAY // 1000)
    alice.asks_until(lambda: "home" in devices_of(alice), "that it is known again")
    assert one(subscriptions) == ("*\n1 #\n",)
    bob.says("hello", to=alice)
    alice.hears("hello")
    soon(lambda: one("SELECT number FROM cursor JOIN device ON device.id = cursor.device WHERE device.name = 'home'"), "its place in the chat", within=30)


def test_a_device_was_seen_when_it_left(idle_broker, clock):
    broker = idle_broker.start()
    alice, desk = broker.person("alice"), comes(broker, "desk", stays=True)
    clock(3600)
    desk.leaves()
    alice.asks_until(lambda: devices_of(alice)["desk"]["lastSeen"] > (time.time() + 3500) * 1000, "when it left")


def test_one_users_devices_log_in_ten_times_as_often_as_one_may(idle_broker):
    idle_broker.set_limits(connects_per_minute=2)
    broker = idle_broker.start()
    with pytest.raises((mqtt.Refused, mqtt.Closed)):
        for i in range(30):
            broker.client(f"alice/x{i}", "alice").close()
    assert i >= 20
    with pytest.raises((mqtt.Refused, mqtt.Closed)):
        broker.client("from a script", "alice").close()
    broker.person("bob").is_up_to_date()


def test_a_script_of_many_connections_is_not_told_to_come_later(idle_broker):
    """Without a device each counts a tenth."""
    idle_broker.set_limits(connects_per_minute=2)
    broker = idle_broker.start()
    for _ in range(100):
        broker.client("from a script", "alice").close()
