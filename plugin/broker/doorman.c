/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Whose token is looked at, and what the log says of the others. Broker thread. */
#include "plugin/broker/doorman.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/rate.h"
#include "plugin/broker/server.h"

enum {
	LINES = 20, /* at once, and a minute */
	COUNT_EVERY_MS = 10 * 1000,
};

struct doorman {
	struct gate *gate;
	struct rate lines;
	bool plain_warned;
	unsigned long unsaid, unseen; /* lines that were not written; logins refused unseen, of which there are none */
	int64_t counted_at_ms;
};

/* ---- the log ---- */

void doorman_says(struct server *server, const char *format, ...)
{
	char text[400];
	va_list args;
	if (rate_take(&server->doorman->lines, LINES / 60.0, LINES, 1, server->now_ms) > 0) {
		server->doorman->unsaid++;
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	server_log(MOSQ_LOG_NOTICE, "%s", text);
}

void doorman_tick(struct server *server)
{
	struct doorman *doorman = server->doorman;
	if (server->now_ms - doorman->counted_at_ms < COUNT_EVERY_MS)
		return;
	if (doorman->unsaid > 0 || doorman->unseen > 0)
		server_log(MOSQ_LOG_NOTICE, "within %d s: %lu more logins refused than there are lines, and %lu without looking at the token",
			COUNT_EVERY_MS / 1000, doorman->unsaid, doorman->unseen);
	doorman->counted_at_ms = server->now_ms;
	doorman->unsaid = doorman->unseen = 0;
}

/* ---- tokens without TLS ---- */

/* A listener whose port was not read counts as one without. */
static bool comes_plain(const struct server *server, const struct mosquitto *client, const char *address, bool known)
{
	int number = client_port(client);
	const struct hostconf_port *port = hostconf_port(&server->host, number);
	if (number == 0 || (known && gate_is_near(server->doorman->gate, address)))
		return false;
	return port == NULL || port->plain;
}

static bool plain_is_refused(struct server *server, const struct mosquitto *client, const struct entrant *entrant, bool known)
{
	bool refuse = server->conf.unencrypted == CONF_UNENCRYPTED_REFUSE;
	if (server->conf.unencrypted == CONF_UNENCRYPTED_ALLOW || !comes_plain(server, client, entrant->address, known))
		return false;
	if (refuse)
		doorman_says(server, "login from %s refused: its token came without TLS (unencrypted)", entrant->address);
	else if (!server->doorman->plain_warned)
		server_log(MOSQ_LOG_WARNING,
			"a token came from %s to port %d without TLS: who listens on the way can log in with it. See the option unencrypted; said once",
			entrant->address, client_port(client));
	server->doorman->plain_warned = true;
	return refuse;
}

/* ---- at the door ---- */

enum gate_rc doorman_ask(struct server *server, const struct mosquitto *client, const char *token, size_t len, struct entrant *entrant)
{
	struct doorman *doorman = server->doorman;
	char user_id[AUTH_USER_ID_MAX + 1];
	const char *client_id = mosquitto_client_id(client);
	bool known = client_address(client, entrant->address);
	entrant->token = token;
	entrant->len = len;
	if (plain_is_refused(server, client, entrant, known)) {
		server->counters.logins_refused[LOGIN_UNENCRYPTED]++;
		return GATE_CLOSED;
	}
	entrant->visit = gate_visit(doorman->gate, known ? entrant->address : NULL, client_id ? client_id : "");
	enum gate_rc rc = gate_ask(doorman->gate, &entrant->visit, server->now_ms);
	if (rc == GATE_WHO) {
		bool says = issuers_claimed(server->issuers, token, len, user_id);
		rc = gate_ask_user(doorman->gate, &entrant->visit, says ? user_id : NULL, server->now_ms);
	}
	server->counters.logins_refused[LOGIN_TOO_MANY] += rc != GATE_OPEN;
	if (rc == GATE_LATER)
		doorman_says(server, "a device from %s comes too often: it is to come later", entrant->address);
	else if (rc == GATE_CLOSED)
		doorman->unseen++;
	return rc;
}

bool doorman_puts_off(struct server *server, const char *user_id, const struct entrant *entrant)
{
	if (gate_ask_known(server->doorman->gate, user_id, server->now_ms) == GATE_OPEN)
		return false;
	server->counters.logins_refused[LOGIN_TOO_MANY]++;
	doorman_says(server, "%s comes too often, now from %s: this is to come later", user_id, entrant->address);
	return true;
}

void doorman_failed(struct server *server, const struct entrant *entrant, enum jwt_rc rc, const char *why)
{
	char user_id[AUTH_USER_ID_MAX + 1];
	doorman_says(server, "login from %s refused: %s", entrant->address, why);
	if (!entrant->visit.counted)
		return;
	bool says = issuers_claimed(server->issuers, entrant->token, entrant->len, user_id);
	enum gate_cost cost = rc == JWT_EXPIRED || rc == JWT_NOT_YET ? GATE_READING : GATE_SIGNATURE;
	int64_t ms = gate_failed(server->doorman->gate, &entrant->visit, says ? user_id : NULL, cost, server->now_ms);
	if (ms > 0)
		doorman_says(server, "too many logins from %s fail: more of them are refused unseen for %lld s", entrant->address, (long long)(ms / 1000));
}

void doorman_passed(struct server *server, const struct entrant *entrant, const struct session *session)
{
	struct gate_visit visit = entrant->visit;
	if (session->device == NULL)
		visit.device = 0; /* anybody may take such a client ID, also one that is somebody's device */
	gate_passed(server->doorman->gate, &visit, session->person->user_id, server->now_ms);
}

/* ---- beginning and end ---- */

void doorman_limits_changed(struct server *server)
{
	gate_set_limits(server->doorman->gate, server->conf.failed_logins_per_minute, server->conf.connects_per_minute);
}

bool doorman_open(struct server *server, struct error *err)
{
	struct error why;
	struct gate *gate = gate_new(server->conf.proxies, &why);
	if (gate == NULL)
		return error_set(err, 0, 0, "plugin_opt_proxies: %s", why.text);
	server->doorman = mem_zero(sizeof *server->doorman);
	server->doorman->gate = gate;
	doorman_limits_changed(server);
	return true;
}

void doorman_close(struct server *server)
{
	if (server->doorman == NULL)
		return;
	gate_free(server->doorman->gate);
	free(server->doorman);
	server->doorman = NULL;
}
