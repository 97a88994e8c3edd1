# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Somebody who administers the running broker, by MQTT itself."""
import json

TOPIC = "$CONTROL/hyperchat/v1"


class OperatorDesk:
    def __init__(self, broker, name="olga", **how):
        self.client = broker.client(f"{name}/desk", name, **how)
        assert self.client.subscribe(f"{TOPIC}/response")[0] < 0x80

    def sends(self, payload):
        """Anything; returns the next thing that is answered."""
        self.client.publish(TOPIC, payload if isinstance(payload, bytes) else json.dumps(payload).encode())
        self.client.wait(lambda: self.client.messages, "an answer")
        message = self.client.messages.pop(0)
        assert message.topic == f"{TOPIC}/response"
        return json.loads(message.payload)

    def asks(self, command, **arguments):
        """The answer's data."""
        (response,) = self.sends({"commands": [{"command": command, **arguments}]})["responses"]
        assert "error" not in response, response
        return response.get("data")

    def is_refused(self, command, **arguments):
        """Why."""
        (response,) = self.sends({"commands": [{"command": command, **arguments}]})["responses"]
        return response["error"]
