/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Fills a store with the users and the chats of a scene, before a broker opens it: so a benchmark measures conversations, and not how they
 * came about. One thread; blocks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "bench/chatlog.h"

enum { BATCH = APPEND_COUNT_MAX, BODY_LEN = 100 };

static const char usage[] =
	"usage: prepare STORE USERS SCENE COUNT\n"
	"  STORE   as the broker's option `store`, for example sqlite:/tmp/chat.db\n"
	"  USERS   a file of `user token` lines\n"
	"  SCENE   pairs: COUNT chats of two; group: one chat, a sender and COUNT others; history: a chat of two with COUNT messages\n"
	"          crowd: COUNT groups of 50; list: COUNT chats of one user\n";

struct prepare {
	struct store *store;
	struct store_info info;
	struct users users;
	size_t count;
};

static void put_users(struct prepare *prepare, size_t count)
{
	struct error err = {0};
	for (size_t i = 0; i < count; i++)
		if (store_ops(prepare->store)->put_user(prepare->store, prepare->users.list[i].id, clock_wall_ms(), &err) != STORE_OK)
			die("user %s: %s", prepare->users.list[i].id, err.text);
}

/* A chat of `count` users from `first` on. */
static void add_chat(struct prepare *prepare, struct chatlog *log, size_t first, size_t count, bool with_owner)
{
	const char **ids = mem_new(count * sizeof *ids);
	for (size_t i = 0; i < count; i++)
		ids[i] = prepare->users.list[first + i].id;
	struct transaction *tx = chatlog_members(log, ids, count, with_owner);
	chatlog_append_us(prepare->store, (const struct chatlog *const[]){log}, 1, &tx, 1);
	free(ids);
}

static size_t users_of_pairs(size_t count)
{
	return 2 * count;
}

static void prepare_pairs(struct prepare *prepare)
{
	for (size_t i = 0; i < prepare->count; i++) {
		struct chatlog log;
		chatlog_init(&log, &prepare->info, SCENE_PAIR, i);
		add_chat(prepare, &log, 2 * i, 2, false);
	}
}

static size_t users_of_group(size_t count)
{
	return 1 + count;
}

static void prepare_group(struct prepare *prepare)
{
	struct chatlog log;
	chatlog_init(&log, &prepare->info, SCENE_GROUP, 0);
	add_chat(prepare, &log, 0, 1 + prepare->count, true);
}

static size_t users_of_history(size_t count)
{
	(void)count;
	return 2;
}

static void prepare_history(struct prepare *prepare)
{
	struct chatlog log;
	chatlog_init(&log, &prepare->info, SCENE_HISTORY, 0);
	add_chat(prepare, &log, 0, 2, false);
	while (log.messages < prepare->count) {
		struct transaction *batch[BATCH];
		size_t len = 0;
		while (len < BATCH && log.messages < prepare->count)
			batch[len++] = chatlog_message(&log, prepare->users.list[0].id, BODY_LEN);
		chatlog_append_us(prepare->store, (const struct chatlog *const[]){&log}, 1, batch, len);
	}
}

/* A chat with its members and one message of the first. */
static void add_begun(struct prepare *prepare, struct chatlog *log, const char *const *ids, size_t count, bool with_owner)
{
	struct transaction *batch[] = {chatlog_members(log, ids, count, with_owner), chatlog_message(log, ids[0], BODY_LEN)};
	chatlog_append_us(prepare->store, (const struct chatlog *const[]){log}, 1, batch, 2);
}

static size_t users_of_crowd(size_t count)
{
	return count;
}

static void prepare_crowd(struct prepare *prepare)
{
	for (size_t i = 0; i < prepare->count; i++) {
		struct chatlog log;
		const char *ids[SCENE_CROWD_SIZE];
		for (size_t j = 0; j < SCENE_CROWD_SIZE; j++)
			ids[j] = prepare->users.list[scene_crowd_member(prepare->count, i, j)].id;
		chatlog_init(&log, &prepare->info, SCENE_CROWD, i);
		add_begun(prepare, &log, ids, SCENE_CROWD_SIZE, true);
	}
}

static size_t users_of_list(size_t count)
{
	return 1 + count;
}

static void prepare_list(struct prepare *prepare)
{
	for (size_t i = 0; i < prepare->count; i++) {
		struct chatlog log;
		const char *ids[] = {prepare->users.list[i + 1].id, prepare->users.list[0].id};
		chatlog_init(&log, &prepare->info, SCENE_LIST, i);
		add_begun(prepare, &log, ids, 2, false);
	}
}

static const struct scene_kind {
	const char *name;
	size_t (*users)(size_t count);
	void (*fill)(struct prepare *prepare);
} scene_kinds[] = {
	{"pairs", users_of_pairs, prepare_pairs},
	{"group", users_of_group, prepare_group},
	{"history", users_of_history, prepare_history},
	{"crowd", users_of_crowd, prepare_crowd},
	{"list", users_of_list, prepare_list},
};

int main(int argc, char **argv)
{
	const struct scene_kind *kind = NULL;
	for (size_t i = 0; argc == 5 && i < sizeof scene_kinds / sizeof scene_kinds[0]; i++)
		if (strcmp(scene_kinds[i].name, argv[3]) == 0)
			kind = &scene_kinds[i];
	if (kind == NULL) {
		fputs(usage, stderr);
		return 2;
	}
	struct prepare prepare = {.count = scene_number("COUNT", argv[4], 1, 10000000)};
	size_t user_count = kind->users(prepare.count);
	users_read(argv[2], user_count, &prepare.users);
	prepare.store = chatlog_store_open(argv[1], &prepare.info);
	put_users(&prepare, user_count);
	kind->fill(&prepare);
	store_ops(prepare.store)->close(prepare.store);
	users_fini(&prepare.users);
	return 0;
}
