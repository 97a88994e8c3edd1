# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The vocabulary of the stories of devices: who is let in, by which token, and what is left of a device."""
import base64
import json
import time

import mqtt
import pytest
import tokens
from waiting import soon


def lamp_token(alice, device="lamp", **how):
    return alice.asks("createDeviceToken", deviceID=device, **how)["token"]


def is_refused(broker, token, client_id="alice/lamp", username="alice", version=mqtt.V5):
    """For good, and not only until a key is here."""
    with pytest.raises(mqtt.Refused) as caught:
        mqtt.Client(broker.port, client_id, version=version, username=username, password=token)
    return caught.value.code == 0x87


def is_let_in(broker, token, client_id="alice/lamp"):
    try:
        mqtt.Client(broker.port, client_id, version=mqtt.V5, username="", password=token).close()
        return True
    except (mqtt.Refused, mqtt.Closed):
        return False


def is_cut_off_soon(person, within=2.0):
    start = time.monotonic()
    person.client.is_closed()
    assert time.monotonic() - start < within, "it took too long"


def tokens_told(person):
    """What was said of its token."""
    person.sort()
    return [event["type"] for event in person.live if event["type"].startswith("token")]


def is_told_and_cut_off(person, within=2.0):
    """Its token counts no more."""
    is_cut_off_soon(person, within)
    assert tokens_told(person) == ["tokenExpired"]


def devices_of(person):
    return {device["deviceID"]: device for device in person.asks("getDevices")["devices"]}


def has_nothing_but_her_phone(alice):
    """And no moment in between in which what was removed is there again. The phone itself may be on its way to the store."""
    assert set(devices_of(alice)) <= {"phone"}
    soon(lambda: list(devices_of(alice)) == ["phone"], "her phone")


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def with_header(token, header, sign=lambda signed: b""):
    """The same claims below another header."""
    signed = tokens.base64url(json.dumps(header).encode()) + "." + token.split(".")[1]
    return signed + "." + tokens.base64url(sign(signed.encode()))


def kid_of(token):
    header = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
