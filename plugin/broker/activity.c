/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What passes, on its way to Kafka. Who came and went comes together on the broker's thread, one entry a person, and goes out from a worker: the
 * broker's thread never calls Kafka's library. Receipts have come together in the core, and go out from the job that stored them. */
#include "plugin/broker/activity.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/clock.h"
#include "base/json.h"
#include "plugin/broker/mirroring.h"
#include "plugin/broker/server.h"

enum { PEOPLE_MAX = 10000 }; /* between two flushes */

static const char SCHEMA_VERSION[] = "1";

struct passing {
	char *user_id;
	bool online;
	int64_t at_ms;
	UT_hash_handle hh;
};

struct activity {
	char *topic; /* the options may be read anew meanwhile */
	struct passing *passing;
	_Atomic uint64_t dropped; /* any thread */
	atomic_bool dropping;     /* it was said */
};

void activity_open(struct server *server)
{
	if (server->mirror == NULL || server->conf.kafka_activity_topic[0] == '\0')
		return;
	server->activity = mem_zero(sizeof *server->activity);
	server->activity->topic = mem_text(server->conf.kafka_activity_topic);
}

static void passing_free(struct passing *all)
{
	struct passing *passing, *next;
	HASH_ITER(hh, all, passing, next) {
		HASH_DEL(all, passing);
		free(passing->user_id);
		free(passing);
	}
}

void activity_close(struct server *server)
{
	if (server->activity == NULL)
		return;
	passing_free(server->activity->passing);
	free(server->activity->topic);
	free(server->activity);
	server->activity = NULL;
}

/* ---- any thread ---- */

static void dropped(struct server *server)
{
	struct activity *activity = server->activity;
	atomic_fetch_add(&activity->dropped, 1);
	if (!atomic_exchange(&activity->dropping, true))
		mirroring_say(server, LOG_WARNING, "Kafka does not keep up: receipts, and who comes and goes, are left out of its topic for now");
}

uint64_t activity_dropped(const struct server *server)
{
	return server->activity != NULL ? atomic_load(&server->activity->dropped) : 0;
}

static void produce(struct server *server, const char *user_id, const char *type, const struct buf *value)
{
	const struct kafka_header headers[] = {
		{"type", type}, {"epoch", server->world.info.epoch}, {"writer", server->world.info.writer}, {"schema", SCHEMA_VERSION}};
	const struct kafka_record record = {
		.topic = server->activity->topic,
		.key = user_id,
		.key_len = strlen(user_id),
		.value = value->data,
		.value_len = value->len,
		.headers = headers,
		.header_count = sizeof headers / sizeof *headers,
		.tag = MIRROR_SIDE_TAG,
	};
	if (kafka_produce(mirror_side(server->mirror), &record) != KAFKA_TAKEN)
		dropped(server);
	else
		atomic_store(&server->activity->dropping, false);
}

static void begin(struct buf *value, const char *type, const char *user_id)
{
	buf_clear(value);
	buf_printf(value, "{\"type\":\"%s\",\"userID\":", type);
	json_add_string(value, user_id, strlen(user_id));
}

void activity_receipts(struct server *server, const struct receipt *receipts, size_t count)
{
	struct buf value = BUF_EMPTY;
	if (server->activity == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		const struct receipt *receipt = &receipts[i];
		begin(&value, "receipt", receipt->user_id);
		buf_add_text(&value, ",\"chatID\":");
		json_add_string(&value, receipt->chat_id, strlen(receipt->chat_id));
		buf_printf(&value, ",\"received\":%llu,\"read\":%llu,\"at\":%lld}", (unsigned long long)receipt->received, (unsigned long long)receipt->read,
			(long long)clock_wall_ms());
		produce(server, receipt->user_id, "receipt", &value);
	}
	buf_fini(&value);
}

/* ---- who comes and goes ---- */

void activity_presence(struct server *server, const char *user_id, bool online, int64_t seen_ms)
{
	struct activity *activity = server->activity;
	struct passing *passing;
	if (activity == NULL)
		return;
	HASH_FIND_STR(activity->passing, user_id, passing);
	if (passing == NULL && HASH_COUNT(activity->passing) >= PEOPLE_MAX) {
		dropped(server);
		return;
	}
	if (passing == NULL) {
		passing = mem_zero(sizeof *passing);
		passing->user_id = mem_text(user_id);
		HASH_ADD_KEYPTR(hh, activity->passing, passing->user_id, strlen(passing->user_id), passing);
	}
	passing->online = online;
	passing->at_ms = seen_ms;
}

struct telling {
	struct job job;
	struct server *server;
	struct passing *passing;
};

static void telling_run(struct job *job)
{
	struct telling *telling = (struct telling *)job;
	struct buf value = BUF_EMPTY;
	for (const struct passing *passing = telling->passing; passing != NULL; passing = passing->hh.next) {
		const char *type = passing->online ? "online" : "offline";
		begin(&value, type, passing->user_id);
		buf_printf(&value, ",\"at\":%lld}", (long long)passing->at_ms);
		produce(telling->server, passing->user_id, type, &value);
	}
	buf_fini(&value);
}

static void telling_done(struct job *job)
{
	struct telling *telling = (struct telling *)job;
	passing_free(telling->passing);
	free(telling);
}

void activity_flush(struct server *server)
{
	struct activity *activity = server->activity;
	if (activity == NULL || activity->passing == NULL)
		return;
	struct telling *telling = mem_zero(sizeof *telling);
	telling->job = (struct job){.run = telling_run, .done = telling_done};
	telling->server = server;
	telling->passing = activity->passing;
	activity->passing = NULL;
	if (workers_add(server->readers, &telling->job))
		return;
	for (unsigned left = HASH_COUNT(telling->passing); left > 0; left--)
		dropped(server);
	telling_done(&telling->job);
}
