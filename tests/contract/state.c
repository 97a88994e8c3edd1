/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What stands beside the log: identity, receipts, devices, cursors, forgetting; and that everything is there after reopening. */
#include "tests/contract/contract.h"

static void a_store_keeps_its_identity(void **state)
{
	struct world *world = *state;
	struct store_info before = {0}, after = {0}, other = {0};
	assert_int_equal(ON_WORLD(info, &before, NULL), STORE_OK);
	assert_int_equal(strlen(before.epoch), STORE_EPOCH_LEN);
	assert_int_not_equal(strlen(before.writer), 0);
	assert_true(before.schema_version > 0);
	assert_int_equal(ON(world->other, info, &other, NULL), STORE_OK);
	assert_string_equal(other.epoch, before.epoch);
	assert_memory_equal(other.secret, before.secret, STORE_SECRET_BYTES);
	world_reopen(world);
	assert_int_equal(ON_WORLD(info, &after, NULL), STORE_OK);
	after.schema_found = before.schema_found; /* the first one made it */
	assert_memory_equal(&after, &before, sizeof before);
}

static void two_stores_are_not_the_same(void **state)
{
	struct world *world = *state, *another = world_new();
	struct store_info a = {0}, b = {0};
	assert_int_equal(ON_WORLD(info, &a, NULL), STORE_OK);
	assert_int_equal(ON(another->store, info, &b, NULL), STORE_OK);
	assert_string_not_equal(a.epoch, b.epoch);
	assert_string_not_equal(a.writer, b.writer);
	assert_memory_not_equal(a.secret, b.secret, STORE_SECRET_BYTES);
	world_free(another);
}

static void who_opens_only_what_is_there_makes_nothing(void **state)
{
	(void)state;
	struct world *nowhere = world_new_empty();
	struct store *store = NULL, *found = NULL;
	struct store_info info = {0};
	for (int i = 0; i < 2; i++) {
		struct error err = {0};
		assert_int_equal(world_try(nowhere, STORE_EXISTING, &store, &err), STORE_NOT_FOUND);
		assert_null(store);
		assert_int_not_equal(strlen(err.text), 0);
	}
	assert_int_equal(world_try(nowhere, 0, &store, NULL), STORE_OK);
	assert_int_equal(ON(store, info, &info, NULL), STORE_OK);
	assert_int_equal(info.schema_found, 0);
	assert_int_equal(world_try(nowhere, STORE_EXISTING, &found, NULL), world_can_be_found() ? STORE_OK : STORE_NOT_FOUND);
	if (found != NULL) {
		assert_int_equal(ON(found, info, &info, NULL), STORE_OK);
		assert_int_equal(info.schema_found, info.schema_version);
		store_ops(found)->close(found);
	}
	store_ops(store)->close(store);
	world_free(nowhere);
}

static void everything_is_there_after_reopening(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(world->store, line_says_as(&line, "alice", "a1", "hi"));
	world_reopen(world);
	assert_int_equal(assert_sound(world->store, "c"), 2);
	assert_int_equal(append_one(world->store, line_says_as(&line, "alice", "a1", "hi")), APPEND_CONFLICT);
	line_catch_up(&line, world->store);
	assert_appended(world->store, line_says(&line, "alice", "ho"));
	struct page page = read_all(world->store, "c");
	assert_true(page.transactions[2]->position > page.transactions[1]->position);
	store_page_free(&page);
}

/* ---- receipts ---- */

static void assert_marks(struct world *world, const char *user_id, uint64_t received, uint64_t read)
{
	struct chat_record *chat = NULL;
	assert_int_equal(ON_WORLD(load_chat, "c", &chat, NULL), STORE_OK);
	assert_int_equal(find_member(chat, user_id)->received, received);
	assert_int_equal(find_member(chat, user_id)->read, read);
	store_free(chat);
	struct user_chat *membership = NULL;
	assert_int_equal(ON_WORLD(load_membership, user_id, "c", &membership, NULL), STORE_OK);
	assert_int_equal(membership->received, received);
	assert_int_equal(membership->read, read);
	store_free(membership);
}

static void receipts_only_grow_each_by_itself(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_marks(world, "bob", 0, 0);
	static const struct receipt receipts[] = {{"c", "bob", 5, 3}, {"c", "bob", 4, 4}, {"c", "bob", 6, 0}};
	assert_int_equal(ON_WORLD(put_receipts, receipts, 1, NULL), STORE_OK);
	assert_marks(world, "bob", 5, 3);
	assert_int_equal(ON_WORLD(put_receipts, receipts + 1, 1, NULL), STORE_OK);
	assert_marks(world, "bob", 5, 4);
	assert_int_equal(ON_WORLD(put_receipts, receipts + 2, 1, NULL), STORE_OK);
	assert_marks(world, "bob", 6, 4);
	assert_int_equal(ON_WORLD(put_receipts, receipts, 1, NULL), STORE_OK);
	assert_marks(world, "bob", 6, 4);
	assert_int_equal(ON_WORLD(put_receipts, receipts, 3, NULL), STORE_OK);
	assert_marks(world, "bob", 6, 4);
}

static void receipts_of_strangers_are_passed_over(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	static const struct receipt receipts[] = {{"nowhere", "bob", 1, 1}, {"c", "nobody", 1, 1}, {"c", "bob", 1, 1}};
	assert_int_equal(ON_WORLD(put_receipts, receipts, 3, NULL), STORE_OK);
	assert_marks(world, "bob", 1, 1);
	struct chat_record *chat = NULL;
	assert_int_equal(ON_WORLD(load_chat, "c", &chat, NULL), STORE_OK);
	assert_int_equal(chat->member_count, 1);
	store_free(chat);
}

static void receipts_outlive_leaving(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct receipt receipt = {"c", "bob", 1, 1};
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_int_equal(ON_WORLD(put_receipts, &receipt, 1, NULL), STORE_OK);
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_marks(world, "bob", 1, 1);
}

/* ---- devices ---- */

static struct device_record *load_device(struct world *world, const char *device)
{
	struct device_record *record = NULL;
	assert_int_equal(ON_WORLD(load_device, "bob", device, &record, NULL), STORE_OK);
	return record;
}

static void a_device_keeps_what_was_put_last(void **state)
{
	struct world *world = *state;
	struct device_record *record = NULL;
	assert_int_equal(ON_WORLD(load_device, "bob", "phone", &record, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(put_device, "bob", "phone", START_MS, "inbox 1", 1024, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_device, "bob", "phone", START_MS + 1, "", UINT32_MAX, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_device, "bob", "watch", START_MS + 2, "live 0", 0, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_device, "alice", "phone", &record, NULL), STORE_NOT_FOUND);
	assert_null(record);
	record = load_device(world, "phone");
	assert_int_equal(record->seen_at_ms, START_MS + 1);
	assert_string_equal(record->subscriptions, "");
	assert_true(record->max_bytes == UINT32_MAX);
	assert_int_equal(record->cursor_count, 0);
	store_free(record);
	struct user_record *user = NULL;
	assert_int_equal(ON_WORLD(load_user, "bob", &user, NULL), STORE_NOT_FOUND);
}

static uint64_t cursor_of(const struct device_record *record, const char *chat_id)
{
	for (size_t i = 0; i < record->cursor_count; i++)
		if (strcmp(record->cursors[i].chat_id, chat_id) == 0)
			return record->cursors[i].number;
	return 0;
}

static void cursors_only_grow_and_belong_to_one_device(void **state)
{
	struct world *world = *state;
	struct line c = line_new("c"), d = line_new("d");
	assert_appended(world->store, line_says(&c, "alice", "hi"));
	assert_appended(world->store, line_says(&d, "alice", "hi"));
	assert_int_equal(ON_WORLD(put_device, "bob", "phone", START_MS, "", 0, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_device, "bob", "watch", START_MS, "", 0, NULL), STORE_OK);
	static const struct cursor cursors[] = {{"bob", "phone", "c", 7}, {"bob", "phone", "d", 2}, {"bob", "watch", "c", 1}, {"bob", "phone", "c", 5}};
	assert_int_equal(ON_WORLD(put_cursors, cursors, 4, NULL), STORE_OK);
	struct device_record *record = load_device(world, "phone");
	assert_int_equal(record->cursor_count, 2);
	assert_int_equal(cursor_of(record, "c"), 7);
	assert_int_equal(cursor_of(record, "d"), 2);
	store_free(record);
	record = load_device(world, "watch");
	assert_int_equal(record->cursor_count, 1);
	assert_int_equal(cursor_of(record, "c"), 1);
	store_free(record);
	assert_int_equal(ON_WORLD(put_device, "bob", "phone", START_MS + 5, "inbox 1", 0, NULL), STORE_OK);
	record = load_device(world, "phone");
	assert_int_equal(cursor_of(record, "c"), 7);
	store_free(record);
}

static void cursors_of_unknown_devices_and_chats_are_passed_over(void **state)
{
	struct world *world = *state;
	struct line c = line_new("c");
	struct device_record *record = NULL;
	assert_appended(world->store, line_says(&c, "alice", "hi"));
	assert_int_equal(ON_WORLD(put_device, "bob", "phone", START_MS, "", 0, NULL), STORE_OK);
	static const struct cursor cursors[] = {{"bob", "tablet", "c", 1}, {"bob", "phone", "nowhere", 1}, {"nobody", "phone", "c", 1}};
	assert_int_equal(ON_WORLD(put_cursors, cursors, 3, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_device, "bob", "tablet", &record, NULL), STORE_NOT_FOUND);
	record = load_device(world, "phone");
	assert_int_equal(record->cursor_count, 0);
	store_free(record);
}

/* ---- forgetting ---- */

static void prune_keeps_keys_for_seven_days(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	unsigned char hash[ID_BYTES];
	uint64_t number = 0;
	assert_appended(world->store, line_says_as(&line, "alice", "a1", "hi"));
	prune_world(world, START_MS + STORE_KEY_DAYS * DAY_MS);
	assert_int_equal(ON_WORLD(find_key, "c", "alice", "a1", 0, &number, hash, NULL), STORE_OK);
	assert_int_equal(append_one(world->store, line_says_as(&line, "alice", "a1", "hi")), APPEND_CONFLICT);
}

/* Whether a key that is older is forgotten is the backend's. */
static void prune_forgets_no_transactions(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_says_as(&line, "alice", "a1", "hi"));
	prune_world(world, START_MS + 2 * STORE_KEY_DAYS * DAY_MS + 1);
	assert_int_equal(assert_sound(world->store, "c"), 1);
	struct transaction *tx = read_one(world->store, "c", 1);
	assert_string_equal(tx->key, "a1");
	transaction_free(tx);
}

static void prune_forgets_devices_not_seen_for_ninety_days(void **state)
{
	struct world *world = *state;
	struct line c = line_new("c");
	struct device_record *record = NULL;
	assert_appended(world->store, line_says(&c, "alice", "hi"));
	assert_int_equal(ON_WORLD(put_device, "bob", "old", START_MS - 1, "", 0, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_device, "bob", "new", START_MS, "", 0, NULL), STORE_OK);
	static const struct cursor cursors[] = {{"bob", "old", "c", 1}, {"bob", "new", "c", 1}};
	assert_int_equal(ON_WORLD(put_cursors, cursors, 2, NULL), STORE_OK);
	prune_world(world, START_MS + STORE_DEVICE_DAYS * DAY_MS);
	assert_int_equal(ON_WORLD(load_device, "bob", "old", &record, NULL), STORE_NOT_FOUND);
	record = load_device(world, "new");
	assert_int_equal(cursor_of(record, "c"), 1);
	store_free(record);
	assert_int_equal(ON_WORLD(put_device, "bob", "old", START_MS, "", 0, NULL), STORE_OK);
	record = load_device(world, "old");
	assert_int_equal(record->cursor_count, 0);
	store_free(record);
}

/* ---- upkeep ---- */

static void a_sound_store_verifies_and_checkpoints_at_any_time(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ON_WORLD(verify, NULL), STORE_OK);
		if (store_ops(world->store)->checkpoint)
			assert_int_equal(ON_WORLD(checkpoint, NULL), STORE_OK);
		assert_appended(world->store, line_says(&line, "alice", "hi"));
	}
	assert_int_equal(assert_sound(world->store, "c"), 3);
}

static void what_is_no_store_is_refused_with_a_word(void **state)
{
	(void)state;
	static const char *const uris[] = {"", "chat.db", ":", "redis:x", "memory:x", "sqlite:", "sqlite::memory:", "sqlite:file:x", "sqlit:x", "sqlitee:x"};
	for (size_t i = 0; i < sizeof uris / sizeof *uris; i++) {
		struct store *store = NULL;
		struct error err = {0};
		assert_int_equal(store_open(uris[i], &store, &err), STORE_REFUSED);
		assert_null(store);
		assert_int_not_equal(strlen(err.text), 0);
	}
	struct store *store = NULL;
	assert_int_equal(store_open("redis:secret", &store, NULL), STORE_REFUSED);
}

int run_state_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(a_store_keeps_its_identity),
		STORY(two_stores_are_not_the_same),
		cmocka_unit_test(who_opens_only_what_is_there_makes_nothing),
		STORY(everything_is_there_after_reopening),
		STORY(receipts_only_grow_each_by_itself),
		STORY(receipts_of_strangers_are_passed_over),
		STORY(receipts_outlive_leaving),
		STORY(a_device_keeps_what_was_put_last),
		STORY(cursors_only_grow_and_belong_to_one_device),
		STORY(cursors_of_unknown_devices_and_chats_are_passed_over),
		STORY(prune_keeps_keys_for_seven_days),
		STORY(prune_forgets_no_transactions),
		STORY(prune_forgets_devices_not_seen_for_ninety_days),
		STORY(a_sound_store_verifies_and_checkpoints_at_any_time),
		STORY(what_is_no_store_is_refused_with_a_word),
	};
	return cmocka_run_group_tests_name("state", stories, NULL, NULL);
}
