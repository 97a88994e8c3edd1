/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl mirror: brings to Kafka what a broker that does not come back has committed and not brought there. The mirror does it on a
 * thread of its own; this one waits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "plugin/ctl/audit.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/object.h"
#include "plugin/ctl/source.h"
#include "plugin/transfer/bodies.h"
#include "plugin/transfer/mirror.h"

enum { PROPERTIES_MAX = 64, LEASE_WAIT_MS = 20000, LOOK_MS = 50 };

struct work {
	const struct ctl_command *command;
	const char *servers, *topic, *writer, *body;
	struct bodies *bodies; /* the mirror's thread's */
	struct kafka_property properties[PROPERTIES_MAX];
	size_t property_count;
	const char *json; /* NULL: words */
};

static void say(void *context, int level, const char *text)
{
	const struct work *work = context;
	(void)level;
	fprintf(stderr, "hyperchatctl %s: %s\n", work->command->name, text);
}

static enum store_rc render(void *context, const struct transaction *tx, size_t max, struct buf *value, struct error *err)
{
	const struct work *work = context;
	return bodies_render(work->bodies, tx, max, value, err);
}

/* "name=value", spaces around them do not count. */
static int add_property(struct work *work, const char *file, int number, char *line)
{
	static const char blank[] = " \t\r\n";
	char *name = line + strspn(line, blank);
	if (*name == '\0' || *name == '#')
		return CTL_OK;
	char *value = strchr(name, '=');
	if (value == NULL || work->property_count == PROPERTIES_MAX)
		return ctl_failed(work->command, "%s: line %d is no <property>=<value>, or there are too many", file, number);
	*value++ = '\0';
	name[strcspn(name, blank)] = '\0';
	value += strspn(value, blank);
	for (size_t len = strlen(value); len > 0 && strchr(blank, value[len - 1]) != NULL;)
		value[--len] = '\0';
	work->properties[work->property_count++] = (struct kafka_property){mem_text(name), mem_text(value)};
	return CTL_OK;
}

static int read_properties(struct work *work, const char *name)
{
	char *line = NULL;
	size_t size = 0;
	int rc = CTL_OK;
	FILE *file = name != NULL ? fopen(name, "re") : NULL;
	if (name == NULL)
		return CTL_OK;
	if (file == NULL)
		return ctl_failed(work->command, "%s: %s", name, strerror(errno));
	for (int number = 1; rc == CTL_OK && getline(&line, &size, file) > 0; number++)
		rc = add_property(work, name, number, line);
	if (rc == CTL_OK && ferror(file))
		rc = ctl_failed(work->command, "%s: %s", name, strerror(errno));
	free(line);
	fclose(file);
	return rc;
}

static int check_writer(const struct work *work, struct store *store)
{
	const char *const *writers;
	size_t count;
	struct error err;
	bool found = false;
	if (store_ops(store)->list_writers(store, &writers, &count, &err) != STORE_OK)
		return ctl_failed(work->command, "%s", err.text);
	for (size_t i = 0; i < count; i++)
		found = found || strcmp(writers[i], work->writer) == 0;
	if (!found) {
		ctl_failed(work->command, "nobody of the name '%s' ever wrote into this store; there are:", work->writer);
		for (size_t i = 0; i < count; i++)
			fprintf(stderr, "  %s\n", writers[i]);
	}
	store_free((void *)(uintptr_t)writers);
	return found ? CTL_OK : CTL_FAILED;
}

/* Until it is done, or nobody lets it begin. */
static int wait_for(const struct work *work, struct mirror *mirror, uint64_t *delivered)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
	struct mirror_stats stats = {0};
	int64_t begin_ms = clock_mono_ms();
	while (!mirror_is_done(mirror)) {
		nanosleep(&pause, NULL);
		mirror_stats(mirror, &stats);
		if (!stats.holds_lease && stats.delivered == 0 && !mirror_is_done(mirror) && clock_mono_ms() - begin_ms > LEASE_WAIT_MS)
			return ctl_failed(work->command, "somebody else brings what %s wrote to Kafka: is that broker running?", work->writer);
	}
	mirror_stats(mirror, &stats);
	*delivered = stats.delivered;
	return CTL_OK;
}

/* Pushes are not made here: whom they wake depends on who is connected, which only brokers know. */
static bool are_pushes_left(const struct work *work, struct store *store)
{
	char name[PLACE_NAME_MAX + 1];
	struct page page = {0};
	struct error err;
	uint64_t position, next;
	snprintf(name, sizeof name, "push/%s", work->writer);
	enum store_rc rc = store_ops(store)->load_place(store, name, &position, &err);
	if (rc == STORE_NOT_FOUND)
		return false; /* it made none */
	if (rc == STORE_OK)
		rc = store_ops(store)->tail(store, work->writer, position, 1, &page, &next, &err);
	if (rc != STORE_OK)
		fprintf(stderr, "hyperchatctl %s: whether there are pushes left is not known: %s\n", work->command->name, err.text);
	bool left = page.count > 0;
	store_page_free(&page);
	return left;
}

static void print(const struct work *work, uint64_t delivered, bool pushes_left)
{
	struct buf line = BUF_EMPTY;
	if (work->json != NULL) {
		object_add_text(&line, "writer", work->writer);
		object_add_u64(&line, "transactions", delivered);
		object_add_bool(&line, "pushesLeft", pushes_left);
		object_print(&line);
		return;
	}
	printf("%llu transactions of %s are on Kafka now\n", (unsigned long long)delivered, work->writer);
	if (pushes_left)
		printf("pushes about the last of them are not made here: that broker makes them when it is back, or another one on this store\n");
}

static int note(const struct work *work, struct store *store, int rc, uint64_t delivered)
{
	struct buf details = BUF_EMPTY;
	object_add_text(&details, "topic", work->topic);
	object_add_u64(&details, "transactions", delivered);
	object_end(&details);
	int noted = audit_note(work->command, store, work->writer, details.data, rc == CTL_OK ? "ok" : "failed");
	buf_fini(&details);
	return rc == CTL_OK ? noted : rc;
}

static int mirror_all(struct work *work, struct store *store)
{
	struct store_info info;
	struct error err;
	char holder[WRITER_MAX + 1];
	if (store_ops(store)->info(store, &info, &err) != STORE_OK)
		return ctl_failed(work->command, "%s", err.text);
	snprintf(holder, sizeof holder, "hyperchatctl-%ld", (long)getpid());
	const struct mirror_conf conf = {
		.store = store,
		.writer = work->writer,
		.holder = holder,
		.epoch = info.epoch,
		.servers = work->servers,
		.kind = "kafka",
		.what = "transactions",
		.topic = work->topic,
		.properties = work->properties,
		.property_count = work->property_count,
		.finish = true,
		.render = render,
		.log = say,
		.context = work,
	};
	struct mirror *mirror = mirror_start(&conf, &err);
	if (mirror == NULL)
		return ctl_failed(work->command, "%s", err.text);
	uint64_t delivered = 0;
	int rc = wait_for(work, mirror, &delivered);
	mirror_stop(mirror);
	if (rc == CTL_OK)
		print(work, delivered, are_pushes_left(work, store));
	return note(work, store, rc, delivered);
}

static int mirror_with_bodies(struct work *work, struct store *store, enum bodies_mode mode)
{
	struct error err;
	work->bodies = bodies_new(store, mode, &err);
	if (work->bodies == NULL)
		return ctl_failed(work->command, "%s", err.text);
	int rc = mirror_all(work, store);
	bodies_free(work->bodies);
	return rc;
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *uri = NULL, *properties = NULL;
	struct work work = {.command = command, .topic = "hyperchat.transactions", .body = "full"};
	enum bodies_mode mode;
	const struct ctl_option options[] = {{"store", &uri, 1}, {"writer", &work.writer, 1}, {"kafka", &work.servers, 1}, {"topic", &work.topic, 0},
		{"body", &work.body, 0}, {"properties", &properties, 0}, {"json", &work.json, CTL_FLAG}, {NULL, NULL, 0}};
	struct store *store;
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	if (!bodies_mode_from_name(work.body, &mode))
		return ctl_misused(command, "--body '%s' is none of full, none, encrypted", work.body);
	rc = read_properties(&work, properties);
	if (rc == CTL_OK && (rc = source_open_in_use(command, uri, &store)) == CTL_OK) {
		rc = check_writer(&work, store);
		if (rc == CTL_OK)
			rc = mirror_with_bodies(&work, store, mode);
		source_close(store);
	}
	for (size_t i = 0; i < work.property_count; i++) {
		free((char *)(uintptr_t)work.properties[i].name);
		free((char *)(uintptr_t)work.properties[i].value);
	}
	return rc;
}

const struct ctl_command ctl_mirror = {
	.name = "mirror",
	.summary = "bring to Kafka what a broker that is gone left",
	.usage = "Usage: hyperchatctl mirror --store URI --writer NAME --kafka SERVERS [--topic TOPIC] [--body full]\n"
			 "                           [--properties FILE] [--json]\n\n"
			 "Brings to Kafka what a broker has committed and did not bring there before it went, and ends. With several brokers on\n"
			 "one store the others do that by themselves. It waits for up to 20 s for the broker's lease to run out, and gives up\n"
			 "where that is still running. Pushes (plugin_opt_kafka_push_topic) are not made: whom they wake depends on who is connected,\n"
			 "which only brokers know. The broker makes them when it is back, or another one on the store, for as long as push_ttl.\n\n"
			 "  --store URI         as plugin_opt_store\n"
			 "  --writer NAME       the broker's name in the store; one that does not exist is answered with those that do\n"
			 "  --kafka SERVERS     as plugin_opt_kafka: host:port,...\n"
			 "  --topic TOPIC       as plugin_opt_kafka_topic; hyperchat.transactions\n"
			 "  --body MODE         as plugin_opt_kafka_body of that broker: full, none or encrypted\n"
			 "  --properties FILE   lines of <property>=<value> for librdkafka, for example security.protocol=SASL_SSL\n"
			 "  --json              an object: writer, transactions (how many were brought), pushesLeft\n",
	.run = run,
};
