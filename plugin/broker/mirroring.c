/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The broker's mirrors. Broker thread, but for what is marked. */
#include "plugin/broker/mirroring.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "plugin/broker/activity.h"
#include "plugin/broker/server.h"

enum { RETURN_MS = 3000 }; /* behind the start, so that who was connected before is so again */

/* A line for the log comes from the mirror's thread or librdkafka's, and goes through the mailbox. */
struct said {
	struct job job;
	int level;
	char text[];
};

static void said_done(struct job *job)
{
	struct said *said = (struct said *)job;
	static const int levels[] = {[LOG_ERR] = MOSQ_LOG_ERR, [LOG_WARNING] = MOSQ_LOG_WARNING, [LOG_NOTICE] = MOSQ_LOG_NOTICE,
		[LOG_INFO] = MOSQ_LOG_INFO};
	server_log(said->level >= LOG_ERR && said->level <= LOG_INFO ? levels[said->level] : MOSQ_LOG_ERR, "%s", said->text);
	free(said);
}

/* Any thread. */
void mirroring_say(struct server *server, int level, const char *text)
{
	struct said *said = mem_zero(sizeof *said + strlen(text) + 1);
	said->job.done = said_done;
	said->level = level;
	memcpy(said->text, text, strlen(text) + 1);
	mailbox_post(server->mailbox, &said->job);
}

/* Any thread. */
static void say(void *context, int level, const char *text)
{
	mirroring_say(context, level, text);
}

/* conf's properties as the producer takes them; free() it. */
static struct kafka_property *list_properties(const struct conf *conf)
{
	struct kafka_property *properties = mem_zero((conf->kafka_property_count + 1) * sizeof *properties);
	for (size_t i = 0; i < conf->kafka_property_count; i++)
		properties[i] = (struct kafka_property){conf->kafka_properties[i].name, conf->kafka_properties[i].value};
	return properties;
}

static bool refuse_options(struct error *err, const struct error *why)
{
	error_set(err, -1, 0, "plugin_opt_kafka_*: %.170s", why->text);
	return false;
}

static bool has_one_topic_twice(const struct conf *conf)
{
	const char *push = conf->kafka_push_topic, *activity = conf->kafka_activity_topic;
	return strcmp(conf->kafka_topic, push) == 0 || strcmp(conf->kafka_topic, activity) == 0 || (push[0] != '\0' && strcmp(push, activity) == 0);
}

bool mirroring_check(const struct conf *conf, struct error *err)
{
	struct error why;
	if (conf->kafka[0] == '\0' && conf->kafka_property_count > 0) {
		error_set(err, -1, 0, "plugin_opt_kafka_*: have no meaning without plugin_opt_kafka");
		return false;
	}
	if (conf->kafka[0] == '\0' && (conf->kafka_push_topic[0] != '\0' || conf->kafka_activity_topic[0] != '\0')) {
		error_set(err, -1, 0, "plugin_opt_kafka_push_topic, plugin_opt_kafka_activity_topic: have no meaning without plugin_opt_kafka");
		return false;
	}
	if (has_one_topic_twice(conf)) {
		error_set(err, -1, 0, "plugin_opt_kafka_topic, plugin_opt_kafka_push_topic, plugin_opt_kafka_activity_topic: two of them are the same topic");
		return false;
	}
	struct kafka_property *properties = list_properties(conf);
	const struct kafka_conf kafka = {.servers = conf->kafka, .properties = properties, .property_count = conf->kafka_property_count};
	bool good = conf->kafka[0] == '\0' || kafka_check(&kafka, &why);
	free(properties);
	return good || refuse_options(err, &why);
}

/* Mirror's thread. */
static enum store_rc render(void *context, const struct transaction *tx, size_t max, struct buf *value, struct error *err)
{
	const struct server *server = context;
	return bodies_render(server->bodies, tx, max, value, err);
}

static enum bodies_mode bodies_mode(const struct conf *conf)
{
	static const enum bodies_mode modes[] = {[CONF_BODY_FULL] = BODIES_FULL, [CONF_BODY_NONE] = BODIES_NONE, [CONF_BODY_ENCRYPTED] = BODIES_ENCRYPTED};
	return modes[conf->kafka_body];
}

/* Mirror's thread. */
static enum store_rc make_pushes(void *context, struct mirror *mirror, const struct transaction *tx, struct error *err)
{
	const struct server *server = context;
	return push_make(server->push, mirror, tx, err);
}

/* Mirror's thread. */
static void leave_out(void *context, const struct error *err)
{
	const struct server *server = context;
	push_leave_out(server->push, err);
}

/* Mirror's thread. */
static void make_owed(void *context, struct mirror *mirror)
{
	const struct server *server = context;
	push_idle(server->push, mirror);
}

/* What both mirrors have in common. */
static struct mirror_conf common(struct server *server, const struct kafka_property *properties)
{
	const struct conf *conf = &server->conf;
	return (struct mirror_conf){
		.store = server->store,
		.writer = server->world.info.writer,
		.holder = server->world.info.writer,
		.epoch = server->world.info.epoch,
		.servers = conf->kafka,
		.properties = properties,
		.property_count = conf->kafka_property_count,
		.adopt = true,
		.log = say,
		.context = server,
	};
}

static struct mirror *start_transactions(struct server *server, const struct kafka_property *properties, struct error *err)
{
	const struct conf *conf = &server->conf;
	struct mirror_conf mirror = common(server, properties);
	mirror.kind = "kafka";
	mirror.what = "transactions";
	mirror.topic = conf->kafka_topic;
	mirror.side_topic = conf->kafka_activity_topic[0] != '\0' ? conf->kafka_activity_topic : NULL;
	mirror.render = render;
	server->bodies = bodies_new(server->store, bodies_mode(conf), err);
	return server->bodies != NULL ? mirror_start(&mirror, err) : NULL;
}

static struct mirror *start_pushes(struct server *server, const struct kafka_property *properties, struct error *err)
{
	const struct conf *conf = &server->conf;
	const struct push_conf push = {
		.store = server->store,
		.here = server->here,
		.topic = conf->kafka_push_topic,
		.epoch = server->world.info.epoch,
		.ttl_ms = (int64_t)conf->push_ttl_s * 1000,
		.preview = conf->push_preview == CONF_PREVIEW_ON && conf->kafka_body == CONF_BODY_FULL,
		.large_group = conf->large_group,
		.log = say,
		.log_context = server,
	};
	struct mirror_conf mirror = common(server, properties);
	mirror.kind = "push";
	mirror.what = "pushes";
	mirror.topic = conf->kafka_push_topic;
	mirror.also_only = true;
	mirror.from_now = true;
	mirror.delay_ms = (int)conf->push_delay_s * 1000;
	mirror.grace_ms = mirror.delay_ms + RETURN_MS;
	mirror.also = make_pushes;
	mirror.damaged = leave_out;
	mirror.idle = make_owed;
	server->push = push_new(&push);
	return mirror_start(&mirror, err);
}

bool mirroring_open(struct server *server, struct error *err)
{
	const struct conf *conf = &server->conf;
	struct error why;
	if (conf->kafka[0] == '\0')
		return true;
	struct kafka_property *properties = list_properties(conf);
	server->mirror = start_transactions(server, properties, &why);
	bool good = server->mirror != NULL;
	if (good && conf->kafka_push_topic[0] != '\0')
		good = (server->pushes = start_pushes(server, properties, &why)) != NULL;
	free(properties);
	activity_open(server);
	return good || refuse_options(err, &why);
}

void mirroring_committed(struct server *server, uint64_t last_position)
{
	if (server->mirror != NULL)
		mirror_committed(server->mirror, last_position);
	if (server->pushes != NULL)
		mirror_committed(server->pushes, last_position);
}

void mirroring_close_pushes(struct server *server)
{
	mirror_stop(server->pushes);
	server->pushes = NULL;
	push_free(server->push);
	server->push = NULL;
}

void mirroring_close(struct server *server)
{
	mirroring_close_pushes(server);
	activity_close(server);
	mirror_stop(server->mirror);
	server->mirror = NULL;
	bodies_free(server->bodies);
	server->bodies = NULL;
}
