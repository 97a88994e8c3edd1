/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What is known of the broker's listeners, by their ports. Any thread. */
#include "plugin/broker/hostconf_read.h"

static struct hostconf_port *port_find(struct hostconf_settings *settings, int port)
{
	for (size_t i = 0; i < settings->port_count; i++)
		if (settings->ports[i].port == port)
			return &settings->ports[i];
	return NULL;
}

const struct hostconf_port *hostconf_port(const struct hostconf_settings *settings, int port)
{
	return port_find((struct hostconf_settings *)settings, port);
}

bool hostconf_add_port(struct hostconf_settings *settings, const struct hostconf_port *listener)
{
	struct hostconf_port *port = port_find(settings, listener->port);
	if (port == NULL && settings->port_count == HOSTCONF_LISTENERS_MAX)
		return true;
	if (port == NULL)
		port = &settings->ports[settings->port_count++];
	port->port = listener->port;
	port->plain |= listener->plain;
	port->plain_afar |= listener->plain_afar;
	port->by_identity |= listener->by_identity;
	port->by_subject |= listener->by_subject;
	port->by_token |= listener->by_token;
	return port->by_identity + port->by_subject + port->by_token == 1;
}
