/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Pushes between a store in memory and librdkafka's mock cluster: to whom, with which devices, in groups of many, and whichever call of the
 * store fails. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plugin/transfer/push.h"
#include "storage/faulty/faulty.h"
#include "tests/unit/mirror_kit.h"

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)

enum { OLD_MS = 100000 };

struct stage {
	struct scene scene;
	struct here *here;
	struct push *push;
	struct transaction *last; /* of the group */
};

static enum store_rc make_pushes(void *context, struct mirror *mirror, const struct transaction *tx, struct error *err)
{
	return push_make(*(struct push **)context, mirror, tx, err);
}

static void append(struct stage *stage, enum transaction_type type, const char *sender_id, const char *body)
{
	static const unsigned char zero[HEAD_BYTES];
	struct transaction tx = {.chat_id = "g", .number = stage->last != NULL ? stage->last->number + 1 : 1, .type = type, .sender_id = sender_id,
		.at_ms = clock_wall_ms(), .writer = "w"};
	char key[24];
	snprintf(key, sizeof key, "k%llu", (unsigned long long)tx.number);
	tx.key = key;
	sealed_set(&tx.body, body, strlen(body));
	transaction_head(&tx, stage->last != NULL ? stage->last->head : zero, tx.head);
	struct transaction *made = transaction_new(&tx);
	struct append append = {.chat_id = "g", .transactions = &made, .transaction_count = 1};
	assert_int_equal(store_ops(stage->scene.store)->append(stage->scene.store, &append, 1, NULL), STORE_OK);
	assert_int_equal(append.result, APPEND_OK);
	transaction_free(stage->last);
	stage->last = made;
	if (stage->scene.mirror != NULL)
		mirror_committed(stage->scene.mirror, append.last_position);
}

static void add_members(struct stage *stage, int first, int count)
{
	struct buf body = BUF_EMPTY;
	buf_add_text(&body, "{\"members\":[");
	for (int i = first; i < first + count; i++)
		buf_printf(&body, "%s{\"userID\":\"user%04d\",\"role\":\"%s\"}", i == first ? "" : ",", i, i == 0 ? "owner" : "member");
	buf_add_text(&body, "]}");
	append(stage, TX_MEMBER_ADDED, "user0000", body.data);
	buf_fini(&body);
}

/* A group of user0000 … with a device each. */
static void stage_begin(struct stage *stage, int members)
{
	*stage = (struct stage){0};
	scene_begin(&stage->scene);
	struct store *store = stage->scene.store;
	for (int i = 0; i < members; i++) {
		char user_id[20];
		snprintf(user_id, sizeof user_id, "user%04d", i);
		assert_int_equal(store_ops(store)->put_user(store, user_id, 1, NULL), STORE_OK);
		assert_int_equal(store_ops(store)->put_device(store, user_id, "phone", 1, "", 0, NULL), STORE_OK);
	}
	add_members(stage, 0, 2);
	for (int first = 2; first < members; first += 100)
		add_members(stage, first, members - first < 100 ? members - first : 100);
	stage->here = here_new();
	const struct push_conf conf = {.store = store, .here = stage->here, .topic = stage->scene.topic, .epoch = "e", .ttl_ms = OLD_MS, .preview = true,
		.large_group = 50, .log = stage->scene.conf.log};
	stage->push = push_new(&conf);
	stage->scene.conf.kind = "push";
	stage->scene.conf.what = "pushes";
	stage->scene.conf.also_only = true;
	stage->scene.conf.also = make_pushes;
	stage->scene.conf.context = &stage->push;
}

static void stage_end(struct stage *stage)
{
	scene_stops_mirror(&stage->scene);
	push_free(stage->push);
	here_free(stage->here);
	transaction_free(stage->last);
	scene_end(&stage->scene);
}

/* How often that user was pushed about that message; *value: what the last one said. */
static int pushes_of(const struct stage *stage, const char *user_id, uint64_t number, const char **value)
{
	int count = 0;
	for (size_t i = 0; i < stage->scene.record_count; i++) {
		const struct read_record *record = &stage->scene.records[i];
		if (strcmp(record->chat_id, user_id) != 0 || record->number != number)
			continue;
		count++;
		if (value != NULL)
			*value = record->value;
	}
	return count;
}

static void all_of_a_large_group_are_pushed_but_the_sender_and_who_is_there(void **state)
{
	enum { MEMBERS = 450 };
	(void)state;
	struct stage stage;
	const char *value = NULL;
	stage_begin(&stage, MEMBERS);
	here_came(stage.here, "user0100");
	here_came(stage.here, "user0100");
	here_went(stage.here, "user0100");
	append(&stage, TX_MESSAGE, "user0003", "hello @user0007");
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, MEMBERS - 2, 200);
	assert_int_equal(stage.scene.record_count, MEMBERS - 2);
	assert_int_equal(pushes_of(&stage, "user0003", stage.last->number, NULL), 0);
	assert_int_equal(pushes_of(&stage, "user0100", stage.last->number, NULL), 0);
	assert_int_equal(pushes_of(&stage, "user0449", stage.last->number, &value), 1);
	assert_non_null(strstr(value, "\"mentioned\":false,\"priority\":\"normal\""));
	assert_int_equal(pushes_of(&stage, "user0007", stage.last->number, &value), 1);
	assert_non_null(strstr(value, "\"mentioned\":true,\"priority\":\"high\""));
	assert_int_equal(push_count(stage.push), MEMBERS - 2);
	stage_end(&stage);
}

static void a_push_names_all_devices_and_where_those_that_registered_are_reached(void **state)
{
	(void)state;
	struct stage stage;
	const char *value = NULL;
	stage_begin(&stage, 2);
	struct store *store = stage.scene.store;
	assert_int_equal(store_ops(store)->put_device(store, "user0001", "laptop", 1, "", 0, NULL), STORE_OK);
	assert_int_equal(store_ops(store)->put_registration(store, "user0001", "phone", "apns", "token \"1\"", 1, NULL), STORE_OK);
	append(&stage, TX_MESSAGE, "user0000", "hello");
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, 1, 100);
	assert_int_equal(pushes_of(&stage, "user0001", 2, &value), 1);
	assert_non_null(strstr(value, "\"deviceIDs\":[\"laptop\",\"phone\"],\"devices\":[{\"deviceID\":\"phone\",\"platform\":\"apns\","
		"\"pushToken\":\"token \\\"1\\\"\"}],\"chatID\":\"g\","));
	assert_non_null(strstr(value, "\"preview\":\"hello\""));
	stage_end(&stage);
}

static void what_has_expired_is_not_pushed(void **state)
{
	(void)state;
	struct stage stage;
	stage_begin(&stage, 2);
	append(&stage, TX_MESSAGE, "user0000", "too late");
	later(OLD_MS + 1000);
	append(&stage, TX_MESSAGE, "user0000", "in time");
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, 1, 100);
	assert_int_equal(stage.scene.record_count, 1);
	assert_int_equal(stage.scene.records[0].number, 3);
	stage_end(&stage);
}

static void who_has_it_on_a_device_is_not_pushed(void **state)
{
	(void)state;
	struct stage stage;
	stage_begin(&stage, 4);
	struct store *store = stage.scene.store;
	append(&stage, TX_MESSAGE, "user0000", "hello");
	uint64_t number = stage.last->number;
	const struct cursor cursor = {"user0001", "phone", "g", number};
	const struct receipt receipt = {"g", "user0002", number, 0};
	assert_int_equal(store_ops(store)->put_cursors(store, &cursor, 1, NULL), STORE_OK);
	assert_int_equal(store_ops(store)->put_receipts(store, &receipt, 1, NULL), STORE_OK);
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, 1, 100);
	assert_int_equal(stage.scene.record_count, 1);
	assert_string_equal(stage.scene.records[0].chat_id, "user0003");
	stage_end(&stage);
}

static void who_was_pushed_once_is_not_pushed_again_by_a_restart(void **state)
{
	(void)state;
	struct stage stage;
	stage_begin(&stage, 2);
	append(&stage, TX_MESSAGE, "user0000", "one");
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, 1, 0);
	scene_stops_mirror(&stage.scene);
	append(&stage, TX_MESSAGE, "user0000", "two");
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, 2, 100);
	assert_int_equal(stage.scene.record_count, 2);
	stage_end(&stage);
}

static void make_owed(void *context, struct mirror *mirror)
{
	push_idle(*(struct push **)context, mirror);
}

static void who_was_here_is_owed_what_he_has_not_got_when_he_goes(void **state)
{
	(void)state;
	struct stage stage;
	stage_begin(&stage, 5);
	stage.scene.conf.idle = make_owed;
	here_came(stage.here, "user0001");
	here_came(stage.here, "user0002");
	append(&stage, TX_MESSAGE, "user0000", "one");
	append(&stage, TX_MESSAGE, "user0000", "two");
	uint64_t number = stage.last->number;
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, 4, 50); /* of the two who are away */
	const struct cursor cursor = {"user0002", "phone", "g", number};
	assert_int_equal(store_ops(stage.scene.store)->put_cursors(stage.scene.store, &cursor, 1, NULL), STORE_OK);
	store_faulty_arm(stage.scene.store, &(struct fault){.op = FAULTY_LIST_DEVICES, .call = 1, .action = FAULTY_FAIL});
	here_went(stage.here, "user0001");
	here_went(stage.here, "user0002");
	scene_reads(&stage.scene, stage.scene.topic, 5, 300);
	store_faulty_disarm(stage.scene.store);
	assert_int_equal(stage.scene.record_count, 5);
	assert_int_equal(pushes_of(&stage, "user0001", number, NULL), 1);
	stage_end(&stage);
}

static bool has_seen_all(struct scene *scene)
{
	struct mirror_stats stats = scene_stats(scene);
	return stats.lag == 0 && stats.in_flight == 0 && stats.delivered > 0;
}

static void what_is_owed_and_has_expired_by_then_is_not_pushed(void **state)
{
	(void)state;
	struct stage stage;
	stage_begin(&stage, 3);
	stage.scene.conf.idle = make_owed;
	here_came(stage.here, "user0001");
	here_came(stage.here, "user0002");
	append(&stage, TX_MESSAGE, "user0000", "too late");
	uint64_t late = stage.last->number;
	scene_starts_mirror(&stage.scene);
	scene_waits(&stage.scene, has_seen_all, "the message to be looked at");
	later(OLD_MS + 1000);
	here_went(stage.here, "user0001");
	append(&stage, TX_MESSAGE, "user0000", "in time");
	scene_reads(&stage.scene, stage.scene.topic, 1, 0); /* of the one who is away now */
	here_went(stage.here, "user0002");
	scene_reads(&stage.scene, stage.scene.topic, 2, 300); /* what has expired would be the first of what is owed */
	assert_int_equal(pushes_of(&stage, "user0002", stage.last->number, NULL), 1);
	assert_int_equal(pushes_of(&stage, "user0001", late, NULL), 0);
	stage_end(&stage);
}

/* The store's table with one call of ours in it. */
static struct store_ops ours, below;
static struct here *comes_back_to; /* NULL: he stays away */

static enum store_rc list_devices_and_come_back(struct store *store, const char *user_id, struct device_list **devices, struct error *err)
{
	if (comes_back_to != NULL)
		here_came(comes_back_to, user_id);
	comes_back_to = NULL;
	return below.list_devices(store, user_id, devices, err);
}

static void who_comes_back_while_it_is_being_made_is_owed_it_still(void **state)
{
	(void)state;
	struct stage stage;
	stage_begin(&stage, 3);
	stage.scene.conf.idle = make_owed;
	ours = below = *store_ops(stage.scene.store);
	ours.list_devices = list_devices_and_come_back;
	*(const struct store_ops **)stage.scene.store = &ours;
	here_came(stage.here, "user0001");
	append(&stage, TX_MESSAGE, "user0000", "one");
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, 1, 50); /* of the one who is away */
	comes_back_to = stage.here;
	here_went(stage.here, "user0001");
	for (int i = 0; i < 60 && comes_back_to != NULL; i++)
		scene_reads(&stage.scene, stage.scene.topic, 1, 100);
	assert_null(comes_back_to);
	scene_reads(&stage.scene, stage.scene.topic, 1, 500);
	assert_int_equal(pushes_of(&stage, "user0001", stage.last->number, NULL), 0);
	here_went(stage.here, "user0001");
	scene_reads(&stage.scene, stage.scene.topic, 2, 300);
	assert_int_equal(pushes_of(&stage, "user0001", stage.last->number, NULL), 1);
	stage_end(&stage);
}

static enum store_rc load_membership_of_all_but_one(struct store *store, const char *user_id, const char *chat_id, struct user_chat **membership,
	struct error *err)
{
	if (strcmp(user_id, "user0002") == 0)
		return error_set(err, STORE_CORRUPT, 11, "a row is not what it should be");
	return below.load_membership(store, user_id, chat_id, membership, err);
}

static enum store_rc load_no_profiles(struct store *store, const char *const *user_ids, size_t user_count, struct profile_list **profiles,
	struct error *err)
{
	if (user_count > 1)
		return error_set(err, STORE_CORRUPT, 11, "a row is not what it should be");
	return below.load_profiles(store, user_ids, user_count, profiles, err);
}

static void a_member_whose_record_is_damaged_holds_up_nobody(void **state)
{
	(void)state;
	struct stage stage;
	stage_begin(&stage, 4);
	ours = below = *store_ops(stage.scene.store);
	ours.load_membership = load_membership_of_all_but_one;
	ours.load_profiles = load_no_profiles;
	*(const struct store_ops **)stage.scene.store = &ours;
	append(&stage, TX_MESSAGE, "user0000", "one");
	append(&stage, TX_MESSAGE, "user0000", "two");
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, 4, 100);
	scene_stops_mirror(&stage.scene);
	assert_int_equal(stage.scene.record_count, 4);
	assert_int_equal(pushes_of(&stage, "user0003", stage.last->number, NULL), 1);
	assert_int_equal(push_left_out(stage.push), 2);
	assert_true(scene_was_told("no pushes for user0002: a row is not what it should be"));
	stage_end(&stage);
}

static void leave_out(void *context, const struct error *err)
{
	push_leave_out(*(struct push **)context, err);
}

/* Number 3 is damaged: it ends a page, or it is told where it ends. */
static enum store_rc tail_without_one(struct store *store, const char *writer, uint64_t position, size_t count_max, struct page *page,
	uint64_t *next, struct error *err)
{
	enum store_rc rc = below.tail(store, writer, position, count_max, page, next, err);
	for (size_t i = 0; rc == STORE_OK && i < page->count; i++) {
		if (page->transactions[i]->number != 3)
			continue;
		uint64_t at = page->transactions[i]->position;
		while (page->count > i)
			transaction_free(page->transactions[--page->count]);
		*next = i > 0 ? at : at + 1;
		if (i == 0)
			store_page_free(page);
		return i > 0 ? STORE_OK : (enum store_rc)error_set(err, STORE_CORRUPT, 0, "the log is damaged at number 3");
	}
	return rc;
}

static void what_is_damaged_in_the_log_holds_up_no_other_message(void **state)
{
	(void)state;
	struct stage stage;
	stage_begin(&stage, 2);
	ours = below = *store_ops(stage.scene.store);
	ours.tail = tail_without_one;
	*(const struct store_ops **)stage.scene.store = &ours;
	stage.scene.conf.damaged = leave_out;
	append(&stage, TX_MESSAGE, "user0000", "one");
	append(&stage, TX_MESSAGE, "user0000", "two");
	append(&stage, TX_MESSAGE, "user0000", "three");
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, 2, 100);
	assert_int_equal(pushes_of(&stage, "user0001", 2, NULL), 1);
	assert_int_equal(pushes_of(&stage, "user0001", 4, NULL), 1);
	assert_int_equal(push_left_out(stage.push), 1);
	assert_true(scene_was_told("no pushes for something that is damaged: the log is damaged at number 3"));
	stage_end(&stage);
}

static void count_line(void *context, int level, const char *text)
{
	(void)level;
	assert_non_null(strstr(text, "no pushes for something that is damaged"));
	++*(int *)context;
}

static void of_much_that_is_damaged_each_is_counted_and_a_few_lines_are_written(void **state)
{
	enum { DAMAGED = 1000, LINES = 16 };
	(void)state;
	int lines = 0;
	struct error err = {0};
	struct push *push = push_new(&(struct push_conf){.topic = "t", .epoch = "e", .log = count_line, .log_context = &lines});
	for (int i = 0; i < 3; i++) {
		error_set(&err, STORE_CORRUPT, 0, "the log is damaged at number 7");
		push_leave_out(push, &err);
	}
	assert_int_equal(lines, 1);
	for (int i = 0; i < DAMAGED; i++) {
		error_set(&err, STORE_CORRUPT, 0, "the log is damaged at number %d", i);
		push_leave_out(push, &err);
	}
	assert_int_equal(push_left_out(push), DAMAGED + 3);
	assert_true(lines <= LINES);
	push_free(push);
}

static enum store_rc read_no_message(struct store *store, const char *chat_id, uint64_t number, struct message_state *message, struct error *err)
{
	if (number == 2)
		return error_set(err, STORE_CORRUPT, 11, "a row is not what it should be");
	return below.read_message(store, chat_id, number, message, err);
}

static void a_message_that_is_damaged_holds_up_no_other_one(void **state)
{
	(void)state;
	struct stage stage;
	stage_begin(&stage, 2);
	ours = below = *store_ops(stage.scene.store);
	ours.read_message = read_no_message;
	*(const struct store_ops **)stage.scene.store = &ours;
	append(&stage, TX_MESSAGE, "user0000", "one");
	append(&stage, TX_MESSAGE, "user0000", "two");
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, 1, 100);
	assert_int_equal(pushes_of(&stage, "user0001", 3, NULL), 1);
	assert_int_equal(push_left_out(stage.push), 1);
	assert_true(scene_was_told("no pushes for message 2 of chat g: a row is not what it should be"));
	stage_end(&stage);
}

static _Atomic int questions; /* calls of list_push_targets, and of what is asked about a message */

static enum store_rc list_and_count(struct store *store, const char *chat_id, uint64_t number, const char *after, size_t count_max,
	struct push_target_list **targets, struct error *err)
{
	questions++;
	return below.list_push_targets(store, chat_id, number, after, count_max, targets, err);
}

static enum store_rc read_and_count(struct store *store, const char *chat_id, uint64_t number, struct message_state *message, struct error *err)
{
	questions++;
	return below.read_message(store, chat_id, number, message, err);
}

static void for_those_who_are_here_the_store_is_asked_once_and_each_is_owed_what_is_not_his_own(void **state)
{
	enum { MESSAGES = 50 };
	(void)state;
	struct stage stage;
	stage_begin(&stage, 3);
	stage.scene.conf.idle = make_owed;
	ours = below = *store_ops(stage.scene.store);
	ours.list_push_targets = list_and_count;
	ours.read_message = read_and_count;
	questions = 0;
	*(const struct store_ops **)stage.scene.store = &ours;
	for (int i = 0; i < 3; i++) {
		char user_id[20];
		snprintf(user_id, sizeof user_id, "user%04d", i);
		here_came(stage.here, user_id);
	}
	for (int i = 0; i < MESSAGES; i++)
		append(&stage, TX_MESSAGE, "user0000", "hello");
	uint64_t number = stage.last->number;
	append(&stage, TX_MESSAGE, "user0001", "hello yourself");
	scene_starts_mirror(&stage.scene);
	scene_waits(&stage.scene, has_seen_all, "all messages to be looked at");
	assert_int_equal(questions, 1);
	here_went(stage.here, "user0001");
	here_went(stage.here, "user0002");
	scene_reads(&stage.scene, stage.scene.topic, 2, 300);
	assert_int_equal(stage.scene.record_count, 2);
	assert_int_equal(pushes_of(&stage, "user0001", number, NULL), 1);
	assert_int_equal(pushes_of(&stage, "user0002", number + 1, NULL), 1);
	stage_end(&stage);
}

static bool has_refused_one(struct scene *scene)
{
	return scene_stats(scene).refused_also == 1;
}

/* A person with more devices, each with a token of the longest kind, than a record of Kafka can name. */
static void give_many_devices(struct store *store, const char *user_id, int count)
{
	struct buf token = BUF_EMPTY;
	for (int i = 0; i < count; i++) {
		char device[20];
		snprintf(device, sizeof device, "device%03d", i);
		buf_clear(&token);
		buf_printf(&token, "%s-%s-", user_id, device);
		while (token.len < PUSH_TOKEN_MAX)
			buf_add_char(&token, 'x');
		assert_int_equal(store_ops(store)->put_registration(store, user_id, device, "web", token.data, 1, NULL), STORE_OK);
	}
	buf_fini(&token);
}

static void who_has_too_many_devices_for_a_record_is_pushed_to_those_seen_last_and_holds_up_nobody(void **state)
{
	(void)state;
	struct stage stage;
	const char *value = NULL;
	stage_begin(&stage, 3);
	stage.scene.conf.idle = make_owed;
	struct store *store = stage.scene.store;
	give_many_devices(store, "user0001", 300);
	assert_int_equal(store_ops(store)->put_registration(store, "user0001", "zebra", "apns", "seen last", 2 * DAY_MS, NULL), STORE_OK);
	here_came(stage.here, "user0001");
	here_came(stage.here, "user0002");
	append(&stage, TX_MESSAGE, "user0000", "one");
	scene_starts_mirror(&stage.scene);
	scene_waits(&stage.scene, has_seen_all, "the message to be looked at");
	here_went(stage.here, "user0001");
	here_went(stage.here, "user0002");
	scene_reads(&stage.scene, stage.scene.topic, 2, 300);
	assert_int_equal(pushes_of(&stage, "user0001", stage.last->number, &value), 1);
	assert_non_null(strstr(value, "\"pushToken\":\"seen last\""));
	assert_null(strstr(value, "device299"));
	assert_int_equal(pushes_of(&stage, "user0002", stage.last->number, NULL), 1);
	append(&stage, TX_MESSAGE, "user0000", "two");
	scene_reads(&stage.scene, stage.scene.topic, 4, 300);
	assert_int_equal(pushes_of(&stage, "user0001", stage.last->number, NULL), 1);
	assert_true(scene_was_told("no pushes for some devices of user0001"));
	assert_int_equal(scene_stats(&stage.scene).refused_also, 0);
	stage_end(&stage);
}

static void an_owed_push_that_is_larger_than_a_record_may_be_is_counted_and_holds_up_nobody(void **state)
{
	static const struct kafka_property small_records = {"message.max.bytes", "3000"};
	(void)state;
	struct stage stage;
	stage_begin(&stage, 3);
	stage.scene.conf.idle = make_owed;
	stage.scene.conf.properties = &small_records;
	give_many_devices(stage.scene.store, "user0001", 1);
	here_came(stage.here, "user0001");
	here_came(stage.here, "user0002");
	append(&stage, TX_MESSAGE, "user0000", "one");
	scene_starts_mirror(&stage.scene);
	scene_waits(&stage.scene, has_seen_all, "the message to be looked at");
	here_went(stage.here, "user0001");
	here_went(stage.here, "user0002");
	scene_reads(&stage.scene, stage.scene.topic, 1, 1000);
	assert_int_equal(pushes_of(&stage, "user0002", stage.last->number, NULL), 1);
	assert_int_equal(push_count(stage.push), 1);
	scene_waits(&stage.scene, has_refused_one, "the refusal to be counted, once");
	stage_end(&stage);
}

static void a_push_that_is_larger_than_a_record_may_be_counts_as_refused_and_not_as_made(void **state)
{
	static const struct kafka_property small_records = {"message.max.bytes", "3000"};
	(void)state;
	struct stage stage;
	stage_begin(&stage, 3);
	stage.scene.conf.properties = &small_records;
	give_many_devices(stage.scene.store, "user0001", 1);
	append(&stage, TX_MESSAGE, "user0000", "one");
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, 1, 100);
	scene_waits(&stage.scene, has_refused_one, "the refusal to be counted, once");
	assert_int_equal(pushes_of(&stage, "user0002", stage.last->number, NULL), 1);
	assert_int_equal(push_count(stage.push), 1);
	stage_end(&stage);
}

static enum store_rc load_membership_of_all_but_one_at_the_moment(struct store *store, const char *user_id, const char *chat_id,
	struct user_chat **membership, struct error *err)
{
	if (strcmp(user_id, "user0001") == 0)
		return error_set(err, STORE_UNAVAILABLE, 5, "not at the moment");
	return below.load_membership(store, user_id, chat_id, membership, err);
}

static void whose_records_cannot_be_read_at_the_moment_holds_up_no_other_push_that_is_owed(void **state)
{
	(void)state;
	struct stage stage;
	stage_begin(&stage, 3);
	stage.scene.conf.idle = make_owed;
	ours = below = *store_ops(stage.scene.store);
	ours.load_membership = load_membership_of_all_but_one_at_the_moment;
	*(const struct store_ops **)stage.scene.store = &ours;
	here_came(stage.here, "user0001");
	here_came(stage.here, "user0002");
	append(&stage, TX_MESSAGE, "user0000", "one");
	scene_starts_mirror(&stage.scene);
	scene_waits(&stage.scene, has_seen_all, "the message to be looked at");
	here_went(stage.here, "user0001");
	here_went(stage.here, "user0002");
	scene_reads(&stage.scene, stage.scene.topic, 1, 100);
	assert_int_equal(pushes_of(&stage, "user0002", stage.last->number, NULL), 1);
	stage_end(&stage);
}

static enum store_rc load_only_damaged_profiles(struct store *store, const char *const *user_ids, size_t user_count, struct profile_list **profiles,
	struct error *err)
{
	(void)store, (void)user_ids, (void)user_count, (void)profiles;
	return error_set(err, STORE_CORRUPT, 11, "a row is not what it should be");
}

/* The one who is owed it, and the sender. */
static void whose_profile_is_damaged_is_pushed_to_and_about_without_a_name(void **state)
{
	(void)state;
	struct stage stage;
	const char *value = NULL;
	stage_begin(&stage, 3);
	const struct profile_change change = {.name = "Zero"};
	assert_int_equal(store_ops(stage.scene.store)->put_profile(stage.scene.store, "user0000", &change, NULL), STORE_OK);
	stage.scene.conf.idle = make_owed;
	ours = below = *store_ops(stage.scene.store);
	ours.load_profiles = load_only_damaged_profiles;
	*(const struct store_ops **)stage.scene.store = &ours;
	here_came(stage.here, "user0001");
	append(&stage, TX_MESSAGE, "user0000", "one");
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, 1, 0);
	here_went(stage.here, "user0001");
	scene_reads(&stage.scene, stage.scene.topic, 2, 100);
	assert_int_equal(pushes_of(&stage, "user0001", stage.last->number, &value), 1);
	assert_null(strstr(value, "senderName"));
	assert_int_equal(pushes_of(&stage, "user0002", stage.last->number, NULL), 1);
	assert_int_equal(push_left_out(stage.push), 0);
	stage_end(&stage);
}

static void a_young_message_waits_and_a_stop_does_not_wait_for_it(void **state)
{
	(void)state;
	struct stage stage;
	stage_begin(&stage, 2);
	stage.scene.conf.delay_ms = 60000;
	scene_starts_mirror(&stage.scene);
	append(&stage, TX_MESSAGE, "user0000", "hello");
	int64_t begin_ms = clock_mono_ms();
	scene_stops_mirror(&stage.scene);
	assert_true(clock_mono_ms() - begin_ms < 1500);
	assert_int_equal(push_count(stage.push), 0);
	later(60001);
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, 1, 100);
	stage_end(&stage);
}

static void pushes_of_a_writer_who_is_gone_are_made_by_another_one(void **state)
{
	(void)state;
	struct stage stage;
	stage_begin(&stage, 2);
	assert_int_equal(store_ops(stage.scene.store)->put_place(stage.scene.store, "push/w", 1, NULL), STORE_OK);
	append(&stage, TX_MESSAGE, "user0000", "hello");
	stage.scene.conf.writer = stage.scene.conf.holder = "v";
	stage.scene.conf.adopt = stage.scene.conf.from_now = true;
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, 1, 100);
	assert_int_equal(pushes_of(&stage, "user0001", 2, NULL), 1);
	stage_end(&stage);
}

/* true: the fault has struck. */
static bool all_are_pushed_with_fault_at(enum faulty_op op, uint64_t call)
{
	struct stage stage;
	stage_begin(&stage, 5);
	append(&stage, TX_MESSAGE, "user0000", "hello");
	store_faulty_arm(stage.scene.store, &(struct fault){.op = op, .call = call, .action = FAULTY_FAIL});
	scene_starts_mirror(&stage.scene);
	scene_reads(&stage.scene, stage.scene.topic, 4, 0);
	bool struck = store_faulty_has_struck(stage.scene.store);
	store_faulty_disarm(stage.scene.store);
	stage_end(&stage);
	return struck;
}

static void they_come_whichever_call_of_the_store_fails(void **state)
{
	static const enum faulty_op ops[] = {FAULTY_LIST_PUSH_TARGETS, FAULTY_READ_MESSAGE, FAULTY_LOAD_PROFILES, FAULTY_LOAD_BLOCKS, FAULTY_LOAD_MEMBERSHIP,
		FAULTY_READ_SUMMARY};
	(void)state;
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
		uint64_t call = 1;
		while (call <= 3 && all_are_pushed_with_fault_at(ops[i], call))
			call++;
		assert_true(call > 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_a_large_group_are_pushed_but_the_sender_and_who_is_there),
		cmocka_unit_test(a_push_names_all_devices_and_where_those_that_registered_are_reached),
		cmocka_unit_test(what_has_expired_is_not_pushed),
		cmocka_unit_test(who_has_it_on_a_device_is_not_pushed),
		cmocka_unit_test(who_was_pushed_once_is_not_pushed_again_by_a_restart),
		cmocka_unit_test(who_was_here_is_owed_what_he_has_not_got_when_he_goes),
		cmocka_unit_test(what_is_owed_and_has_expired_by_then_is_not_pushed),
		cmocka_unit_test(who_comes_back_while_it_is_being_made_is_owed_it_still),
		cmocka_unit_test(a_member_whose_record_is_damaged_holds_up_nobody),
		cmocka_unit_test(a_message_that_is_damaged_holds_up_no_other_one),
		cmocka_unit_test(what_is_damaged_in_the_log_holds_up_no_other_message),
		cmocka_unit_test(of_much_that_is_damaged_each_is_counted_and_a_few_lines_are_written),
		cmocka_unit_test(for_those_who_are_here_the_store_is_asked_once_and_each_is_owed_what_is_not_his_own),
		cmocka_unit_test(who_has_too_many_devices_for_a_record_is_pushed_to_those_seen_last_and_holds_up_nobody),
		cmocka_unit_test(a_push_that_is_larger_than_a_record_may_be_counts_as_refused_and_not_as_made),
		cmocka_unit_test(an_owed_push_that_is_larger_than_a_record_may_be_is_counted_and_holds_up_nobody),
		cmocka_unit_test(whose_profile_is_damaged_is_pushed_to_and_about_without_a_name),
		cmocka_unit_test(whose_records_cannot_be_read_at_the_moment_holds_up_no_other_push_that_is_owed),
		cmocka_unit_test(a_young_message_waits_and_a_stop_does_not_wait_for_it),
		cmocka_unit_test(pushes_of_a_writer_who_is_gone_are_made_by_another_one),
		cmocka_unit_test(they_come_whichever_call_of_the_store_fails),
	};
	return cmocka_run_group_tests(tests, cluster_begin, cluster_end);
}
