# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Another plugin, which lets in whoever names its AUTH method: at once, or after one more packet."""
import subprocess

import mqtt

SOURCE = r"""
#include <string.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

static mosquitto_plugin_id_t *plugin;

static int on_start(int event, void *data, void *context)
{
	struct mosquitto_evt_extended_auth *start = data;
	if (strcmp(start->auth_method, "FRIEND") != 0)
		return MOSQ_ERR_PLUGIN_DEFER;
	return start->data_in_len > 0 ? MOSQ_ERR_SUCCESS : MOSQ_ERR_AUTH_CONTINUE;
}

static int on_continue(int event, void *data, void *context)
{
	return MOSQ_ERR_SUCCESS; /* 2.0 does not say of which method */
}

int mosquitto_plugin_version(int count, const int *versions)
{
	return 5;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *self, void **context, struct mosquitto_opt *options, int count)
{
	plugin = self;
	mosquitto_callback_register(plugin, MOSQ_EVT_EXT_AUTH_START, on_start, NULL, NULL);
	return mosquitto_callback_register(plugin, MOSQ_EVT_EXT_AUTH_CONTINUE, on_continue, NULL, NULL);
}

int mosquitto_plugin_cleanup(void *context, struct mosquitto_opt *options, int count)
{
	mosquitto_callback_unregister(plugin, MOSQ_EVT_EXT_AUTH_START, on_start, NULL);
	return mosquitto_callback_unregister(plugin, MOSQ_EVT_EXT_AUTH_CONTINUE, on_continue, NULL);
}
"""


def line(directory):
    """Of the configuration, behind that of HyperChat."""
    source, library = directory / "friends.c", directory / "friends.so"
    source.write_text(SOURCE)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    return f"plugin {library}"


def knocks(port, client_id, at_once):
    """A client that is let in by this CONNECT, or when it goes on. Nothing of it is read yet."""
    client = mqtt.Client(port, client_id, version=mqtt.V5, connect=False)
    client.at_once = at_once
    if not at_once:
        client.send(client.connect_packet(props={"authentication_method": "FRIEND"}))
        client.read_connack()
        assert [kind for kind, _ in client.others] == [mqtt.AUTH]
    return client


def goes_on(client):
    method = {"authentication_method": "FRIEND"}
    if client.at_once:
        client.send(client.connect_packet(props=method | {"authentication_data": b"friend"}))
    else:
        client.send(mqtt.packet(mqtt.AUTH, 0, b"\x18" + mqtt.properties(method)))
