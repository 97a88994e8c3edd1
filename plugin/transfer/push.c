/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Who is pushed, and what it says. All of it is asked of the store when the push is made, not when the message was written. */
#include "plugin/transfer/push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "plugin/transfer/push_inner.h"
#include "storage/record.h"

enum {
	PREVIEW_CHARACTERS = 100,
	DEVICES_BYTES = 128 * 1024, /* of a person's devices in a record, which so stays below what Kafka takes, however they are escaped */
	DEVICE_FORM_BYTES = 60,     /* what stands around the texts of one */
	SAY_MORE_MS = 60000,
};

static const char SCHEMA_VERSION[] = "1";

struct push *push_new(const struct push_conf *conf)
{
	struct push *push = mem_zero(sizeof *push);
	push->conf = *conf;
	push->conf.topic = mem_text(conf->topic);
	push->conf.epoch = mem_text(conf->epoch);
	return push;
}

void push_free(struct push *push)
{
	if (push == NULL)
		return;
	free((char *)(uintptr_t)push->conf.topic);
	free((char *)(uintptr_t)push->conf.epoch);
	buf_fini(&push->value);
	push_forget_owed(push);
	push_forget_known(push);
	for (size_t i = 0; i < SAID_MAX; i++)
		free(push->said[i].text);
	free(push);
}

uint64_t push_count(const struct push *push)
{
	return atomic_load(&push->count);
}

uint64_t push_left_out(const struct push *push)
{
	return atomic_load(&push->left_out);
}

/* What was said lately is not said again; and there is not more to say than what has room. */
static void say_once(struct push *push, const char *who, const char *why)
{
	char text[400];
	int64_t now_ms = clock_mono_ms();
	struct said *oldest = &push->said[push->said_next];
	snprintf(text, sizeof text, "no pushes for %s: %s", who, why);
	for (size_t i = 0; i < SAID_MAX; i++)
		if (push->said[i].text != NULL && strcmp(push->said[i].text, text) == 0)
			return;
	if (oldest->text != NULL && now_ms - oldest->at_ms < SAY_MORE_MS)
		return;
	free(oldest->text);
	*oldest = (struct said){mem_text(text), now_ms};
	push->said_next = (push->said_next + 1) % SAID_MAX;
	push->conf.log(push->conf.log_context, 3, text);
}

bool push_passes_over(struct push *push, enum store_rc rc, const char *who, const struct error *err)
{
	if (rc != STORE_CORRUPT)
		return false;
	atomic_fetch_add(&push->left_out, 1);
	say_once(push, who, err->text);
	return true;
}

void push_leave_out(struct push *push, const struct error *err)
{
	push_passes_over(push, STORE_CORRUPT, "something that is damaged", err);
}

/* ---- the message ---- */

void subject_fini(struct subject *subject)
{
	message_state_free(&subject->state);
	store_free(subject->blocks);
	store_free(subject->profiles);
}

static bool has_expired(const struct push *push, const struct transaction *tx)
{
	return clock_wall_ms() - tx->at_ms > push->conf.ttl_ms;
}

enum store_rc push_load_profiles(struct push *push, const char *const *user_ids, size_t count, struct profile_list **profiles, struct error *err)
{
	enum store_rc rc = store_ops(push->conf.store)->load_profiles(push->conf.store, user_ids, count, profiles, err);
	if (rc != STORE_CORRUPT)
		return rc;
	*profiles = record_copy_profiles(&(struct profile_list){0});
	return STORE_OK;
}

enum store_rc subject_load(struct push *push, const struct transaction *tx, struct subject *subject, struct error *err)
{
	struct store *store = push->conf.store;
	*subject = (struct subject){.tx = tx, .now_ms = clock_wall_ms()};
	if (has_expired(push, tx))
		return STORE_NOT_FOUND;
	enum store_rc rc = store_ops(store)->read_message(store, tx->chat_id, tx->number, &subject->state, err);
	if (rc != STORE_OK)
		return rc;
	if (subject->state.deletion != NULL || subject->state.message->body.text == NULL)
		return STORE_NOT_FOUND;
	rc = store_ops(store)->load_blocks(store, tx->sender_id, &subject->blocks, err);
	return rc == STORE_OK ? push_load_profiles(push, &tx->sender_id, 1, &subject->profiles, err) : rc;
}

/* Its text as it was edited last. */
static const struct transaction *latest_text(const struct subject *subject)
{
	const struct transaction *edit = subject->state.edit;
	return edit != NULL && edit->body.text != NULL ? edit : subject->state.message;
}

/* ---- one member ---- */

struct recipient {
	const struct push_target *target;
	const char *name;              /* what others mention him by */
	struct user_chat *membership;
	struct chat_summary summary;
};

static void recipient_fini(struct recipient *recipient)
{
	store_free(recipient->membership);
	chat_summary_fini(&recipient->summary);
}

/* What does not cost a look into the store. */
static bool is_out_of_question(const struct subject *subject, const struct push_target *target)
{
	return strcmp(target->user_id, subject->tx->sender_id) == 0 || target->muted_until_ms > subject->now_ms ||
	       blocks_contain(subject->blocks->blocks, subject->blocks->count, target->user_id, subject->now_ms);
}

/* *wanted: he is to be told. */
static enum store_rc recipient_load(struct push *push, const struct subject *subject, struct recipient *recipient, bool *wanted, struct error *err)
{
	struct store *store = push->conf.store;
	const struct transaction *tx = subject->tx;
	const char *user_id = recipient->target->user_id;
	struct block_list *blocks;
	enum store_rc rc = store_ops(store)->load_membership(store, user_id, tx->chat_id, &recipient->membership, err);
	if (rc != STORE_OK)
		return rc == STORE_NOT_FOUND ? STORE_OK : rc;
	const struct user_chat *membership = recipient->membership;
	bool current = membership->role != ROLE_NONE;
	if (!current || membership->received >= tx->number || membership->read >= tx->number ||
		!membership_sees(membership->intervals, membership->interval_count, membership->history_all, tx->number))
		return STORE_OK;
	rc = store_ops(store)->load_blocks(store, user_id, &blocks, err);
	if (rc != STORE_OK)
		return rc;
	if (!blocks_contain(blocks->blocks, blocks->count, tx->sender_id, tx->at_ms) &&
		!blocks_contain(blocks->blocks, blocks->count, tx->sender_id, subject->now_ms)) {
		rc = store_ops(store)->read_summary(store, user_id, membership, blocks->blocks, blocks->count, recipient->name, &recipient->summary, err);
		*wanted = rc == STORE_OK;
	}
	store_free(blocks);
	return rc;
}

/* ---- the record ---- */

static void add_text(struct buf *out, const char *name, const char *text, size_t len)
{
	buf_add_text(out, out->data[out->len - 1] == '{' ? "\"" : ",\"");
	buf_add_text(out, name);
	buf_add_text(out, "\":");
	json_add_string(out, text, len);
}

static void add_string(struct buf *out, const char *name, const char *text)
{
	add_text(out, name, text, strlen(text));
}

static size_t bytes_of(const struct device_info *device)
{
	return 2 * strlen(device->device) + strlen(device->platform) + strlen(device->push_token) + DEVICE_FORM_BYTES;
}

static int by_seen_last(const void *left, const void *right)
{
	const struct device_info *a = *(const struct device_info *const *)left, *b = *(const struct device_info *const *)right;
	return a->seen_at_ms != b->seen_at_ms ? (a->seen_at_ms < b->seen_at_ms ? 1 : -1) : strcmp(a->device, b->device);
}

static int by_name(const void *left, const void *right)
{
	return strcmp((*(const struct device_info *const *)left)->device, (*(const struct device_info *const *)right)->device);
}

/* Those that there is room for: all of them, or those that were seen last. Returns how many. */
static size_t choose_devices(struct push *push, const struct push_target *target, const struct device_info **chosen)
{
	char who[USER_ID_MAX + 40], why[100];
	size_t bytes = 0, count = 0;
	for (size_t i = 0; i < target->device_count; i++) {
		chosen[i] = &target->devices[i];
		bytes += bytes_of(chosen[i]);
	}
	if (bytes <= DEVICES_BYTES)
		return target->device_count;
	qsort(chosen, target->device_count, sizeof *chosen, by_seen_last);
	for (bytes = bytes_of(chosen[0]); bytes <= DEVICES_BYTES; bytes += bytes_of(chosen[count]))
		count++;
	qsort(chosen, count, sizeof *chosen, by_name);
	snprintf(who, sizeof who, "some devices of %s", target->user_id);
	snprintf(why, sizeof why, "there are %zu, and room for %zu in a record, those that were seen last", target->device_count, count);
	say_once(push, who, why);
	return count;
}

static void add_devices(struct buf *out, const struct device_info *const *devices, size_t count)
{
	const char *separator = "";
	buf_add_text(out, ",\"deviceIDs\":[");
	for (size_t i = 0; i < count; i++, separator = ",") {
		buf_add_text(out, separator);
		json_add_string(out, devices[i]->device, strlen(devices[i]->device));
	}
	buf_add_text(out, "],\"devices\":[");
	separator = "";
	for (size_t i = 0; i < count; i++) {
		const struct device_info *device = devices[i];
		if (device->push_token[0] == '\0')
			continue;
		buf_add_text(out, separator);
		buf_add_char(out, '{');
		add_string(out, "deviceID", device->device);
		add_string(out, "platform", device->platform);
		add_string(out, "pushToken", device->push_token);
		buf_add_char(out, '}');
		separator = ",";
	}
	buf_add_char(out, ']');
}

/* The length of the first characters of a text that is UTF-8. */
static size_t beginning(const char *text, size_t len, size_t characters)
{
	size_t i = 0;
	while (i < len && (((unsigned char)text[i] & 0xC0) == 0x80 || characters-- > 0))
		i++;
	return i;
}

static void add_message(struct buf *out, const struct push *push, const struct subject *subject, const struct user_chat *membership)
{
	const struct transaction *tx = subject->tx, *text = latest_text(subject);
	add_string(out, "chatID", tx->chat_id);
	if (membership->peer_id == NULL && membership->name[0] != '\0')
		add_string(out, "chatName", membership->name);
	buf_printf(out, ",\"transactionID\":%llu,\"at\":%lld", (unsigned long long)tx->number, (long long)tx->at_ms);
	add_string(out, "senderID", tx->sender_id);
	if (subject->profiles->count > 0 && subject->profiles->profiles[0].name[0] != '\0')
		add_string(out, "senderName", subject->profiles->profiles[0].name);
	if (text->content_type != NULL)
		add_string(out, "contentType", text->content_type);
	if (push->conf.preview)
		add_text(out, "preview", text->body.text, beginning(text->body.text, text->body.len, PREVIEW_CHARACTERS));
}

static void make_value(struct push *push, const struct subject *subject, const struct recipient *recipient)
{
	struct buf *out = &push->value;
	const struct user_chat *membership = recipient->membership;
	const struct device_info **devices = mem_new((recipient->target->device_count + 1) * sizeof *devices);
	size_t device_count = choose_devices(push, recipient->target, devices);
	bool mentioned = recipient->summary.mentioned;
	bool high = membership->peer_id != NULL || mentioned || membership->current_members <= push->conf.large_group;
	buf_clear(out);
	buf_add_text(out, "{\"type\":\"message\"");
	add_string(out, "userID", recipient->target->user_id);
	add_devices(out, devices, device_count);
	free((void *)devices);
	add_message(out, push, subject, membership);
	buf_printf(out, ",\"unread\":%llu,\"mentioned\":%s,\"priority\":\"%s\"", (unsigned long long)recipient->summary.unread, mentioned ? "true" : "false",
		high ? "high" : "normal");
	add_string(out, "collapseKey", subject->tx->chat_id);
	buf_printf(out, ",\"expires\":%lld}", (long long)(subject->tx->at_ms + push->conf.ttl_ms));
}

static enum kafka_taken send_record(struct push *push, struct mirror *mirror, push_way *way, const struct transaction *tx, const char *user_id)
{
	char number[24];
	snprintf(number, sizeof number, "%llu", (unsigned long long)tx->number);
	const struct kafka_header headers[] = {
		{"type", "message"}, {"chatID", tx->chat_id}, {"transactionID", number}, {"epoch", push->conf.epoch}, {"writer", tx->writer},
		{"schema", SCHEMA_VERSION}};
	const struct kafka_record record = {
		.topic = push->conf.topic,
		.key = user_id,
		.key_len = strlen(user_id),
		.value = push->value.data,
		.value_len = push->value.len,
		.headers = headers,
		.header_count = sizeof headers / sizeof *headers,
	};
	return way(mirror, &record);
}

enum store_rc push_to(struct push *push, struct mirror *mirror, push_way *way, const struct subject *subject, const struct push_target *target,
	const char *name, struct error *err)
{
	struct recipient recipient = {.target = target, .name = name};
	bool wanted = false;
	if (is_out_of_question(subject, target))
		return STORE_OK;
	enum store_rc rc = recipient_load(push, subject, &recipient, &wanted, err);
	if (rc == STORE_OK && wanted) {
		make_value(push, subject, &recipient);
		enum kafka_taken taken = send_record(push, mirror, way, subject->tx, target->user_id);
		push->kafka_is_away = taken != KAFKA_TAKEN && taken != KAFKA_LARGER;
		if (push->kafka_is_away)
			rc = (enum store_rc)error_set(err, STORE_UNAVAILABLE, 0, "Kafka takes no pushes at the moment");
		atomic_fetch_add(&push->count, taken == KAFKA_TAKEN);
	}
	recipient_fini(&recipient);
	return rc;
}

/* ---- all of them ---- */

/* Profiles come in the order of the targets, without those who have none. */
static const char *name_of(const struct profile_list *profiles, size_t *next, const char *user_id)
{
	if (*next == profiles->count || strcmp(profiles->profiles[*next].user_id, user_id) != 0)
		return user_id;
	const char *name = profiles->profiles[(*next)++].name;
	return name[0] != '\0' ? name : user_id;
}

static enum store_rc push_page(struct push *push, struct mirror *mirror, const struct subject *subject, const struct push_target_list *page,
	struct error *err)
{
	const char *user_ids[PUSH_PAGE];
	struct profile_list *profiles = NULL;
	size_t next = 0;
	for (size_t i = 0; i < page->count; i++)
		user_ids[i] = page->targets[i].user_id;
	enum store_rc rc = push_load_profiles(push, user_ids, page->count, &profiles, err);
	for (size_t i = 0; i < page->count && rc == STORE_OK; i++) {
		const char *name = name_of(profiles, &next, user_ids[i]);
		if (mirror_is_stopping(mirror))
			rc = (enum store_rc)error_set(err, STORE_UNAVAILABLE, 0, "the broker stops");
		else if (!here_has(push->conf.here, user_ids[i]))
			rc = push_to(push, mirror, mirror_also, subject, &page->targets[i], name, err);
		else if (!is_out_of_question(subject, &page->targets[i]))
			push_owe(push, subject->tx, user_ids[i]);
		if (push_passes_over(push, rc, user_ids[i], err))
			rc = STORE_OK;
	}
	store_free(profiles);
	return rc;
}

/* Page by page, from the first one, if it is there already; the message is looked at once somebody may not have it. */
static enum store_rc push_all(struct push *push, struct mirror *mirror, const struct transaction *tx, struct push_target_list *first,
	struct subject *subject, struct error *err)
{
	struct store *store = push->conf.store;
	char after[USER_ID_MAX + 1] = "";
	for (bool more = true; more; first = NULL) {
		struct push_target_list *page = first;
		enum store_rc rc = page != NULL ? STORE_OK : store_ops(store)->list_push_targets(store, tx->chat_id, tx->number, after, PUSH_PAGE, &page, err);
		if (rc != STORE_OK)
			return rc;
		more = page->count == PUSH_PAGE;
		if (page->count > 0)
			snprintf(after, sizeof after, "%s", page->targets[page->count - 1].user_id);
		if (page->count > 0 && subject->tx == NULL)
			rc = subject_load(push, tx, subject, err);
		if (page->count > 0 && rc == STORE_OK)
			rc = push_page(push, mirror, subject, page, err);
		store_free(page);
		if (rc != STORE_OK)
			return rc;
	}
	return STORE_OK;
}

static enum store_rc push_about(struct push *push, struct mirror *mirror, const struct transaction *tx, struct error *err)
{
	struct subject subject = {0};
	struct push_target_list *first = NULL;
	bool settled = false;
	enum store_rc rc = push_is_settled(push, mirror, tx, &settled, &first, err);
	if (rc == STORE_OK && !settled)
		rc = push_all(push, mirror, tx, first, &subject, err);
	subject_fini(&subject);
	return rc == STORE_NOT_FOUND ? STORE_OK : rc;
}

enum store_rc push_make(struct push *push, struct mirror *mirror, const struct transaction *tx, struct error *err)
{
	char who[CHAT_ID_MAX + 60];
	if (mirror_is_stopping(mirror)) /* the place stays where it is, so nothing is lost */
		return (enum store_rc)error_set(err, STORE_UNAVAILABLE, 0, "the broker stops");
	if (tx->type != TX_MESSAGE || tx->body.text == NULL || has_expired(push, tx))
		return STORE_OK;
	enum store_rc rc = push_about(push, mirror, tx, err);
	snprintf(who, sizeof who, "message %llu of chat %s", (unsigned long long)tx->number, tx->chat_id);
	return push_passes_over(push, rc, who, err) ? STORE_OK : rc;
}
