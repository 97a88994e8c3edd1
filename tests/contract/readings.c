/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See readings.h. */
#include "tests/contract/readings.h"

/* ---- records as text ---- */

static void put_bytes(struct buf *answer, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(answer, "%02x", ((const unsigned char *)bytes)[i]);
}

static void put_intervals(struct buf *answer, const struct interval *intervals, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_printf(answer, " %llu-%llu", (unsigned long long)intervals[i].from, (unsigned long long)intervals[i].to);
}

static void put_transaction(struct buf *answer, const struct transaction *tx)
{
	if (tx == NULL)
		return;
	buf_printf(answer, "%s %llu %d %s %lld %s %s %llu %s ", tx->chat_id, (unsigned long long)tx->number, tx->type, tx->sender_id, (long long)tx->at_ms,
		tx->key ? tx->key : "-", tx->writer, (unsigned long long)tx->target, tx->content_type ? tx->content_type : "-");
	put_bytes(answer, tx->head, HEAD_BYTES);
	buf_printf(answer, " %d %s %d %s\n", tx->body.erased, tx->body.text ? tx->body.text : "-", tx->quote.erased, tx->quote.text ? tx->quote.text : "-");
}

static void put_page(struct buf *answer, const struct page *page)
{
	buf_printf(answer, "%zu of %llu %d\n", page->count, (unsigned long long)page->latest, page->more);
	for (size_t i = 0; i < page->count; i++)
		put_transaction(answer, page->transactions[i]);
}

static void put_user_chat(struct buf *answer, const struct user_chat *chat)
{
	buf_printf(answer, "%s %d %llu %lld %llu %llu %d %d '%s' '%s' %s %zu %lld", chat->chat_id, chat->role, (unsigned long long)chat->latest,
		(long long)chat->latest_at_ms, (unsigned long long)chat->received, (unsigned long long)chat->read, chat->history_all, chat->ended, chat->name,
		chat->icon, chat->peer_id ? chat->peer_id : "-", chat->current_members, (long long)chat->muted_until_ms);
	put_intervals(answer, chat->intervals, chat->interval_count);
	buf_add_char(answer, '\n');
}

static void put_user(struct buf *answer, const struct user_record *user)
{
	buf_printf(answer, "%s %lld\n", user->user_id, (long long)user->created_at_ms);
	for (size_t i = 0; i < user->chat_count; i++)
		put_user_chat(answer, &user->chats[i]);
}

static void put_devices(struct buf *answer, const struct device_info *devices, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_printf(answer, "%s %lld %s %s %lld\n", devices[i].device, (long long)devices[i].seen_at_ms, devices[i].platform, devices[i].push_token,
			(long long)devices[i].token_expires_ms);
}

static void put_names(struct buf *answer, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_printf(answer, "%s\n", names[i]);
}

/* ---- the readings ---- */

#define READING(name) static enum store_rc name(struct store *store, struct buf *answer, struct error *err)

/* Asks for one record, and puts it with `put` (which uses `record`). */
#define ASK(type, put, op, ...)                                            \
	do {                                                                   \
		type *record = NULL;                                               \
		enum store_rc rc = ON(store, op, __VA_ARGS__, &record, err);       \
		if (rc == STORE_OK)                                                \
			put;                                                           \
		else                                                               \
			assert_null(record);                                           \
		store_free(record);                                                \
		return rc;                                                         \
	} while (0)

#define ASK_NAMES(op, ...)                                                 \
	do {                                                                   \
		const char *const *names = NULL;                                   \
		size_t count = 0;                                                  \
		enum store_rc rc = ON(store, op, __VA_ARGS__ &names, &count, err); \
		if (rc == STORE_OK)                                                \
			put_names(answer, names, count);                               \
		else                                                               \
			assert_null(names);                                            \
		store_free((void *)(uintptr_t)names);                              \
		return rc;                                                         \
	} while (0)

static void put_chat(struct buf *answer, const struct chat_record *chat)
{
	buf_printf(answer, "%s %llu %lld %d %d %d '%s' '%s' %zu ", chat->chat_id, (unsigned long long)chat->latest, (long long)chat->latest_at_ms, chat->pair,
		chat->history_all, chat->ended, chat->name, chat->icon, chat->current_members);
	put_bytes(answer, chat->head, HEAD_BYTES);
	for (size_t i = 0; i < chat->member_count; i++) {
		const struct member_record *member = &chat->members[i];
		buf_printf(answer, "\n%s %d %llu %llu", member->user_id, member->role, (unsigned long long)member->received, (unsigned long long)member->read);
		put_intervals(answer, member->intervals, member->interval_count);
	}
}

READING(a_group)
{
	ASK(struct chat_record, put_chat(answer, record), load_chat, "g");
}

READING(a_chat_that_is_not_there)
{
	ASK(struct chat_record, put_chat(answer, record), load_chat, "nowhere");
}

READING(a_user)
{
	ASK(struct user_record, put_user(answer, record), load_user, "bob");
}

READING(all_that_a_user_was_a_member_of)
{
	ASK(struct user_record, put_user(answer, record), load_memberships, "carol");
}

READING(a_membership)
{
	ASK(struct user_chat, put_user_chat(answer, record), load_membership, "bob", "g");
}

READING(a_window_of_memberships)
{
	static const struct chat_window window = {.count_max = 1};
	struct user_record *user = NULL;
	bool more = false;
	enum store_rc rc = ON(store, list_memberships, "bob", &window, &user, &more, err);
	if (rc == STORE_OK) {
		buf_printf(answer, "%d ", more);
		put_user(answer, user);
	}
	store_free(user);
	return rc;
}

static enum store_rc key_owner(struct store *store, const char *chat_id, const char *key, struct buf *answer, struct error *err)
{
	uint64_t number = 0;
	unsigned char hash[ID_BYTES];
	enum store_rc rc = ON(store, find_key, chat_id, "alice", key, START_MS, &number, hash, err);
	if (rc == STORE_OK) {
		buf_printf(answer, "%llu ", (unsigned long long)number);
		put_bytes(answer, hash, sizeof hash);
	} else {
		assert_int_equal(number, 0);
	}
	return rc;
}

READING(a_key)
{
	return key_owner(store, "g", "a1", answer, err);
}

READING(a_key_that_nobody_used)
{
	return key_owner(store, "g", "a2", answer, err);
}

READING(a_key_of_a_replay)
{
	return key_owner(store, "long", "\x02" "1", answer, err);
}

READING(a_message)
{
	struct message_state state = {0};
	enum store_rc rc = ON(store, read_message, "g", 3, &state, err);
	if (rc == STORE_OK) {
		put_transaction(answer, state.message);
		put_transaction(answer, state.edit);
		put_transaction(answer, state.deletion);
	}
	message_state_free(&state);
	return rc;
}

static enum store_rc edits_of(struct store *store, const struct user_chat *membership, struct buf *answer, struct error *err)
{
	static const uint64_t numbers[] = {3, 4};
	struct transaction *edits[2] = {0};
	enum store_rc rc = ON(store, read_edits, membership, NULL, 0, numbers, 2, edits, err);
	for (size_t i = 0; i < 2; i++) {
		if (rc == STORE_OK)
			put_transaction(answer, edits[i]);
		else
			assert_null(edits[i]);
		transaction_free(edits[i]);
	}
	return rc;
}

READING(the_last_edits)
{
	struct user_chat *membership = NULL;
	enum store_rc rc = ON(store, load_membership, "alice", "g", &membership, err);
	if (rc == STORE_OK)
		rc = edits_of(store, membership, answer, err);
	store_free(membership);
	return rc;
}

READING(a_page)
{
	static const struct page_limits limits = {.count_max = 30, .bytes_max = SIZE_MAX};
	struct page page = {0};
	enum store_rc rc = ON(store, read_page, "long", 190, UINT64_MAX, &limits, &page, err);
	if (rc == STORE_OK)
		put_page(answer, &page);
	else
		assert_null(page.transactions);
	store_page_free(&page);
	return rc;
}

READING(a_tail)
{
	struct page page = {0};
	uint64_t next = 0;
	enum store_rc rc = ON(store, tail, "w2", 1, 100, &page, &next, err);
	if (rc == STORE_OK) {
		put_page(answer, &page);
		buf_printf(answer, "%llu", (unsigned long long)next);
	}
	store_page_free(&page);
	return rc;
}

static enum store_rc summarise(struct store *store, const struct user_chat *membership, struct buf *answer, struct error *err)
{
	static const struct block block = {"bob", START_MS, START_MS + 1};
	struct chat_summary summary = {0};
	enum store_rc rc = ON(store, read_summary, "alice", membership, &block, 1, "Alice", &summary, err);
	if (rc == STORE_OK) {
		buf_printf(answer, "%llu %d ", (unsigned long long)summary.unread, summary.mentioned);
		put_transaction(answer, summary.last_message);
		put_transaction(answer, summary.last_edit);
	}
	chat_summary_fini(&summary);
	return rc;
}

READING(a_summary)
{
	struct user_chat *membership = NULL;
	enum store_rc rc = ON(store, load_membership, "alice", "g", &membership, err);
	if (rc == STORE_OK)
		rc = summarise(store, membership, answer, err);
	store_free(membership);
	return rc;
}

READING(all_chats)
{
	ASK_NAMES(list_chats, "", 100, );
}

READING(chats_that_ended)
{
	ASK_NAMES(list_ended, INT64_MAX, 100, );
}

READING(all_users)
{
	ASK_NAMES(list_users, "", 100, );
}

READING(all_writers)
{
	ASK_NAMES(list_writers, );
}

READING(all_places)
{
	ASK_NAMES(list_places, );
}

READING(a_place)
{
	uint64_t position = 0;
	enum store_rc rc = ON(store, load_place, "kafka/w1", &position, err);
	if (rc == STORE_OK)
		buf_printf(answer, "%llu", (unsigned long long)position);
	return rc;
}

READING(the_key_of_a_chat)
{
	unsigned char key[CHAT_KEY_BYTES];
	enum store_rc rc = ON(store, load_chat_key, "g", false, key, err);
	if (rc == STORE_OK)
		put_bytes(answer, key, sizeof key);
	return rc;
}

static void put_device_record(struct buf *answer, const struct device_record *device)
{
	buf_printf(answer, "%lld %s %u", (long long)device->seen_at_ms, device->subscriptions, device->max_bytes);
	for (size_t i = 0; i < device->cursor_count; i++)
		buf_printf(answer, " %s %llu", device->cursors[i].chat_id, (unsigned long long)device->cursors[i].number);
}

READING(a_device)
{
	ASK(struct device_record, put_device_record(answer, record), load_device, "bob", "phone");
}

READING(devices)
{
	ASK(struct device_list, put_devices(answer, record->devices, record->count), list_devices, "bob");
}

static void put_targets(struct buf *answer, const struct push_target_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		buf_printf(answer, "%s %lld:\n", list->targets[i].user_id, (long long)list->targets[i].muted_until_ms);
		put_devices(answer, list->targets[i].devices, list->targets[i].device_count);
	}
}

READING(who_is_to_be_pushed)
{
	ASK(struct push_target_list, put_targets(answer, record), list_push_targets, "long", 100, "", 10);
}

READING(revocations)
{
	ASK(struct revocation_list,
		for (size_t i = 0; i < record->count; i++)
			buf_printf(answer, "%s %lld\n", record->revocations[i].subject, (long long)record->revocations[i].at_ms),
		list_revocations, "", 100);
}

static void put_keys(struct buf *answer, const struct signing_key_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		buf_printf(answer, "%s %lld ", list->keys[i].kid, (long long)list->keys[i].created_at_ms);
		put_bytes(answer, list->keys[i].bytes, list->keys[i].len);
	}
}

READING(signing_keys)
{
	struct signing_key_list *keys = NULL;
	enum store_rc rc = ON(store, list_signing_keys, &keys, err);
	if (rc == STORE_OK)
		put_keys(answer, keys);
	else
		assert_null(keys);
	store_free(keys);
	return rc;
}

READING(what_operators_did)
{
	ASK(struct audit_list,
		for (size_t i = 0; i < record->count; i++)
			buf_printf(answer, "%lld %s %s %s %s %s\n", (long long)record->records[i].at_ms, record->records[i].who, record->records[i].command,
				record->records[i].subject, record->records[i].details, record->records[i].result),
		list_audit, NULL, 100);
}

READING(profiles)
{
	static const char *const users[] = {"alice", "nobody", "bob"};
	ASK(struct profile_list,
		for (size_t i = 0; i < record->count; i++)
			buf_printf(answer, "%s '%s' '%s' '%s' '%s' '%s' %d %d %lld\n", record->profiles[i].user_id, record->profiles[i].name,
				record->profiles[i].icon, record->profiles[i].status, record->profiles[i].time_zone, record->profiles[i].shared_id,
				record->profiles[i].hides_online, record->profiles[i].hides_last_seen, (long long)record->profiles[i].last_seen_ms),
		load_profiles, users, 3);
}

READING(a_shared_id)
{
	char user_id[USER_ID_MAX + 1] = "";
	enum store_rc rc = ON(store, find_shared_id, "al", user_id, err);
	buf_add_text(answer, user_id);
	return rc;
}

READING(an_icon)
{
	void *icon = NULL;
	size_t len = 0;
	enum store_rc rc = ON(store, load_icon, "iconhash", &icon, &len, err);
	put_bytes(answer, icon, len);
	store_free(icon);
	return rc;
}

READING(favorites)
{
	ASK_NAMES(load_favorites, "alice", );
}

READING(blocks)
{
	ASK(struct block_list,
		for (size_t i = 0; i < record->count; i++)
			buf_printf(answer, "%s %lld %lld\n", record->blocks[i].user_id, (long long)record->blocks[i].from_ms, (long long)record->blocks[i].to_ms),
		load_blocks, "bob");
}

READING(whether_carol_reaches_alice)
{
	static const char *const to[] = {"alice"};
	(void)answer;
	return ON(store, check_reach, "carol", to, 1, true, err);
}

READING(whether_alice_reaches_bob_who_blocks_her)
{
	static const char *const to[] = {"bob"};
	(void)answer;
	return ON(store, check_reach, "alice", to, 1, false, err);
}

READING(accounts_that_were_deleted)
{
	ASK(struct deleted_list,
		for (size_t i = 0; i < record->count; i++)
			buf_printf(answer, "%s %lld %d\n", record->users[i].user_id, (long long)record->users[i].deleted_at_ms, record->users[i].erasing),
		list_deleted, "", 10);
}

static void put_invitations(struct buf *answer, const struct invitation_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		put_bytes(answer, list->invitations[i].hash, INVITATION_HASH_BYTES);
		buf_printf(answer, " %lld %u\n", (long long)list->invitations[i].expires_ms, list->invitations[i].uses_left);
		put_names(answer, list->invitations[i].used_by, list->invitations[i].used_count);
	}
}

READING(invitations)
{
	ASK(struct invitation_list, put_invitations(answer, record), list_invitations, "alice");
}

READING(whether_all_is_sound)
{
	(void)answer;
	return ON(store, verify, err);
}

#define LISTED(name) {#name, name}

const struct reading readings[] = {
	LISTED(a_group), LISTED(a_chat_that_is_not_there), LISTED(a_user), LISTED(all_that_a_user_was_a_member_of), LISTED(a_membership),
	LISTED(a_window_of_memberships), LISTED(a_key), LISTED(a_key_that_nobody_used), LISTED(a_key_of_a_replay), LISTED(a_message),
	LISTED(the_last_edits), LISTED(a_page),
	LISTED(a_tail), LISTED(a_summary), LISTED(all_chats), LISTED(chats_that_ended), LISTED(all_users), LISTED(all_writers), LISTED(all_places),
	LISTED(a_place), LISTED(the_key_of_a_chat), LISTED(a_device), LISTED(devices), LISTED(who_is_to_be_pushed), LISTED(revocations),
	LISTED(signing_keys), LISTED(what_operators_did), LISTED(profiles), LISTED(a_shared_id), LISTED(an_icon), LISTED(favorites), LISTED(blocks),
	LISTED(whether_carol_reaches_alice), LISTED(whether_alice_reaches_bob_who_blocks_her), LISTED(accounts_that_were_deleted), LISTED(invitations),
	LISTED(whether_all_is_sound),
};
const size_t reading_count = sizeof readings / sizeof *readings;
