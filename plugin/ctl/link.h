/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_LINK_H
#define HC_CTL_LINK_H
/* One question to a running broker, over MQTT (libmosquitto). One thread, blocks. */

#include <stdbool.h>

#include "base/json.h"

/* NULL: not given. */
struct link_conf {
	const char *host;        /* NULL: localhost; with port 0: a socket's file */
	int port;                /* -1: 1883, with TLS 8883 */
	const char *client_id;   /* NULL: the library makes one */
	const char *bind_address;
	const char *username, *password;
	const char *cafile, *capath, *certfile, *keyfile, *ciphers, *tls_version;
	bool insecure, os_certificates;
};

/* Connects, sends the payload to CONTROL_TOPIC, and waits for the answer, which the caller has a reference to. false: err. */
bool link_ask(const struct link_conf *conf, const char *payload, int timeout_s, json_t **answer, struct error *err);

#endif
