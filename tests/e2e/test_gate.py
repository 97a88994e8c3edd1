# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Logins that fail again and again: what becomes of them, of everybody else, and of the log. Others come from other addresses of 127.0.0.0/8."""
import re
import time

import mqtt
import pytest
import tokens

pytestmark = pytest.mark.host

INTRUDER, HOME = "127.0.0.9", "127.0.0.2"
VERSIONS = [mqtt.V311, mqtt.V5]
NOT_AUTHORIZED = {mqtt.V311: (5,), mqtt.V5: (0x87,)}


@pytest.fixture
def guarded(idle_broker):
    """Counts failures for these addresses, too: they stand for clients of the world."""
    idle_broker.options |= {"proxies": "192.0.2.1", "failed_logins_per_minute": 12}
    return idle_broker.start()


def bad_token(broker, user="alice", **claims):
    return tokens.Issuer().token(user, **claims)  # somebody else's key


def refused(broker, token, client_id="x", version=mqtt.V311, source=INTRUDER):
    with pytest.raises(mqtt.Refused) as caught:
        mqtt.Client(broker.port, client_id, version=version, username="", password=token, source=source).close()
    assert caught.value.code in NOT_AUTHORIZED[version]


def attacks(broker, count, source=INTRUDER, **how):
    """Each time with another name."""
    for number in range(count):
        refused(broker, bad_token(broker, f"user-{number}"), source=source, **how)


def is_closed_for(broker, user, source=INTRUDER, version=mqtt.V311):
    """A valid token does not get in from there."""
    refused(broker, broker.token(user), client_id=f"{user}/phone", version=version, source=source)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_address_from_which_logins_fail_is_closed_and_opens_again(guarded, version):
    guarded.expects_line(rf"too many logins from {INTRUDER} fail: more of them are refused unseen for 5 s", lambda: attacks(guarded, 12, version=version))
    is_closed_for(guarded, "carol", version=version)
    deadline = time.monotonic() + mqtt.PATIENCE
    while True:
        try:
            guarded.person("carol", source=INTRUDER, version=version).is_up_to_date()
            break
        except mqtt.Refused:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_everybody_else_gets_in_meanwhile_and_so_does_the_user_who_is_named(guarded):
    for _ in range(40):
        refused(guarded, bad_token(guarded, "alice"))
    attacks(guarded, 20)
    alice, bob = guarded.person("alice", source=HOME), guarded.person("bob", source="127.0.0.3")
    alice.says("hi", to=bob)
    bob.hears("hi")


def test_who_has_been_there_before_gets_in_at_an_address_that_is_closed_for_others(guarded):
    bob = guarded.person("bob", source=INTRUDER)
    attacks(guarded, 12)
    is_closed_for(guarded, "carol")
    bob.returns()
    bob.is_up_to_date()
    guarded.person("bob", device="desk", source=INTRUDER).is_up_to_date()


def test_a_device_with_a_bad_token_closes_its_own_way_and_not_that_of_its_house(guarded):
    for _ in range(6):
        refused(guarded, bad_token(guarded, "alice"), source=HOME)
    is_closed_for(guarded, "alice", source=HOME)
    guarded.person("bob", source=HOME).is_up_to_date()
    guarded.person("alice", source="127.0.0.3").is_up_to_date()


def test_who_is_connected_is_not_cut_and_may_renew_his_token(guarded):
    bob = guarded.person("bob", source=INTRUDER)
    attacks(guarded, 15)
    bob.asks("renewToken", token=guarded.token("bob"))
    guarded.reload()
    bob.is_up_to_date()


def test_tokens_that_are_over_close_an_address_ten_times_later(guarded):
    for number in range(60):
        refused(guarded, guarded.token(f"user-{number}", ttl=-3600))
    guarded.person("carol", source=INTRUDER).is_up_to_date()


@pytest.mark.parametrize("how", ["password", "AUTH"])
def test_both_ways_of_logging_in_are_counted_together(guarded, how):
    attacks(guarded, 12)
    token = guarded.token("carol")
    by_auth = {"version": mqtt.V5, "props": {"authentication_method": "JWT", "authentication_data": token}}
    by_password = {"username": "", "password": token}
    with pytest.raises(mqtt.Refused):
        mqtt.Client(guarded.port, "carol/phone", source=INTRUDER, **(by_auth if how == "AUTH" else by_password))


def test_behind_a_proxy_nobody_is_refused_for_others(idle_broker):
    """127.0.0.0/8 is one unless it is said otherwise."""
    idle_broker.options["failed_logins_per_minute"] = 12
    broker = idle_broker.start()
    attacks(broker, 60)
    broker.person("carol", source=INTRUDER).is_up_to_date()


def test_a_flood_of_bad_tokens_is_a_handful_of_lines_with_a_count(idle_broker):
    broker = idle_broker.start()
    attacks(broker, 300)
    count = broker.expects_line(r"within 10 s: \d+ more logins refused than there are lines", lambda: None)
    lines = re.findall(r"hyperchat: login from .* refused", broker.log_text())
    assert 20 <= len(lines) <= 30, len(lines)
    assert int(re.search(r"(\d+) more logins", count)[1]) > 200


def test_refusals_of_a_closed_address_are_counted_in_the_log(guarded):
    attacks(guarded, 30)
    assert int(re.search(r"and (\d+) without", guarded.expects_line(r"and \d+ without looking at the token", lambda: None))[1]) >= 10


def test_what_the_client_is_told_does_not_say_why(guarded):
    """The same answer for a bad token, for one that is over, and for one that was not looked at."""
    for token in [bad_token(guarded), guarded.token("alice", ttl=-3600)]:
        refused(guarded, token, version=mqtt.V5)
    attacks(guarded, 12)
    is_closed_for(guarded, "carol", version=mqtt.V5)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_device_that_keeps_coming_is_told_to_come_later_and_others_are_not(idle_broker, version):
    idle_broker.options["connects_per_minute"] = 10
    broker = idle_broker.start()
    with pytest.raises((mqtt.Refused, mqtt.Closed)) as caught:
        for _ in range(20):
            broker.client("alice/phone", "alice", version=version).close()
    told = getattr(caught.value, "code", None)
    assert told == (0x88 if version == mqtt.V5 and broker.version.startswith("2.1") else None)
    broker.person("alice", device="desk", version=version).is_up_to_date()
    broker.person("bob", version=version).is_up_to_date()


def test_the_limits_are_read_again_by_sighup(idle_broker):
    idle_broker.options["proxies"] = "192.0.2.1"
    idle_broker.set_limits(failed_logins_per_minute=4, connects_per_minute=5)
    broker = idle_broker.start()
    attacks(broker, 4)
    is_closed_for(broker, "carol")
    broker.set_limits(failed_logins_per_minute=0, connects_per_minute=0)
    broker.expects_line("failed_logins_per_minute: 4 -> 0", broker.reload)
    attacks(broker, 20)
    for _ in range(10):
        broker.client("carol/phone", "carol", source=INTRUDER).close()


@pytest.mark.parametrize("proxies", ["proxy.example", "10.0.0.0/33"])
def test_a_proxy_that_is_no_address_stops_the_start(idle_broker, proxies):
    idle_broker.options["proxies"] = proxies
    assert re.search("plugin_opt_proxies: .* is neither an address nor a network", idle_broker.fails_to_start())
