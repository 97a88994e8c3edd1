/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * How one gets in, and stays. Broker thread.
 *
 * What the host does with AUTH (2.0.11 to 2.1.2, src/handle_auth.c) leaves few ways. An empty method that is accepted crashes 2.0.11, so ours
 * alone is. An AUTH packet without content counts as going on with an exchange, whether there is one or not, and any answer but "go on" makes
 * the host forget the client ID of a client that it still has under it: so it is told to go on, and the client is cut at the next tick. */
#include "plugin/broker/login.h"

#include <string.h>

#include "plugin/broker/client.h"
#include "plugin/broker/doorman.h"
#include "plugin/broker/naming.h"
#include "plugin/broker/server.h"
#include "plugin/broker/token.h"
#include "plugin/broker/underway.h"

enum { SERVER_UNAVAILABLE_2_1 = 0x88 }; /* MOSQ_ERR_SERVER_UNAVAILABLE; an older host takes it for any error */

static bool looks_like_token(const char *password)
{
	const char *dot = password ? strchr(password, '.') : NULL;
	return dot != NULL && strchr(dot + 1, '.') != NULL;
}

static int outside_login(const struct server *server)
{
	switch (server->conf.outside) {
	case CONF_OUTSIDE_ALLOW:
		return MOSQ_ERR_SUCCESS;
	case CONF_OUTSIDE_DENY:
		return MOSQ_ERR_AUTH;
	case CONF_OUTSIDE_DEFER:
		break;
	}
	return MOSQ_ERR_PLUGIN_DEFER;
}

/* Only MQTT 5 on 2.1 can be told. All others are cut without an answer: "not authorized" would keep many clients from coming again. */
static int try_again(const struct mosquitto *client)
{
	return mosquitto_client_protocol_version(client) == 5 ? SERVER_UNAVAILABLE_2_1 : MOSQ_ERR_UNKNOWN;
}

/* Whoever may let him in, he does not get what is on its way to a user, and pushes none out. MOSQ_ERR_SUCCESS: he does neither. */
static int stranger_stops(struct server *server, const struct mosquitto *client)
{
	const char *client_id = mosquitto_client_id(client);
	if (client_id == NULL)
		return MOSQ_ERR_SUCCESS;
	if (underway_bars_strangers(server, client_id))
		return try_again(client);
	const struct session *session = session_by_name(server, client_id);
	if (session == NULL || session->client == client)
		return MOSQ_ERR_SUCCESS;
	doorman_says(server, "login from outside refused: a user of the chat is connected under this client ID");
	return MOSQ_ERR_AUTH;
}

static int64_t end_of_session(const struct server *server, const struct jwt_claims *claims)
{
	return server->now_ms + (claims->expires_at_ms - server->wall_ms);
}

/* ---- login ---- */

/* Why claims that are true are not enough; NULL: they are. */
static const char *refusal(struct server *server, const struct mosquitto *client, const char *username, const struct token *token)
{
	static const enum login_refusal REFUSALS[] = {[TOKEN_OF_ANOTHER_DEVICE] = LOGIN_CLIENT_ID, [TOKEN_OF_DELETED_ACCOUNT] = LOGIN_ACCOUNT,
		[TOKEN_REVOKED] = LOGIN_REVOKED};
	const char *why = NULL;
	if (!username_fits(username, token->claims.user_id)) {
		server->counters.logins_refused[LOGIN_USERNAME]++;
		return "the username must be empty, the user ID or jwt";
	}
	enum token_fault fault = token_fault(server, token, mosquitto_client_id(client), &why);
	if (fault != TOKEN_COUNTS)
		server->counters.logins_refused[REFUSALS[fault]]++;
	return why;
}

static void count_refused_token(struct server *server, enum jwt_rc rc)
{
	static const enum login_refusal refusals[] = {
		[JWT_EXPIRED] = LOGIN_EXPIRED, [JWT_NOT_YET] = LOGIN_NOT_YET, [JWT_NO_KEY] = LOGIN_NO_KEY, [JWT_BAD] = LOGIN_BAD_TOKEN};
	server->counters.logins_refused[refusals[rc]]++;
}

static int login(struct server *server, struct mosquitto *client, const char *username, const char *text, size_t len, bool by_auth)
{
	struct token token;
	struct entrant entrant;
	const struct jwt_claims *claims = &token.claims;
	struct error err;
	enum gate_rc gate = doorman_ask(server, client, text, len, &entrant);
	if (gate != GATE_OPEN)
		return gate == GATE_LATER ? try_again(client) : MOSQ_ERR_AUTH;
	enum jwt_rc rc = token_verify(server, text, len, &token, &err);
	if (rc != JWT_OK)
		count_refused_token(server, rc);
	if (rc == JWT_NO_KEY)
		return try_again(client);
	if (rc != JWT_OK) {
		doorman_failed(server, &entrant, rc, err.text);
		return MOSQ_ERR_AUTH;
	}
	if (server->core == NULL) {
		server->counters.logins_refused[LOGIN_STORE_AWAY]++;
		return try_again(client); /* opening.c has said why */
	}
	if (server->draining && !token_is_operators(server, &token)) {
		server->counters.logins_refused[LOGIN_DRAINING]++;
		return try_again(client); /* control_drain.c has said why */
	}
	const char *why = refusal(server, client, username, &token);
	bool fits = why == NULL;
	if (fits && (doorman_puts_off(server, claims->user_id, &entrant) || underway_bars(server, client, claims->user_id)))
		return try_again(client);
	struct session *session = fits ? session_begin(server, client, claims->user_id, end_of_session(server, claims), &why) : NULL;
	if (session == NULL) {
		server->counters.logins_refused[LOGIN_CLIENT_ID] += fits;
		doorman_says(server, "login of %s from %s refused: %s", claims->user_id, entrant.address, why);
		return MOSQ_ERR_AUTH;
	}
	server->counters.logins++;
	doorman_passed(server, &entrant, session);
	session->by_auth = by_auth;
	token_take(server, session, &token);
	if (claims->name[0] != '\0' && session->person->sessions->person_next == NULL)
		naming_offer(server, claims->user_id, claims->name);
	/* Without a name the broker would cut the session at the next SIGHUP where allow_anonymous is false. */
	mosquitto_set_username(client, claims->user_id);
	return MOSQ_ERR_SUCCESS;
}

/* SIGHUP asks again for every session, with the password of its CONNECT. Whoever is connected stays until his token, perhaps a renewed one,
 * ends, and then he is told; what is offline stays as well and is asked properly when it comes back. Anybody else is from outside, or only coming: 2.0
 * serves WebSockets between that and the next tick. */
static bool is_asked_again(struct server *server, const struct mosquitto *client)
{
	bool is_coming = server->version.minor == 0 && mosquitto_client_protocol(client) == mp_websockets; /* also where its socket is not known */
	return server->reloading && (session_of(server, client) != NULL || (client_socket(client) < 0 && !is_coming));
}

static void say_without_token(struct server *server, const struct mosquitto *client)
{
	char address[CLIENT_ADDRESS_SIZE];
	client_address(client, address);
	doorman_says(server, "login from %s refused: its password is empty or no token", address);
}

int login_by_password(struct server *server, struct mosquitto *client, const char *username, const char *password)
{
	if (is_asked_again(server, client))
		return MOSQ_ERR_SUCCESS;
	if (mosquitto_client_id(client) != NULL && looks_like_token(password))
		return login(server, client, username, password, strlen(password), false);
	int rc = stranger_stops(server, client);
	if (rc != MOSQ_ERR_SUCCESS)
		return rc;
	if (server->conf.outside == CONF_OUTSIDE_DENY)
		say_without_token(server, client);
	return outside_login(server);
}

/* ---- staying ---- */

/* The verified claims of a token by which the session is to go on. */
static bool renewal_check(struct server *server, const struct session *session, const char *text, size_t len, struct token *token,
	struct verdict *verdict)
{
	struct error err;
	const char *why;
	enum jwt_rc rc = token_verify(server, text, len, token, &err);
	if (rc == JWT_NO_KEY) {
		refuse(verdict, REFUSAL_UNAVAILABLE, "token: its key is not here yet, try again");
	} else if (rc != JWT_OK) {
		doorman_says(server, "a token that was to be renewed by %s is refused: %s", session->person->user_id, err.text);
		refuse(verdict, REFUSAL_FORBIDDEN, rc == JWT_EXPIRED ? "token: it is over" : "token: it is not valid here");
	} else if (strcmp(token->claims.user_id, session->person->user_id) != 0) {
		refuse(verdict, REFUSAL_FORBIDDEN, "token: it is somebody else's");
	} else if (session->gone || session->removed || session->kicked) {
		refuse(verdict, REFUSAL_FORBIDDEN, "token: this connection is being ended, connect again");
	} else if (token_fault(server, token, session->client_id, &why) != TOKEN_COUNTS) {
		refuse(verdict, REFUSAL_FORBIDDEN, "token: %s", why);
	} else {
		return true;
	}
	return false;
}

static bool renew(struct server *server, struct session *session, const char *text, size_t len, int64_t *expires_ms, struct verdict *verdict)
{
	struct token token;
	if (!renewal_check(server, session, text, len, &token, verdict)) {
		server->counters.renewals_refused++;
		return false;
	}
	server->counters.renewals++;
	token_take(server, session, &token);
	session->expires_at_ms = end_of_session(server, &token.claims);
	session->warned = false;
	*expires_ms = token.claims.expires_at_ms;
	return true;
}

bool login_renew(struct server *server, struct session *session, const char *token, int64_t *expires_ms, struct verdict *verdict)
{
	return renew(server, session, token, strlen(token), expires_ms, verdict);
}

/* ---- AUTH ---- */

/* MQTT 5 §4.12.1: who cannot authenticate again is disconnected. 2.0 would send a CONNACK for MOSQ_ERR_AUTH, in the middle of a connection. */
static int auth_again(struct server *server, struct session *session, const char *token, size_t len)
{
	struct verdict verdict;
	int64_t expires_ms;
	if (renew(server, session, token, len, &expires_ms, &verdict))
		return MOSQ_ERR_SUCCESS;
	doorman_says(server, "AUTH of %s refused: %s", session->person->user_id, verdict.message);
	bool is_2_0 = server->version.major == 2 && server->version.minor == 0;
	return is_2_0 ? MOSQ_ERR_ACL_DENIED : MOSQ_ERR_AUTH;
}

/* By a method of another plugin, which has to be asked: `outside allow` lets nobody in by it. */
static int auth_of_another(struct server *server, const struct mosquitto *client)
{
	int rc = stranger_stops(server, client);
	if (rc != MOSQ_ERR_SUCCESS)
		return rc;
	return server->conf.outside == CONF_OUTSIDE_DENY ? MOSQ_ERR_AUTH : MOSQ_ERR_PLUGIN_DEFER;
}

int login_by_auth(struct server *server, const struct mosquitto_evt_extended_auth *event)
{
	struct session *session = session_of(server, event->client);
	const char *token = event->data_in ? event->data_in : "";
	size_t len = event->data_in ? event->data_in_len : 0;
	if (session != NULL && session->by_auth && !session->gone)
		return auth_again(server, session, token, len);
	if (event->auth_method == NULL || strcmp(event->auth_method, LOGIN_METHOD) != 0)
		return auth_of_another(server, event->client);
	return login(server, event->client, mosquitto_client_username(event->client), token, len, true);
}

int login_goes_on(struct server *server, const struct mosquitto_evt_extended_auth *event)
{
	struct session *session = session_of(server, event->client);
	if (session == NULL) /* another plugin's exchange: since it began, a user may have come under the client ID, or gone */
		return auth_of_another(server, event->client);
	session->expires_at_ms = server->now_ms;
	session->gone = true;
	server_sweep_next(server);
	return MOSQ_ERR_AUTH_CONTINUE;
}
