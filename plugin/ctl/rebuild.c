/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See rebuild.h. The fold is chat_apply's, the same as in the broker. */
#include "plugin/ctl/rebuild.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "plugin/chat/chat.h"
#include "plugin/ctl/group.h"
#include "plugin/ctl/source.h"

struct rebuild {
	struct store *store;
	struct chat *chat;   /* as the log says */
	struct group group;
	struct chat_record *before; /* NULL: it contradicts itself so much that it cannot be read */
	struct member_record *members;
	size_t member_count;
	int64_t *mutes; /* of each */
};

/* ---- the log ---- */

static enum store_rc fold(struct rebuild *rebuild, struct error *err)
{
	struct chat *chat = rebuild->chat;
	bool more = true;
	while (more) {
		struct page page = {0};
		enum store_rc rc = store_ops(rebuild->store)->read_page(rebuild->store, chat->id, chat->latest + 1, INT64_MAX, &source_page, &page, err);
		if (rc != STORE_OK)
			return rc;
		bool follows = true;
		for (size_t i = 0; i < page.count && follows; i++) {
			follows = chat_apply(chat, page.transactions[i]);
			if (follows)
				group_fold(&rebuild->group, page.transactions[i]);
		}
		more = page.count > 0;
		store_page_free(&page);
		if (!follows)
			return error_set(err, STORE_CORRUPT, 0, "chat %s: its log does not hold together at number %llu", chat->id,
				(unsigned long long)chat->latest + 1);
	}
	return STORE_OK;
}

/* ---- members ---- */

static const struct member_record *find_before(const struct rebuild *rebuild, const char *user_id)
{
	for (size_t i = 0; rebuild->before != NULL && i < rebuild->before->member_count; i++)
		if (strcmp(rebuild->before->members[i].user_id, user_id) == 0)
			return &rebuild->before->members[i];
	return NULL;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Marks are not the log's, but they are not beyond it, nor before he joined. */
static void set_marks(const struct rebuild *rebuild, struct member_record *member, const struct member_record *before)
{
	uint64_t from = member->interval_count > 0 ? member->intervals[member->interval_count - 1].from - 1 : 0, latest = rebuild->chat->latest;
	if (before != NULL) {
		member->received = larger(member->received, before->received);
		member->read = larger(member->read, before->read);
	}
	member->read = larger(member->read, from);
	member->received = larger(member->received, member->read);
	member->received = member->received > latest ? latest : member->received;
	member->read = member->read > member->received ? member->received : member->read;
}

static void take_members_of_log(struct rebuild *rebuild)
{
	rebuild->members = mem_zero(rebuild->chat->members.count * sizeof *rebuild->members);
	for (const struct member *member = NULL; (member = members_next(&rebuild->chat->members, member)) != NULL;)
		rebuild->members[rebuild->member_count++] = (struct member_record){.user_id = member->user_id, .role = member->role,
			.received = member->received, .read = member->read, .interval_count = member->interval_count, .intervals = member_intervals(member)};
}

static void take_members(struct rebuild *rebuild)
{
	if (rebuild->group.members_erased && rebuild->before != NULL) {
		rebuild->member_count = rebuild->before->member_count;
		rebuild->members = mem_copy(rebuild->before->members, rebuild->member_count * sizeof *rebuild->members);
	} else {
		take_members_of_log(rebuild);
	}
	for (size_t i = 0; i < rebuild->member_count; i++)
		set_marks(rebuild, &rebuild->members[i], find_before(rebuild, rebuild->members[i].user_id));
}

/* ---- the chat ---- */

static struct chat_record record_of(const struct rebuild *rebuild)
{
	const struct chat *chat = rebuild->chat;
	const struct chat_record *before = rebuild->before;
	bool asks_members = !rebuild->group.members_erased || before == NULL, asks_info = !rebuild->group.info_erased || before == NULL;
	struct chat_record record = {.chat_id = chat->id, .latest = chat->latest, .latest_at_ms = chat->latest_at_ms,
		.pair = asks_members ? chat->pair : before->pair, .history_all = asks_info ? chat->history_all : before->history_all,
		.ended = chat->ended, .ended_at_ms = chat->ended_at_ms, .name = asks_info ? chat->name : before->name,
		.icon = asks_info ? chat->icon : before->icon, .member_count = rebuild->member_count, .members = rebuild->members};
	memcpy(record.head, chat->head, HEAD_BYTES);
	for (size_t i = 0; i < rebuild->member_count; i++)
		record.current_members += rebuild->members[i].role != ROLE_NONE;
	return record;
}

/* import_chat ends mutes. */
static void note_mutes(struct rebuild *rebuild)
{
	rebuild->mutes = mem_zero(rebuild->member_count * sizeof *rebuild->mutes);
	for (size_t i = 0; i < rebuild->member_count; i++) {
		struct user_chat *membership;
		if (store_ops(rebuild->store)->load_membership(rebuild->store, rebuild->members[i].user_id, rebuild->chat->id, &membership, NULL) != STORE_OK)
			continue; /* there is nothing of him that makes sense */
		rebuild->mutes[i] = membership->muted_until_ms;
		store_free(membership);
	}
}

static enum store_rc put_mutes(const struct rebuild *rebuild, struct error *err)
{
	enum store_rc rc = STORE_OK;
	for (size_t i = 0; rc == STORE_OK && i < rebuild->member_count; i++)
		if (rebuild->mutes[i] != 0)
			rc = store_ops(rebuild->store)->put_mute(rebuild->store, rebuild->members[i].user_id, rebuild->chat->id, rebuild->mutes[i], err);
	return rc;
}

static enum store_rc write_chat(struct rebuild *rebuild, struct error *err)
{
	take_members(rebuild);
	note_mutes(rebuild);
	const struct chat_record record = record_of(rebuild);
	enum store_rc rc = store_ops(rebuild->store)->import_chat(rebuild->store, &record, NULL, err);
	return rc == STORE_OK ? put_mutes(rebuild, err) : rc;
}

enum store_rc rebuild_chat(struct store *store, const char *chat_id, struct error *err)
{
	struct rebuild rebuild = {.store = store, .chat = chat_new(chat_id)};
	group_init(&rebuild.group);
	enum store_rc rc = store_ops(store)->load_chat(store, chat_id, &rebuild.before, err);
	if (rc == STORE_OK || rc == STORE_CORRUPT)
		rc = fold(&rebuild, err);
	if (rc == STORE_OK)
		rc = write_chat(&rebuild, err);
	free(rebuild.mutes);
	free(rebuild.members);
	store_free(rebuild.before);
	group_fini(&rebuild.group);
	chat_free(rebuild.chat);
	return rc;
}
