/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See full_store.h. */
#include "tests/contract/full_store.h"

#include "tests/contract/place.h"

/* ---- a store with everything ---- */

static const unsigned char invitation[INVITATION_HASH_BYTES] = {1, 2, 3}, revoked[INVITATION_HASH_BYTES] = {4};

static void put_people(struct store *store)
{
	struct world world_of = {.store = store}, *world = &world_of;
	char inviter[USER_ID_MAX + 1];
	EXIST("alice", "bob", "carol", "dave");
	const struct profile_change change = {.name = "Alice", .icon = "iconhash", .status = "here", .time_zone = "UTC", .hides_online = 1, .hides_last_seen = 0};
	assert_int_equal(ON(store, put_profile, "alice", &change, NULL), STORE_OK);
	assert_int_equal(ON(store, put_icon, "iconhash", "PNG", 3, NULL), STORE_OK);
	assert_int_equal(ON(store, put_shared_id, "alice", "al", NULL), STORE_OK);
	assert_int_equal(ON(store, put_last_seen, (&(struct last_seen){"bob", START_MS + 77}), 1, NULL), STORE_OK);
	assert_int_equal(ON(store, put_favorite, "alice", "carol", true, START_MS + 5, NULL), STORE_OK);
	assert_int_equal(ON(store, put_favorite, "alice", "bob", true, START_MS + 6, NULL), STORE_OK);
	assert_int_equal(ON(store, put_block, "bob", "alice", true, START_MS + 10, NULL), STORE_OK);
	assert_int_equal(ON(store, put_block, "bob", "alice", false, START_MS + 20, NULL), STORE_OK);
	assert_int_equal(ON(store, put_block, "bob", "alice", true, START_MS + 20, NULL), STORE_OK);
	assert_int_equal(ON(store, put_block, "bob", "stranger", true, START_MS, NULL), STORE_OK);
	assert_int_equal(ON(store, put_invitation, revoked, "alice", START_MS, START_MS + DAY_MS, 3, NULL), STORE_OK);
	assert_int_equal(ON(store, revoke_invitation, "alice", revoked, NULL), STORE_OK);
	assert_int_equal(ON(store, put_invitation, invitation, "alice", START_MS, START_MS + DAY_MS, 3, NULL), STORE_OK);
	assert_int_equal(ON(store, use_invitation, invitation, "bob", START_MS, inviter, NULL), STORE_OK);
	assert_int_equal(ON(store, use_invitation, invitation, "dave", START_MS, inviter, NULL), STORE_OK);
	assert_int_equal(ON(store, delete_user, "dave", START_MS + 100, NULL), STORE_OK);
	assert_int_equal(ON(store, finish_deletion, "dave", NULL), STORE_OK);
	assert_int_equal(ON(store, delete_user, "carol", START_MS + 100, NULL), STORE_OK);
	assert_int_equal(ON(store, put_user, "carol", START_MS + 200, NULL), STORE_OK);
}

static void put_group(struct store *store, struct line *line)
{
	assert_appended(store, line_adds_all(line, "{\"members\":[{\"userID\":\"alice\",\"role\":\"owner\"},{\"userID\":\"bob\",\"role\":\"admin\"},"
											   "{\"userID\":\"dave\",\"role\":\"member\"}]}"));
	assert_appended(store, line_updates_group(line, "{\"name\":\"Team\",\"icon\":\"iconhash\",\"history\":\"all\"}"));
	assert_appended(store, line_says_as(line, "alice", "a1", "hi"));
	line->writer = "w2";
	assert_appended(store, line_replies(line, "bob", 3, "ho", "hi"));
	assert_appended(store, line_edits(line, "alice", 3, "hello"));
	line->writer = "w1";
	assert_appended(store, line_removes(line, "bob"));
	assert_appended(store, line_deletes(line, "alice", 3));
	assert_appended(store, line_adds(line, "bob", ROLE_MEMBER));
}

/* A chat of so many messages that windows and pages have an end in it. */
static void put_long_chat(struct store *store, struct line *line, size_t messages)
{
	assert_appended(store, line_adds_pair(line, "alice", "bob"));
	while (line->latest < messages) {
		struct transaction *transactions[200];
		struct append append = {.chat_id = line->chat_id, .transactions = transactions};
		for (; append.transaction_count < 200; append.transaction_count++)
			transactions[append.transaction_count] = line_says(line, "alice", "a message of some length, as there are many");
		assert_int_equal(ON(store, append, &append, 1, NULL), STORE_OK);
		assert_int_equal(append.result, APPEND_OK);
		for (size_t i = 0; i < append.transaction_count; i++)
			transaction_free(transactions[i]);
	}
}

static void put_erased_group(struct store *store)
{
	struct line line = line_new("over");
	bool more = true;
	assert_appended(store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(store, line_says(&line, "alice", "gone"));
	assert_appended(store, line_ends_group(&line));
	while (more)
		assert_int_equal(ON(store, erase, "over", NULL, &more, NULL), STORE_OK);
}

static void put_state(struct store *store)
{
	unsigned char key[CHAT_KEY_BYTES];
	struct page page = read_tail(store, "w1", 0, 5, NULL);
	uint64_t place = page.transactions[4]->position;
	store_page_free(&page);
	assert_int_equal(ON(store, put_place, "kafka/w1", place, NULL), STORE_OK);
	page = read_tail(store, "w2", 0, 1000, NULL);
	place = page.transactions[page.count - 1]->position + 1;
	store_page_free(&page);
	assert_int_equal(ON(store, put_place, "kafka/w2", place, NULL), STORE_OK);
	assert_int_equal(ON(store, put_place, "kafka/nobody", place, NULL), STORE_OK);
	assert_int_equal(ON(store, load_chat_key, "g", true, key, NULL), STORE_OK);
	static const struct receipt receipts[] = {{"g", "alice", 8, 7}, {"long", "bob", 40, 30}};
	assert_int_equal(ON(store, put_receipts, receipts, 2, NULL), STORE_OK);
	assert_int_equal(ON(store, put_device, "bob", "phone", START_MS + 1, "inbox 1", 4096, NULL), STORE_OK);
	static const struct cursor cursors[] = {{"bob", "phone", "g", 5}, {"bob", "phone", "long", 39}};
	assert_int_equal(ON(store, put_cursors, cursors, 2, NULL), STORE_OK);
	assert_int_equal(ON(store, put_mute, "bob", "long", START_MS + DAY_MS, NULL), STORE_OK);
}

static void put_tokens(struct store *store)
{
	assert_int_equal(ON(store, put_registration, "bob", "phone", "fcm", "token of the phone", START_MS + 1, NULL), STORE_OK);
	assert_int_equal(ON(store, put_device_token, "bob", "lamp", START_MS + 2, START_MS + DAY_MS, NULL), STORE_OK);
	assert_int_equal(ON(store, put_revocation, "bob", START_MS + 3, NULL), STORE_OK);
	assert_int_equal(ON(store, put_revocation, "bob/phone", START_MS + 4, NULL), STORE_OK);
	for (int i = 0; i < 3; i++) {
		struct audit_record record = {START_MS + i, "root", "revoke", "bob", "{}", "ok"};
		assert_int_equal(ON(store, put_audit, &record, NULL), STORE_OK);
	}
	assert_int_equal(ON(store, add_signing_key, (&(struct signing_key){"key1", START_MS, "\0\1\2", 3}), NULL), STORE_OK);
	assert_int_equal(ON(store, add_signing_key, (&(struct signing_key){"key2", START_MS + 1, "\0\1\3", 3}), NULL), STORE_OK);
}

void full_store_make(const char *uri, size_t messages, struct line *group)
{
	struct store *store = open_at(uri);
	struct line line = line_new("long");
	*group = line_new("g");
	put_people(store);
	put_group(store, group);
	put_long_chat(store, &line, messages);
	put_erased_group(store);
	put_state(store);
	put_tokens(store);
	close_store(store);
}

/* ---- comparing ---- */

static void assert_same_tail(struct store *a, struct store *b, const char *writer)
{
	struct page left = read_tail(a, writer, 0, 100000, NULL), right = read_tail(b, writer, 0, 100000, NULL);
	assert_int_equal(left.count, right.count);
	for (size_t i = 0; i < left.count; i++)
		assert_int_equal(left.transactions[i]->writer[1], right.transactions[i]->writer[1]);
	/* Each chat in its order; chats may change places, but nothing passes a place. */
	for (size_t i = 0; i < 4 && writer[1] == '1'; i++)
		assert_memory_equal(left.transactions[i]->head, right.transactions[i]->head, HEAD_BYTES);
	store_page_free(&left);
	store_page_free(&right);
}

void assert_same_place(struct store *a, struct store *b, const char *name, const char *writer, size_t count)
{
	struct store *both[] = {a, b};
	for (size_t i = 0; i < 2; i++) {
		uint64_t place = 0;
		assert_int_equal(ON(both[i], load_place, name, &place, NULL), STORE_OK);
		struct page page = read_tail(both[i], writer, place, 100000, NULL);
		assert_int_equal(page.count, count);
		if (count > 0) {
			assert_string_equal(page.transactions[0]->chat_id, "g");
			assert_int_equal(page.transactions[0]->number, 7);
		}
		store_page_free(&page);
	}
}

static void assert_same_identity(struct store *a, struct store *b)
{
	struct store_info left = {0}, right = {0};
	unsigned char key[CHAT_KEY_BYTES], other[CHAT_KEY_BYTES];
	assert_int_equal(ON(a, info, &left, NULL), STORE_OK);
	assert_int_equal(ON(b, info, &right, NULL), STORE_OK);
	assert_string_equal(left.epoch, right.epoch);
	assert_memory_equal(left.secret, right.secret, STORE_SECRET_BYTES);
	assert_int_equal(ON(a, load_chat_key, "g", false, key, NULL), STORE_OK);
	assert_int_equal(ON(b, load_chat_key, "g", false, other, NULL), STORE_OK);
	assert_memory_equal(key, other, sizeof key);
}

static void assert_same_person(struct store *store)
{
	struct profile_list *profiles = NULL;
	char user_id[USER_ID_MAX + 1];
	void *icon = NULL;
	size_t len = 0;
	assert_int_equal(ON(store, load_profiles, (&(const char *const){"alice"}), 1, &profiles, NULL), STORE_OK);
	assert_int_equal(profiles->profiles[0].created_at_ms, START_MS);
	assert_string_equal(profiles->profiles[0].status, "here");
	assert_true(profiles->profiles[0].hides_online);
	store_free(profiles);
	assert_int_equal(ON(store, find_shared_id, "al", user_id, NULL), STORE_OK);
	assert_string_equal(user_id, "alice");
	assert_int_equal(ON(store, load_icon, "iconhash", &icon, &len, NULL), STORE_OK);
	assert_int_equal(len, 3);
	store_free(icon);
}

void assert_same_relations(struct store *store)
{
	struct block_list *blocks = NULL;
	const char *const *favorites = NULL;
	size_t count = 0;
	char inviter[USER_ID_MAX + 1];
	assert_int_equal(ON(store, load_blocks, "bob", &blocks, NULL), STORE_OK);
	assert_int_equal(blocks->count, 3);
	assert_int_equal(blocks->blocks[0].to_ms, START_MS + 20);
	assert_int_equal(blocks->blocks[1].from_ms, START_MS + 20);
	assert_int_equal(blocks->blocks[1].to_ms, 0);
	store_free(blocks);
	assert_int_equal(ON(store, load_favorites, "alice", &favorites, &count, NULL), STORE_OK);
	assert_int_equal(count, 1); /* carol's account was deleted, and she in others' favorites with it */
	assert_string_equal(favorites[0], "bob");
	store_free((void *)(uintptr_t)favorites);
	assert_int_equal(ON(store, use_invitation, invitation, "bob", START_MS, inviter, NULL), STORE_OK);
	assert_int_equal(ON(store, use_invitation, invitation, "carol", START_MS, inviter, NULL), STORE_OK);
	assert_int_equal(ON(store, use_invitation, invitation, "alice", START_MS, inviter, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON(store, put_invitation, revoked, "alice", START_MS, START_MS + DAY_MS, 3, NULL), STORE_TAKEN);
}

static void assert_same_state(struct store *store)
{
	struct user_chat *membership = NULL;
	struct device_record *device = NULL;
	struct deleted_list *deleted = NULL;
	assert_int_equal(ON(store, load_membership, "bob", "long", &membership, NULL), STORE_OK);
	assert_int_equal(membership->muted_until_ms, START_MS + DAY_MS);
	assert_int_equal(membership->read, 30);
	assert_string_equal(membership->peer_id, "alice");
	store_free(membership);
	assert_int_equal(ON(store, load_device, "bob", "phone", &device, NULL), STORE_OK);
	assert_int_equal(device->cursor_count, 2);
	assert_int_equal(device->cursors[1].number, 39);
	assert_int_equal(device->max_bytes, 4096);
	store_free(device);
	assert_int_equal(ON(store, list_deleted, "", 10, &deleted, NULL), STORE_OK);
	assert_int_equal(deleted->count, 2);
	assert_true(deleted->users[0].erasing); /* carol */
	assert_false(deleted->users[1].erasing);
	assert_int_equal(deleted->users[1].deleted_at_ms, START_MS + 100);
	store_free(deleted);
}

static void assert_same_tokens(struct store *store)
{
	struct device_list *devices = NULL;
	struct revocation_list *revocations = NULL;
	struct audit_list *audit = NULL;
	struct signing_key_list *keys = NULL;
	assert_int_equal(ON(store, list_devices, "bob", &devices, NULL), STORE_OK);
	assert_int_equal(devices->count, 2);
	assert_string_equal(devices->devices[0].device, "lamp");
	assert_int_equal(devices->devices[0].seen_at_ms, START_MS + 2);
	assert_int_equal(devices->devices[0].token_expires_ms, START_MS + DAY_MS);
	assert_string_equal(devices->devices[1].platform, "fcm");
	assert_string_equal(devices->devices[1].push_token, "token of the phone");
	store_free(devices);
	assert_int_equal(ON(store, list_revocations, "", 10, &revocations, NULL), STORE_OK);
	assert_int_equal(revocations->count, 2);
	assert_int_equal(revocations->revocations[1].at_ms, START_MS + 4);
	store_free(revocations);
	assert_int_equal(ON(store, list_audit, NULL, 1000, &audit, NULL), STORE_OK);
	size_t first = 0;
	while (first < audit->count && strcmp(audit->records[first].command, "copy") == 0) /* that it was begun, each time */
		first++;
	assert_int_equal(audit->count, first + 3);
	assert_int_equal(audit->records[first + 2].at_ms, START_MS);
	assert_string_equal(audit->records[first + 2].details, "{}");
	store_free(audit);
	assert_int_equal(ON(store, list_signing_keys, &keys, NULL), STORE_OK);
	assert_int_equal(keys->count, 2);
	assert_string_equal(keys->keys[0].kid, "key2");
	assert_memory_equal(keys->keys[1].bytes, "\0\1\2", 3);
	store_free(keys);
}

void assert_same_store(const char *from_uri, const char *to_uri)
{
	struct store *from = open_at(from_uri), *to = open_at(to_uri);
	struct message_state message = {0};
	assert_same_identity(from, to);
	assert_same_tail(from, to, "w1");
	assert_same_tail(from, to, "w2");
	assert_same_place(from, to, "kafka/w2", "w2", 0);
	assert_same_person(to);
	assert_same_state(to);
	assert_same_tokens(to);
	assert_int_equal(assert_sound(to, "g"), 8);
	assert_int_equal(assert_sound(to, "over"), 3);
	assert_int_equal(ON(to, read_message, "g", 3, &message, NULL), STORE_OK);
	assert_true(message.message->body.erased);
	message_state_free(&message);
	close_store(from);
	close_store(to);
}
