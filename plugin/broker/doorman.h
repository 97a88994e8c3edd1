/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_DOORMAN_H
#define HC_BROKER_DOORMAN_H
/* Stands between login.c and gate.h: knows clients and tokens, and writes what was refused into the log, so that a flood is a handful of lines:
 * LINES at once, then some a minute, and the rest as a count. The client learns nothing of it. Broker thread. */

#include <stddef.h>

#include "plugin/auth/jwt.h"
#include "plugin/broker/client.h"
#include "plugin/broker/gate.h"

struct server;
struct session;

struct doorman;

/* Somebody with a token. */
struct entrant {
	const char *token;
	size_t len;
	char address[CLIENT_ADDRESS_SIZE]; /* "?": not known */
	struct gate_visit visit;
};

/* false: err names the option. */
bool doorman_open(struct server *server, struct error *err);
void doorman_close(struct server *server);
void doorman_limits_changed(struct server *server);

/* Whether the token is to be looked at, and fills the entrant in. GATE_OPEN, GATE_CLOSED or GATE_LATER. */
enum gate_rc doorman_ask(struct server *server, const struct mosquitto *client, const char *token, size_t len, struct entrant *entrant);

/* Its token is good, but all that is the user's has come too often: it is to come later. */
bool doorman_puts_off(struct server *server, const char *user_id, const struct entrant *entrant);

/* The token was looked at. */
void doorman_failed(struct server *server, const struct entrant *entrant, enum jwt_rc rc, const char *why);
void doorman_passed(struct server *server, const struct entrant *entrant, const struct session *session);

/* A line about something refused that clients can bring about as often as they like. */
void doorman_says(struct server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says how many lines there were not. At each tick. */
void doorman_tick(struct server *server);

#endif
