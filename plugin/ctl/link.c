/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A question to a running broker. One thread, blocks.
 *
 * MQTT 5, because its reason codes say why something is refused. */
#include "plugin/ctl/link.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <string.h>

#include "base/clock.h"
#include "plugin/broker/control_table.h"

enum { KEEPALIVE_S = 60, LOOP_MS = 200, REFUSED = 128 };

struct question {
	const char *payload;
	json_t *answer;
	bool failed; /* err says why */
	struct error *err;
};

static void fail(struct question *question, const char *what, const char *why)
{
	if (question->failed || question->answer != NULL)
		return;
	question->failed = true;
	error_set(question->err, -1, 0, "%s: %s", what, why);
}

static void on_connect(struct mosquitto *client, void *context, int reason, int flags, const mosquitto_property *properties)
{
	struct question *question = context;
	(void)flags;
	(void)properties;
	if (reason != 0)
		fail(question, "the broker refuses the login", mosquitto_reason_string(reason));
	else if (mosquitto_subscribe(client, NULL, CONTROL_RESPONSE_TOPIC, 1) != MOSQ_ERR_SUCCESS)
		fail(question, "could not subscribe", CONTROL_RESPONSE_TOPIC);
}

static void on_subscribe(struct mosquitto *client, void *context, int id, int count, const int *granted, const mosquitto_property *properties)
{
	struct question *question = context;
	(void)id;
	(void)properties;
	if (count < 1 || granted[0] >= REFUSED)
		fail(question, "the broker refuses", "this user is no operator, or the plugin is not loaded (operators, operator_claim)");
	else if (mosquitto_publish(client, NULL, CONTROL_TOPIC, (int)strlen(question->payload), question->payload, 1, false) != MOSQ_ERR_SUCCESS)
		fail(question, "could not publish to", CONTROL_TOPIC);
}

static void on_publish(struct mosquitto *client, void *context, int id, int reason, const mosquitto_property *properties)
{
	(void)client;
	(void)id;
	(void)properties;
	if (reason >= REFUSED)
		fail(context, "the broker refuses", mosquitto_reason_string(reason));
}

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message, const mosquitto_property *properties)
{
	struct question *question = context;
	(void)client;
	(void)properties;
	if (question->answer != NULL || strcmp(message->topic, CONTROL_RESPONSE_TOPIC) != 0)
		return;
	json_t *answer = json_loadb(message->payload, (size_t)message->payloadlen, 0, NULL);
	if (json_is_object(answer)) {
		question->answer = answer;
		return;
	}
	json_decref(answer);
	fail(question, "the broker's answer", "it is no JSON object");
}

static const char *words(int rc)
{
	return rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(rc);
}

static bool by_tls(const struct link_conf *conf)
{
	return conf->cafile != NULL || conf->capath != NULL || conf->os_certificates || conf->port == 8883;
}

static int set_tls(struct mosquitto *client, const struct link_conf *conf)
{
	bool os = conf->cafile == NULL && conf->capath == NULL;
	int rc = os ? mosquitto_int_option(client, MOSQ_OPT_TLS_USE_OS_CERTS, 1) : MOSQ_ERR_SUCCESS;
	if (rc == MOSQ_ERR_SUCCESS && (!os || conf->certfile != NULL))
		rc = mosquitto_tls_set(client, conf->cafile, conf->capath, conf->certfile, conf->keyfile, NULL);
	if (rc == MOSQ_ERR_SUCCESS && conf->insecure)
		rc = mosquitto_tls_insecure_set(client, true);
	if (rc == MOSQ_ERR_SUCCESS && (conf->tls_version != NULL || conf->ciphers != NULL))
		rc = mosquitto_tls_opts_set(client, 1, conf->tls_version, conf->ciphers);
	return rc;
}

static bool connect_to(struct mosquitto *client, const struct link_conf *conf, struct error *err)
{
	const char *host = conf->host != NULL ? conf->host : "localhost";
	int port = conf->port >= 0 ? conf->port : by_tls(conf) ? 8883 : 1883;
	int rc = mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
	if (rc == MOSQ_ERR_SUCCESS && conf->username != NULL)
		rc = mosquitto_username_pw_set(client, conf->username, conf->password);
	if (rc == MOSQ_ERR_SUCCESS && by_tls(conf))
		rc = set_tls(client, conf);
	if (rc != MOSQ_ERR_SUCCESS)
		return error_set(err, 0, 0, "the options of the connection: %s", words(rc));
	rc = mosquitto_connect_bind_v5(client, host, port, KEEPALIVE_S, conf->bind_address, NULL);
	if (rc == MOSQ_ERR_SUCCESS)
		return true;
	return error_set(err, 0, 0, "could not connect to %s, port %d: %s", host, port, words(rc));
}

static bool wait_for_answer(struct mosquitto *client, struct question *question, int timeout_s)
{
	int64_t end_ms = clock_mono_ms() + (int64_t)timeout_s * 1000;
	while (question->answer == NULL && !question->failed && clock_mono_ms() < end_ms) {
		int rc = mosquitto_loop(client, LOOP_MS, 1);
		if (rc != MOSQ_ERR_SUCCESS)
			fail(question, "the connection ended before there was an answer", words(rc));
	}
	if (question->answer == NULL && !question->failed)
		fail(question, "no answer", "in time; what was asked may have been done");
	mosquitto_disconnect(client);
	return question->answer != NULL;
}

bool link_ask(const struct link_conf *conf, const char *payload, int timeout_s, json_t **answer, struct error *err)
{
	struct question question = {.payload = payload, .err = err};
	mosquitto_lib_init();
	struct mosquitto *client = mosquitto_new(conf->client_id, true, &question);
	bool answered = client != NULL || error_set(err, 0, 0, "the client ID: %s", words(errno == ENOMEM ? MOSQ_ERR_NOMEM : MOSQ_ERR_INVAL));
	if (answered) {
		mosquitto_connect_v5_callback_set(client, on_connect);
		mosquitto_subscribe_v5_callback_set(client, on_subscribe);
		mosquitto_publish_v5_callback_set(client, on_publish);
		mosquitto_message_v5_callback_set(client, on_message);
		answered = connect_to(client, conf, err) && wait_for_answer(client, &question, timeout_s);
		mosquitto_destroy(client);
	}
	mosquitto_lib_cleanup();
	*answer = question.answer;
	return answered;
}
