/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The plugin's entry points and its table of callbacks: the whole surface towards the broker. Broker thread.
 *
 * One binary for all versions: events that only 2.1 knows are registered by number, and their absence is no error. Each callback is
 * timed; the longest one is logged, since nobody else is served meanwhile. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "plugin/broker/access.h"
#include "plugin/broker/certificate.h"
#include "plugin/broker/control.h"
#include "plugin/broker/control_table.h"
#include "plugin/broker/intake.h"
#include "plugin/broker/login.h"
#include "plugin/broker/opening.h"
#include "plugin/broker/server.h"

#define EXPORT __attribute__((visibility("default")))

enum { LONG_CALLBACK_US = 20000, CLOCK_BACK_MS = 20 };

/* 2.1 tells of a client whose session goes on by an event of its own, not by DISCONNECT. Its data begins like DISCONNECT's. */
enum { EVT_CLIENT_OFFLINE_2_1 = 28, EVT_CONNECT_2_1 = 11 };

/* The data of EVT_CONNECT_2_1. */
struct evt_connect_2_1 {
	void *future;
	struct mosquitto *client;
	void *future2[4];
};

static int on_reload(struct server *server, void *data)
{
	(void)data;
	server_reload(server);
	return MOSQ_ERR_SUCCESS;
}

static int on_acl_check(struct server *server, void *data)
{
	return access_check(server, data);
}

static int on_basic_auth(struct server *server, void *data)
{
	struct mosquitto_evt_basic_auth *event = data;
	return login_by_password(server, event->client, event->username, event->password);
}

static int on_auth_start(struct server *server, void *data)
{
	return login_by_auth(server, data);
}

static int on_auth_continue(struct server *server, void *data)
{
	return login_goes_on(server, data);
}

static int on_message(struct server *server, void *data)
{
	return intake_message(server, data);
}

static int on_tick(struct server *server, void *data)
{
	(void)data;
	server_tick(server);
	return MOSQ_ERR_SUCCESS;
}

static int on_disconnect(struct server *server, void *data)
{
	const struct mosquitto_evt_disconnect *event = data;
	struct session *session = event->client ? session_of(server, event->client) : NULL;
	if (session != NULL)
		session_end(server, session);
	certificate_leaves(server, event->client);
	return MOSQ_ERR_SUCCESS;
}

static int on_connect(struct server *server, void *data)
{
	const struct evt_connect_2_1 *event = data;
	server->leaving = NULL;
	if (event->client != NULL && session_of(server, event->client) == NULL)
		certificate_session(server, event->client);
	return MOSQ_ERR_SUCCESS;
}

static int on_control(struct server *server, void *data)
{
	return control_take(server, data);
}

static const struct callback {
	int event;
	const char *name;
	int (*run)(struct server *server, void *data);
	bool optional; /* not every version has it */
	const char *topic; /* that it is about */
} CALLBACKS[] = {
	{MOSQ_EVT_RELOAD, "reload", on_reload, false, NULL},
	{MOSQ_EVT_ACL_CHECK, "access check", on_acl_check, false, NULL},
	{MOSQ_EVT_BASIC_AUTH, "login", on_basic_auth, false, NULL},
	{MOSQ_EVT_EXT_AUTH_START, "login by AUTH", on_auth_start, false, NULL},
	{MOSQ_EVT_EXT_AUTH_CONTINUE, "AUTH", on_auth_continue, false, NULL},
	{MOSQ_EVT_MESSAGE, "message", on_message, false, NULL},
	{MOSQ_EVT_TICK, "tick", on_tick, false, NULL},
	{MOSQ_EVT_DISCONNECT, "disconnect", on_disconnect, false, NULL},
	{MOSQ_EVT_CONTROL, "control", on_control, true, CONTROL_TOPIC},
	{EVT_CLIENT_OFFLINE_2_1, "offline", on_disconnect, true, NULL},
	{EVT_CONNECT_2_1, "connect", on_connect, true, NULL},
};
enum { CALLBACK_COUNT = sizeof CALLBACKS / sizeof *CALLBACKS };

static int on_event(int event, void *data, void *context);

static mosquitto_plugin_id_t *plugin_id;
static struct server server_of_plugin; /* the broker gives NULL as user data to some callbacks of some versions */

static int64_t ticked_wall_ms; /* when the last tick was, by the clock that can be set */

/* 2.1 keeps the time of the next tick by that clock: set back by an hour, it would not tick for an hour, and nothing would be delivered. A
 * callback that is registered anew is due at once. Whatever client sends something first brings this about. */
static void tick_again(const struct server *server)
{
	mosquitto_callback_unregister(plugin_id, MOSQ_EVT_TICK, on_event, NULL);
	int rc = mosquitto_callback_register(plugin_id, MOSQ_EVT_TICK, on_event, NULL, NULL);
	server_log(rc == MOSQ_ERR_SUCCESS ? MOSQ_LOG_NOTICE : MOSQ_LOG_ERR, "the clock was set back by %lld ms: ticks begin anew%s%s",
		(long long)(ticked_wall_ms - server->wall_ms), rc == MOSQ_ERR_SUCCESS ? "" : ", but the broker refuses: ",
		rc == MOSQ_ERR_SUCCESS ? "" : mosquitto_strerror(rc));
	ticked_wall_ms = server->wall_ms;
}

static void note_clock(const struct server *server, int event)
{
	if (event == MOSQ_EVT_TICK)
		ticked_wall_ms = server->wall_ms;
	else if (server->wall_ms < ticked_wall_ms - CLOCK_BACK_MS)
		tick_again(server);
}

static void note_time(struct server *server, const struct callback *callback, int64_t us)
{
	struct counters *counters = &server->counters;
	uint64_t took_us = (uint64_t)us;
	counters->callbacks++;
	counters->callbacks_us += took_us;
	counters->long_callbacks += us >= LONG_CALLBACK_US;
	if (took_us > counters->interval_callback_us)
		counters->interval_callback_us = took_us;
	if (took_us <= counters->longest_callback_us)
		return;
	counters->longest_callback_us = took_us;
	if (us < LONG_CALLBACK_US)
		return;
	server_log(MOSQ_LOG_WARNING, "the broker was held up for %lld ms by a callback (%s), the longest so far", (long long)(us / 1000),
		callback->name);
}

static int on_event(int event, void *data, void *context)
{
	struct server *server = &server_of_plugin;
	(void)context;
	for (size_t i = 0; i < CALLBACK_COUNT; i++) {
		if (CALLBACKS[i].event != event)
			continue;
		int64_t start_us = server_read_clock(server);
		note_clock(server, event);
		int rc = CALLBACKS[i].run(server, data);
		note_time(server, &CALLBACKS[i], clock_mono_us() - start_us);
		return rc;
	}
	return MOSQ_ERR_PLUGIN_DEFER;
}

static void unregister(size_t count)
{
	while (count-- > 0)
		mosquitto_callback_unregister(plugin_id, CALLBACKS[count].event, on_event, CALLBACKS[count].topic);
}

EXPORT int mosquitto_plugin_version(int supported_version_count, const int *supported_versions)
{
	for (int i = 0; i < supported_version_count; i++)
		if (supported_versions[i] == 5)
			return 5;
	return -1;
}

static bool read_options(const struct mosquitto_opt *options, int option_count, struct error *err)
{
	struct conf_pair *pairs = mem_zero((size_t)option_count * sizeof *pairs);
	for (int i = 0; i < option_count; i++)
		pairs[i] = (struct conf_pair){options[i].key, options[i].value};
	bool ok = server_open(&server_of_plugin, pairs, (size_t)option_count, err);
	free(pairs);
	return ok;
}

/* What base/ has of the process. */
static void forget(void)
{
	json_unguard_memory();
	id_fini();
}

EXPORT int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **userdata, struct mosquitto_opt *options, int option_count)
{
	struct server *server = &server_of_plugin;
	struct error err;
	*userdata = server;
	plugin_id = identifier;
	json_guard_memory();
	mosquitto_lib_version(&server->version.major, &server->version.minor, &server->version.revision);
	if (!read_options(options, option_count, &err)) {
		server_log(MOSQ_LOG_ERR, "%s", err.text);
		forget();
		return MOSQ_ERR_INVAL;
	}
	for (size_t i = 0; i < CALLBACK_COUNT; i++) {
		int rc = mosquitto_callback_register(plugin_id, CALLBACKS[i].event, on_event, CALLBACKS[i].topic, NULL);
		if (rc == MOSQ_ERR_SUCCESS || (rc == MOSQ_ERR_NOT_SUPPORTED && CALLBACKS[i].optional))
			continue;
		server_log(MOSQ_LOG_ERR, "the broker did not take the callback for %s: %s", CALLBACKS[i].name, mosquitto_strerror(rc));
		unregister(i);
		server_close(server);
		forget();
		return rc;
	}
	server_log(MOSQ_LOG_INFO, "%s on Mosquitto %d.%d.%d, store epoch %s", HC_VERSION, server->version.major, server->version.minor,
		server->version.revision, server->store != NULL ? server->world.info.epoch : "not known yet");
	opening_log_places(server);
	return MOSQ_ERR_SUCCESS;
}

EXPORT int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int option_count)
{
	(void)userdata;
	(void)options;
	(void)option_count;
	unregister(CALLBACK_COUNT);
	server_close(&server_of_plugin);
	forget();
	return MOSQ_ERR_SUCCESS;
}
