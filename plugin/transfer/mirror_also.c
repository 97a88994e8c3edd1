/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The mirror's topics, and the records that go out beside the transactions. The mirror's thread. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "plugin/transfer/mirror_inner.h"

enum {
	TOPIC_MS = 500,
	SIDE_LOOK_MS = 5000,
	FULL_MS = 5000,      /* so long the records of one transaction wait for room */
	FULL_LOOK_MS = 200,
	SAY_AGAIN_MS = 60000,
};

bool mirror_has_topic(struct mirror *mirror)
{
	int partitions = 0;
	bool created;
	struct error err;
	if (mirror->topic_ready)
		return true;
	const char *topic = mirror->conf.topic;
	enum kafka_result result = kafka_topic(mirror_producer(mirror), topic, &partitions, &created, &err);
	if (created)
		mirror_say(mirror, 5, "Kafka had no topic %s: it has been created with Kafka's defaults", topic);
	mirror->topic_ready = result == KAFKA_DELIVERED;
	if (mirror->topic_ready)
		mirror_say(mirror, 6, "%s go to Kafka's topic %s (%d partitions)", mirror->conf.what, topic, partitions);
	else if ((result == KAFKA_NO_TOPIC || result == KAFKA_REFUSED) && !mirror->topic_said)
		mirror_say(mirror, 3, "Kafka's topic %s %s, trying again: %s", topic,
			result == KAFKA_NO_TOPIC ? "is missing and could not be created (create it, see docs/kafka.md)" : "may not be used", err.text);
	mirror->topic_said = !mirror->topic_ready && (mirror->topic_said || result == KAFKA_NO_TOPIC || result == KAFKA_REFUSED);
	if (!mirror->topic_ready)
		mirror->retry_ms = clock_mono_ms() + TOPIC_MS;
	return mirror->topic_ready;
}

/* ---- records beside the transactions ---- */

void mirror_say_refused(struct mirror *mirror, const char *what, const char *reason)
{
	int64_t now_ms = clock_mono_ms();
	if (mirror->also_said_ms != 0 && now_ms - mirror->also_said_ms < SAY_AGAIN_MS)
		return;
	mirror->also_said_ms = now_ms;
	mirror_say(mirror, 3, "Kafka does not take records beside the transactions (%s), they are left out: %s", what, reason);
}

static bool is_known(const struct mirror *mirror, const char *topic)
{
	for (size_t i = 0; i < mirror->topics_known_count; i++)
		if (strcmp(mirror->topics_known[i], topic) == 0)
			return true;
	return false;
}

/* KAFKA_DELIVERED: it is there. */
static enum kafka_result look_for(struct mirror *mirror, const char *topic)
{
	int partitions;
	bool created;
	struct error err;
	if (is_known(mirror, topic))
		return KAFKA_DELIVERED;
	enum kafka_result result = kafka_topic(mirror->side, topic, &partitions, &created, &err);
	if (created)
		mirror_say(mirror, 5, "Kafka had no topic %s: it has been created with Kafka's defaults", topic);
	if (result == KAFKA_DELIVERED && mirror->topics_known_count < TOPIC_KNOWN_MAX && strlen(topic) < sizeof *mirror->topics_known)
		snprintf(mirror->topics_known[mirror->topics_known_count++], sizeof *mirror->topics_known, "%s", topic);
	if (result == KAFKA_NO_TOPIC || result == KAFKA_REFUSED)
		mirror_say_refused(mirror, topic, err.text);
	return result;
}

void mirror_look_for_side_topic(struct mirror *mirror)
{
	int64_t now_ms = clock_mono_ms();
	const char *topic = mirror->conf.side_topic;
	if (topic == NULL || !mirror->topic_ready || is_known(mirror, topic) || now_ms < mirror->side_look_ms)
		return;
	mirror->side_look_ms = now_ms + (look_for(mirror, topic) == KAFKA_RESTARTED ? TOPIC_MS : SIDE_LOOK_MS);
}

static void refuse_larger(struct mirror *mirror, const struct kafka_record *record)
{
	mirror_say_refused(mirror, record->topic, "larger than message.max.bytes");
	mirror->counts.refused_also++;
}

/* It may have gone meanwhile. */
static enum kafka_taken look_again(struct mirror *mirror)
{
	mirror->topics_known_count = 0;
	if (mirror->conf.also_only && !kafka_is_broken(mirror->side))
		mirror->topic_ready = false;
	return KAFKA_NOT_NOW;
}

enum kafka_taken mirror_also(struct mirror *mirror, const struct kafka_record *record)
{
	struct outbox *box = mirror->making;
	struct kafka_record tagged = *record;
	uint64_t number = box->last - 1;
	int64_t end_ms = clock_mono_ms() + FULL_MS;
	tagged.tag = number << OUTBOX_BITS | box->index;
	if (!outbox_keeps_turn(box))
		return KAFKA_NOT_NOW;
	enum kafka_result result = mirror->conf.also_only ? KAFKA_DELIVERED : look_for(mirror, record->topic);
	if (result == KAFKA_RESTARTED)
		return KAFKA_NOT_NOW;
	if (result != KAFKA_DELIVERED) {
		mirror->counts.refused_also++;
		return KAFKA_LARGER;
	}
	for (;;) {
		enum kafka_taken taken = kafka_produce(mirror->side, &tagged);
		if (taken == KAFKA_TAKEN)
			outbox_expect(box, number);
		if (taken == KAFKA_LARGER)
			refuse_larger(mirror, record);
		if (taken == KAFKA_TAKEN || taken == KAFKA_LARGER)
			return taken;
		if (taken == KAFKA_NOT_NOW || atomic_load(&mirror->stopping) || box->trouble != KAFKA_DELIVERED)
			return look_again(mirror);
		if (clock_mono_ms() > end_ms)
			return KAFKA_FULL;
		mirror_sleep(mirror, FULL_LOOK_MS);
		kafka_poll(mirror->side);
	}
}

uint64_t mirror_newest_due(const struct mirror *mirror, const struct transaction *tx)
{
	const struct outbox *box = mirror->making;
	for (size_t i = box->page.count; i > box->page_done; i--) {
		const struct transaction *other = box->page.transactions[i - 1];
		if (other->number > tx->number && other->type == tx->type && strcmp(other->chat_id, tx->chat_id) == 0 && outbox_rests_ms(box, other) == 0)
			return other->number;
	}
	return tx->number;
}

struct kafka *mirror_side(struct mirror *mirror)
{
	return mirror->side;
}

enum kafka_taken mirror_aside(struct mirror *mirror, const struct kafka_record *record)
{
	struct kafka_record untracked = *record;
	untracked.tag = MIRROR_SIDE_TAG;
	enum kafka_taken taken = kafka_produce(mirror->side, &untracked);
	if (taken == KAFKA_LARGER)
		refuse_larger(mirror, record);
	return taken;
}
