# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Clients that have a certificate and no token, on a listener of their own; and tokens that come without TLS."""
import re
import socket
import ssl
import time

import broker as brokers
import mqtt
import provider
import pytest
from administrator import Administrator
from operator_desk import OperatorDesk

pytestmark = pytest.mark.host

VERSIONS = [mqtt.V311, mqtt.V5]


class Authority:
    """Signs the broker's certificate and those of its clients."""

    def __init__(self, directory):
        self.directory = directory
        self.file = provider.make_authority(directory)
        self.server = provider.make_certificate(directory, self.file)

    def context(self, name=None, days=2, authority=None):
        """What a client named so connects with; None: without a certificate."""
        context = ssl.create_default_context(cafile=self.file)
        if name is not None:
            context.load_cert_chain(*self.certificate(name, days, authority or self.file))
        return context

    def certificate(self, name, days, authority):
        stem = self.directory / re.sub(r"\W", "-", name)
        subject = name if name.startswith("/") else "/CN=" + re.sub(r"([/+])", r"\\\1", name)
        provider.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject, "-keyout", f"{stem}.key",
                         "-out", f"{stem}.csr")
        ends = ["-days", days]
        if days < 1:  # in so many seconds of a day
            ends = ["-not_after", time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))]
            return self.signed_by_ca(stem, authority, ends[1])
        provider.openssl("x509", "-req", "-in", f"{stem}.csr", "-CA", authority, "-CAkey", authority.with_suffix(".key"), "-CAcreateserial", *ends,
                         "-out", f"{stem}.pem")
        return f"{stem}.pem", f"{stem}.key"

    def signed_by_ca(self, stem, authority, end):
        """openssl x509 of OpenSSL 3.0 knows days only; openssl ca knows the second."""
        base = self.directory / "ca"
        base.mkdir(exist_ok=True)
        (base / "index").write_text("")
        (base / "serial").write_text("1000\n")
        (base / "conf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}/index\nserial={base}/serial\nnew_certs_dir={base}\ndefault_md=sha256\n"
                                   "policy=p\n[p]\ncommonName=supplied\n")
        provider.openssl("ca", "-batch", "-config", base / "conf", "-in", f"{stem}.csr", "-cert", authority, "-keyfile", authority.with_suffix(".key"),
                         "-startdate", "20200101000000Z", "-enddate", "20" + end, "-out", f"{stem}.pem", "-notext")
        return f"{stem}.pem", f"{stem}.key"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def add_listener(broker, authority, *more):
    broker.tls_port = brokers.free_port()
    broker.listener_lines += [f"listener {broker.tls_port} 127.0.0.1", f"cafile {authority.file}", f"certfile {authority.server}",
                              f"keyfile {authority.server.with_suffix('.key')}", *more]


@pytest.fixture
def trusting(idle_broker, authority):
    """Takes names from certificates on a second listener; not started."""
    add_listener(idle_broker, authority, "require_certificate true", "use_identity_as_username true")
    idle_broker.options["certificates"] = "user"
    return idle_broker


def comes(broker, tls, user, device="phone", **how):
    return broker.person(user, device, port=broker.tls_port, tls=tls, **{"username": None, "password": None, **how})


def may_not_chat(broker, tls, client_id, version=mqtt.V311, **how):
    """Mosquitto lets it in by its certificate; nothing of the chat is open to it."""
    client = mqtt.Client(broker.tls_port, client_id, version=version, tls=tls, **how)
    assert all(code >= 0x80 for code in client.subscribe("hc/me/#"))
    client.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_certificate_says_who_one_is(trusting, authority, version):
    broker = trusting.start()
    alice, bob = comes(broker, authority.context("alice"), "alice", version=version), broker.person("bob", version=version)
    alice.says("by certificate", to=bob)
    bob.hears("by certificate")
    bob.says("and back", to=alice)
    alice.hears("and back")
    assert alice.asks("getChatUserID")["userID"] == "alice"


def test_a_certificate_from_before_a_revocation_lets_nobody_in(trusting, authority):
    broker = trusting.start()
    tls = authority.context("alice")
    alice, bob = comes(broker, tls, "alice"), comes(broker, authority.context("bob"), "bob")
    alice.asks("getServerInfo")
    broker.ctl("revoke", "--store", broker.store_uri, "--user", "alice")
    alice.client.is_closed()
    may_not_chat(broker, tls, "alice/phone")
    bob.is_up_to_date()
    time.sleep(1.1)
    comes(broker, authority.context("alice"), "alice").is_up_to_date()  # a new one


def test_a_connection_by_certificate_gets_no_device_token(trusting, authority):
    alice = comes(trusting.start(), authority.context("alice"), "alice")
    alice.is_denied("forbidden", "createDeviceToken", deviceID="lamp")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_device_with_a_certificate_resumes_where_it_was(trusting, authority, version):
    broker = trusting.start()
    tls = authority.context("alice")
    alice, bob = comes(broker, tls, "alice", version=version), broker.person("bob", version=version)
    chat = alice.chat_with(bob)
    alice.leaves()
    bob.says("one", chat=chat)
    alice.returns()
    alice.hears("one")
    broker.restart()
    bob.returns()
    bob.says("two", chat=chat)
    alice.returns()
    alice.hears("two")
    assert list(dict.fromkeys(alice.heard(chat))) == ["one", "two"]  # without a receipt some may come twice


def test_no_username_and_no_token_makes_it_somebody_else(trusting, authority):
    broker = trusting.start()
    tls = authority.context("alice")
    alice = comes(broker, tls, "alice", username="bob", password=broker.token("bob"))
    assert alice.asks("getChatUserID")["userID"] == "alice"
    may_not_chat(broker, tls, "bob/phone", username="bob", password=broker.token("bob"))


def test_the_client_id_of_another_user_is_refused_with_the_reason_in_the_log(trusting, authority):
    broker = trusting.start()
    broker.expects_line('certificate of "alice" from 127.0.0.1 refused', lambda: may_not_chat(broker, authority.context("alice"), "bob/phone"))


def test_administrators_see_who_came_by_certificate_and_who_was_refused(trusting, observed, authority):
    broker = trusting.start()
    admin = Administrator(broker)
    comes(broker, authority.context("alice"), "alice").is_up_to_date()
    may_not_chat(broker, authority.context("alice"), "bob/phone")
    numbers = admin.is_up_to_date()
    assert (numbers["logins_total"], numbers["sessions"]) == (1, 1)
    assert {name: count for name, count in numbers.items() if name.startswith("logins_refused") and count} == {"logins_refused_total/certificate": 1}


def test_who_comes_by_certificate_to_a_broker_that_is_drained_is_counted_as_such(trusting, observed, authority):
    trusting.options["operators"] = "olga"
    broker = trusting.start()
    admin, desk = Administrator(broker), OperatorDesk(broker)
    desk.asks("drain")
    broker.expects_line("certificate of .* refused: the broker is being drained", lambda: may_not_chat(broker, authority.context("alice"), "alice/phone"))
    numbers = admin.is_up_to_date()
    assert {name: count for name, count in numbers.items() if name.startswith("logins_refused") and count} == {"logins_refused_total/draining": 1}
    desk.asks("drain", action="stop")
    comes(broker, authority.context("alice"), "alice").is_up_to_date()


def test_a_name_that_topics_could_not_have_is_encoded_as_in_tokens(trusting, authority):
    broker = trusting.start()
    odd = comes(broker, authority.context("a+b#c"), "a%2Bb%23c")
    assert odd.asks("getChatUserID")["userID"] == "a%2Bb%23c"


def test_a_certificate_can_be_for_one_device(trusting, authority):
    trusting.options["certificates"] = "device"
    broker = trusting.start()
    tls = authority.context("alice/sensor")
    assert comes(broker, tls, "alice", "sensor").asks("getChatUserID")["deviceID"] == "sensor"
    for client_id in ["alice/phone", "alice", "x", "alice/sensor2", "alice/senso"]:
        may_not_chat(broker, tls, client_id)
    may_not_chat(broker, authority.context("carol"), "carol/phone")


def test_the_whole_subject_can_be_the_user(idle_broker, authority):
    add_listener(idle_broker, authority, "require_certificate true", "use_subject_as_username true")
    idle_broker.options["certificates"] = "user"
    broker = idle_broker.start()
    alice = comes(broker, authority.context("/O=Chat/CN=alice"), "CN=alice,O=Chat")
    assert alice.asks("getChatUserID")["userID"] == "CN=alice,O=Chat"


def test_unless_it_is_said_a_certificate_opens_nothing(trusting, authority):
    trusting.options["certificates"] = None
    broker = trusting.start()
    assert "no token is asked there, so its clients cannot chat" in broker.log_text()
    may_not_chat(broker, authority.context("alice"), "alice/phone")


def test_on_other_listeners_a_certificate_is_no_token(idle_broker, authority):
    """It is verified there, and says nothing about who somebody is."""
    add_listener(idle_broker, authority, "require_certificate true")
    idle_broker.options |= {"certificates": "user"}
    broker = idle_broker.start()
    tls = authority.context("alice")
    with pytest.raises(mqtt.Refused):
        mqtt.Client(broker.tls_port, "alice/phone", tls=tls, username="alice", password="x")
    comes(broker, tls, "bob", username="bob", password=broker.token("bob")).is_up_to_date()


def test_a_client_without_a_certificate_or_of_another_authority_is_refused(trusting, authority, tmp_path):
    broker = trusting.start()
    for tls in [authority.context(), authority.context("alice", authority=provider.make_authority(tmp_path, "other"))]:
        with pytest.raises((ssl.SSLError, mqtt.Closed, ConnectionError)):
            mqtt.Client(broker.tls_port, "alice/phone", tls=tls)
    broker.person("alice").is_up_to_date()


def test_a_session_ends_with_its_certificate(trusting, authority):
    broker = trusting.start()
    alice = comes(broker, authority.context("alice", days=6 / 86400), "alice")
    alice.notices(type="tokenExpires")
    alice.notices(type="tokenExpired")
    alice.client.is_closed()


def test_a_certificate_from_before_the_end_of_an_account_opens_it_no_more(trusting, authority):
    broker = trusting.start()
    tls = authority.context("alice")
    alice = comes(broker, tls, "alice")
    alice.asks("deleteAccount")
    alice.client.is_closed()
    broker.expects_line('certificate of "alice" .* refused', lambda: may_not_chat(broker, tls, "alice/phone"))


def test_a_reload_cuts_nobody_who_has_a_certificate(trusting, authority):
    broker = trusting.start()
    alice = comes(broker, authority.context("alice"), "alice")
    broker.reload()
    broker.reload()
    alice.is_up_to_date()


def test_the_last_will_of_who_is_cut_off_begins_no_session(trusting, authority):
    broker = trusting.start()
    tls = authority.context("alice")
    for _ in range(3):
        alice = comes(broker, tls, "alice", will=("hc/chat/x/send", b"{}", 1, False), clean=True)
        alice.client.socket.close()
    again = comes(broker, tls, "alice")
    again.is_up_to_date()
    bob = broker.person("bob")
    bob.says("hi", to="alice")
    again.hears("hi")


def test_listeners_of_one_port_that_disagree_stop_the_start(trusting, authority):
    trusting.listener_lines += [f"listener {trusting.tls_port} 127.0.0.2", f"certfile {authority.server}",
                                f"keyfile {authority.server.with_suffix('.key')}"]
    assert "takes user names from elsewhere" in trusting.fails_to_start()


# ---- tokens without TLS ----

def own_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return None


@pytest.fixture
def open_to_all(idle_broker, authority):
    """Listens at an address of the net, too, with TLS and without; not started."""
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback")
    add_listener(idle_broker, authority)
    idle_broker.listener_lines[-4] = f"listener {idle_broker.tls_port} {address}"
    idle_broker.plain_port = brokers.free_port()
    idle_broker.listener_lines.append(f"listener {idle_broker.plain_port} {address}")
    idle_broker.address = address
    return idle_broker


def secret(authority):
    context = ssl.create_default_context(cafile=authority.file)
    context.check_hostname = False
    return context


def test_a_token_that_comes_without_tls_is_warned_of_once(open_to_all):
    broker = open_to_all.start()
    for user in ["alice", "bob"]:
        broker.person(user, host=broker.address, port=broker.plain_port).is_up_to_date()
    assert len(re.findall("without TLS: who listens on the way", broker.log_text())) == 1


def test_tokens_without_tls_can_be_refused_and_those_with_tls_or_from_this_machine_are_not(open_to_all, authority):
    open_to_all.options["unencrypted"] = "refuse"
    broker = open_to_all.start()
    with pytest.raises(mqtt.Refused):
        broker.person("alice", host=broker.address, port=broker.plain_port)
    assert "its token came without TLS (unencrypted)" in broker.log_text()
    broker.person("alice", host=broker.address, port=broker.tls_port, tls=secret(authority)).is_up_to_date()
    broker.person("bob").is_up_to_date()


def test_administrators_see_how_many_tokens_came_without_tls(open_to_all, observed):
    open_to_all.options["unencrypted"] = "refuse"
    broker = open_to_all.start()
    admin = Administrator(broker)
    with pytest.raises(mqtt.Refused):
        broker.person("alice", host=broker.address, port=broker.plain_port)
    numbers = admin.is_up_to_date()
    assert {name: count for name, count in numbers.items() if name.startswith("logins_refused") and count} == {"logins_refused_total/unencrypted": 1}


@pytest.mark.parametrize("options", [{"unencrypted": "allow"}, {"unencrypted": "refuse", "proxies": "own"}])
def test_a_proxy_may_bring_tokens_without_tls_and_so_may_all_if_it_is_allowed(open_to_all, options):
    open_to_all.options |= {name: open_to_all.address if value == "own" else value for name, value in options.items()}
    broker = open_to_all.start()
    broker.person("alice", host=broker.address, port=broker.plain_port).is_up_to_date()
    assert "without TLS" not in broker.log_text()


def test_doctor_names_the_listeners_without_tls(idle_broker, authority):
    add_listener(idle_broker, authority)
    broker = idle_broker.start()
    said = broker.ctl("doctor", "--conf", broker.directory / "mosquitto.conf")
    assert f"listener {broker.port}: without TLS" in said
    assert f"listener {broker.tls_port}" not in said
