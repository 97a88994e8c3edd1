/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See writings.h. */
#include "tests/contract/writings.h"

#include <stdio.h>

static enum store_rc append_tx(struct scene *scene, struct error *err)
{
	struct append append = {.chat_id = scene->tx->chat_id, .transactions = &scene->tx, .transaction_count = 1};
	enum store_rc rc = ON(scene->store, append, &append, 1, err);
	assert_int_equal(append.result, rc == STORE_OK ? APPEND_OK : rc == STORE_UNKNOWN ? APPEND_UNKNOWN : APPEND_NOTHING_ADDED);
	return rc;
}

static void prepare_tx(struct scene *scene, struct transaction *tx)
{
	transaction_free(scene->tx);
	scene->tx = tx;
	scene->expected = (int64_t)tx->number;
}

static int64_t latest_of(struct scene *scene)
{
	struct chat_record *chat = NULL;
	enum store_rc rc = ON(scene->store, load_chat, scene->tx->chat_id, &chat, NULL);
	assert_true(rc == STORE_OK || rc == STORE_NOT_FOUND);
	int64_t latest = chat ? (int64_t)chat->latest : 0;
	store_free(chat);
	return latest;
}

static void prepare_message(struct scene *scene)
{
	line_catch_up(&scene->group, scene->store);
	prepare_tx(scene, line_says_as(&scene->group, "alice", scene->name, "a message"));
}

static void prepare_deletion(struct scene *scene)
{
	prepare_message(scene);
	assert_int_equal(append_tx(scene, NULL), STORE_OK);
	prepare_tx(scene, line_deletes(&scene->group, "alice", scene->group.latest));
}

static void prepare_group_change(struct scene *scene)
{
	char body[80];
	line_catch_up(&scene->group, scene->store);
	snprintf(body, sizeof body, "{\"name\":\"%s\"}", scene->name);
	prepare_tx(scene, line_updates_group(&scene->group, body));
}

static void prepare_chat(struct scene *scene)
{
	scene->line = line_new(scene->name);
	prepare_tx(scene, line_adds_all(&scene->line, "{\"members\":[{\"userID\":\"alice\",\"role\":\"owner\"},{\"userID\":\"new\",\"role\":\"member\"}]}"));
}

static void prepare_turn(struct scene *scene)
{
	scene->expected = START_MS + scene->turn;
}

static enum store_rc write_user(struct scene *scene, struct error *err)
{
	return ON(scene->store, put_user, scene->name, scene->expected, err);
}

static int64_t created_at(struct scene *scene)
{
	struct user_record *user = NULL;
	enum store_rc rc = ON(scene->store, load_user, scene->name, &user, NULL);
	assert_true(rc == STORE_OK || rc == STORE_NOT_FOUND);
	int64_t at_ms = user ? user->created_at_ms : 0;
	store_free(user);
	return at_ms;
}

static void prepare_end_of_user(struct scene *scene)
{
	prepare_turn(scene);
	assert_int_equal(write_user(scene, NULL), STORE_OK);
	scene->expected = 0;
}

/* NOT_FOUND: the one whose answer was not known has done it. */
static enum store_rc end_user(struct scene *scene, struct error *err)
{
	enum store_rc rc = ON(scene->store, delete_user, scene->name, START_MS, err);
	return rc == STORE_NOT_FOUND ? STORE_OK : rc;
}

static enum store_rc write_mute(struct scene *scene, struct error *err)
{
	return ON(scene->store, put_mute, "bob", "long", scene->expected, err);
}

static struct user_chat *membership_of_bob(struct scene *scene)
{
	struct user_chat *membership = NULL;
	assert_int_equal(ON(scene->store, load_membership, "bob", "long", &membership, NULL), STORE_OK);
	return membership;
}

static int64_t muted_until(struct scene *scene)
{
	struct user_chat *membership = membership_of_bob(scene);
	int64_t until_ms = membership->muted_until_ms;
	store_free(membership);
	return until_ms;
}

static enum store_rc write_receipt(struct scene *scene, struct error *err)
{
	return ON(scene->store, put_receipts, (&(const struct receipt){"long", "bob", (uint64_t)scene->expected, (uint64_t)scene->expected}), 1, err);
}

static int64_t read_up_to(struct scene *scene)
{
	struct user_chat *membership = membership_of_bob(scene);
	int64_t read = (int64_t)membership->read;
	store_free(membership);
	return read;
}

static enum store_rc write_cursor(struct scene *scene, struct error *err)
{
	return ON(scene->store, put_cursors, (&(const struct cursor){"bob", "phone", "long", (uint64_t)scene->expected}), 1, err);
}

static int64_t cursor(struct scene *scene)
{
	struct device_record *device = NULL;
	assert_int_equal(ON(scene->store, load_device, "bob", "phone", &device, NULL), STORE_OK);
	assert_int_equal(device->cursor_count, 2);
	int64_t number = (int64_t)device->cursors[1].number;
	store_free(device);
	return number;
}

static enum store_rc write_device(struct scene *scene, struct error *err)
{
	return ON(scene->store, put_device, "bob", scene->name, scene->expected, "inbox 1", 4096, err);
}

static int64_t device_seen_at(struct scene *scene)
{
	struct device_record *device = NULL;
	enum store_rc rc = ON(scene->store, load_device, "bob", scene->name, &device, NULL);
	assert_true(rc == STORE_OK || rc == STORE_NOT_FOUND);
	int64_t seen_at_ms = device ? device->seen_at_ms : 0;
	store_free(device);
	return seen_at_ms;
}

static enum store_rc write_profile(struct scene *scene, struct error *err)
{
	char name[24];
	snprintf(name, sizeof name, "%lld", (long long)scene->expected);
	return ON(scene->store, put_profile, "alice", (&(const struct profile_change){.name = name, .hides_online = -1, .hides_last_seen = -1}), err);
}

static int64_t name_of_alice(struct scene *scene)
{
	struct profile_list *profiles = NULL;
	assert_int_equal(ON(scene->store, load_profiles, (&(const char *const){"alice"}), 1, &profiles, NULL), STORE_OK);
	int64_t name = strtoll(profiles->profiles[0].name, NULL, 10);
	assert_string_equal(profiles->profiles[0].status, "here");
	store_free(profiles);
	return name;
}

static enum store_rc write_place(struct scene *scene, struct error *err)
{
	return ON(scene->store, put_place, "kafka/w1", (uint64_t)scene->expected, err);
}

static int64_t place(struct scene *scene)
{
	uint64_t position = 0;
	assert_int_equal(ON(scene->store, load_place, "kafka/w1", &position, NULL), STORE_OK);
	return (int64_t)position;
}

static enum store_rc write_block(struct scene *scene, struct error *err)
{
	return ON(scene->store, put_block, "alice", scene->name, true, scene->expected, err);
}

static int64_t block_begins_at(struct scene *scene)
{
	struct block_list *blocks = NULL;
	int64_t from_ms = 0;
	assert_int_equal(ON(scene->store, load_blocks, "alice", &blocks, NULL), STORE_OK);
	for (size_t i = 0; i < blocks->count; i++)
		if (strcmp(blocks->blocks[i].user_id, scene->name) == 0)
			from_ms = blocks->blocks[i].from_ms;
	store_free(blocks);
	return from_ms;
}

static void prepare_erasure(struct scene *scene)
{
	prepare_message(scene);
	assert_int_equal(append_tx(scene, NULL), STORE_OK);
	scene->expected = 1;
}

static enum store_rc erase_texts(struct scene *scene, struct error *err)
{
	bool more = true;
	enum store_rc rc = STORE_OK;
	while (rc == STORE_OK && more)
		rc = ON(scene->store, erase, "g", "alice", &more, err);
	return rc;
}

static int64_t is_erased(struct scene *scene)
{
	struct transaction *tx = read_one(scene->store, "g", scene->tx->number);
	bool erased = tx->body.erased;
	transaction_free(tx);
	return erased;
}

/* Whatever was committed before stays; nothing to see of it. */
static void prepare_checkpoint(struct scene *scene)
{
	prepare_deletion(scene);
	assert_int_equal(append_tx(scene, NULL), STORE_OK);
}

static enum store_rc check_point(struct scene *scene, struct error *err)
{
	return ON(scene->store, checkpoint, err);
}

static enum store_rc forget(struct scene *scene, struct error *err)
{
	bool more = true;
	enum store_rc rc = STORE_OK;
	while (rc == STORE_OK && more)
		rc = ON(scene->store, prune, START_MS, &more, err);
	return rc;
}

const struct writing writings[] = {
	{"a message", prepare_message, append_tx, latest_of, false},
	{"a deletion", prepare_deletion, append_tx, latest_of, false},
	{"a group's name", prepare_group_change, append_tx, latest_of, false},
	{"a chat", prepare_chat, append_tx, latest_of, false},
	{"a user", prepare_turn, write_user, created_at, false},
	{"the end of a user", prepare_end_of_user, end_user, created_at, false},
	{"a mute", prepare_turn, write_mute, muted_until, false},
	{"a receipt", prepare_turn, write_receipt, read_up_to, false},
	{"a cursor", prepare_turn, write_cursor, cursor, false},
	{"a device", prepare_turn, write_device, device_seen_at, false},
	{"a profile", prepare_turn, write_profile, name_of_alice, false},
	{"a place", prepare_turn, write_place, place, false},
	{"a block", prepare_turn, write_block, block_begins_at, false},
	{"an erasure", prepare_erasure, erase_texts, is_erased, true},
	{"a checkpoint", prepare_checkpoint, check_point, latest_of, false},
	{"forgetting", prepare_checkpoint, forget, latest_of, false},
};
const size_t writing_count = sizeof writings / sizeof *writings;
