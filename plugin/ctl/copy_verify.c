/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl copy: whether the target is what the source is, by reading both. One thread, blocks.
 *
 * A text that was erased in the source while a copy was interrupted has the same head as before: so texts are compared, and not heads alone. */
#include <stdlib.h>
#include <string.h>

#include "plugin/ctl/copy.h"
#include "plugin/ctl/source.h"

static bool differs(struct copy *copy, const char *kind, const char *id, const char *what)
{
	return copy_refused(copy, "%s %s differs in %s: begin anew with an empty target", kind, id, what);
}

static bool same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* ---- logs ---- */

static bool same_text(const struct sealed *a, const struct sealed *b)
{
	return a->present == b->present && a->erased == b->erased && a->len == b->len && memcmp(a->salt, b->salt, sizeof a->salt) == 0 &&
		(a->len == 0 || memcmp(a->text, b->text, a->len) == 0);
}

/* The head has the rest in it. */
static bool same_transaction(const struct transaction *a, const struct transaction *b)
{
	return a->number == b->number && memcmp(a->head, b->head, HEAD_BYTES) == 0 && memcmp(a->key_hash, b->key_hash, ID_BYTES) == 0 &&
		same_text(&a->body, &b->body) && same_text(&a->quote, &b->quote);
}

/* The chain over what the target has; previous becomes the new one. */
static bool follows(const struct transaction *tx, unsigned char previous[HEAD_BYTES])
{
	unsigned char head[HEAD_BYTES];
	transaction_head(tx, previous, head);
	memcpy(previous, head, HEAD_BYTES);
	return memcmp(head, tx->head, HEAD_BYTES) == 0;
}

static bool same_pages(struct copy *copy, const char *chat_id, const struct page *a, const struct page *b, unsigned char previous[HEAD_BYTES])
{
	size_t count = a->count < b->count ? a->count : b->count;
	if (count == 0)
		return differs(copy, "chat", chat_id, "its numbers");
	for (size_t i = 0; i < count; i++) {
		if (!same_transaction(a->transactions[i], b->transactions[i]))
			return differs(copy, "chat", chat_id, "what its log says");
		if (!follows(b->transactions[i], previous))
			return differs(copy, "chat", chat_id, "its hash chain, which does not hold");
	}
	return true;
}

static bool compare_log(struct copy *copy, const char *chat_id, uint64_t latest)
{
	unsigned char previous[HEAD_BYTES] = {0};
	bool equal = true;
	for (uint64_t next = 1; equal && next <= latest;) {
		struct page a = {0}, b = {0};
		ASK_BOTH(copy, read_page, &a, &b, chat_id, next, latest, &source_page);
		if (copy->rc != STORE_OK)
			equal = copy_failed(copy, chat_id);
		else
			equal = same_pages(copy, chat_id, &a, &b, previous);
		size_t count = a.count < b.count ? a.count : b.count;
		next += count;
		copy->done += count;
		store_page_free(&a);
		store_page_free(&b);
		progress_show(&copy->progress, copy->done, copy->transactions, "%llu of %llu transactions compared", (unsigned long long)copy->done,
			(unsigned long long)copy->transactions);
	}
	return equal;
}

/* ---- chats ---- */

static bool same_member(const struct member_record *a, const struct member_record *b)
{
	bool equal = same(a->user_id, b->user_id) && a->role == b->role && a->received == b->received && a->read == b->read &&
		a->interval_count == b->interval_count;
	for (size_t i = 0; equal && i < a->interval_count; i++)
		equal = a->intervals[i].from == b->intervals[i].from && a->intervals[i].to == b->intervals[i].to;
	return equal;
}

static bool same_members(const struct chat_record *a, const struct chat_record *b)
{
	if (a->member_count != b->member_count || a->current_members != b->current_members)
		return false;
	bool equal = true;
	for (size_t i = 0; equal && i < a->member_count; i++)
		equal = same_member(&a->members[i], &b->members[i]);
	return equal;
}

static const char *chat_difference(const struct chat_record *a, const struct chat_record *b)
{
	if (a->latest != b->latest || memcmp(a->head, b->head, HEAD_BYTES) != 0 || a->latest_at_ms != b->latest_at_ms)
		return "its head";
	if (a->pair != b->pair || a->history_all != b->history_all || a->ended != b->ended || a->ended_at_ms != b->ended_at_ms)
		return "what kind of chat it is";
	if (!same(a->name, b->name) || !same(a->icon, b->icon))
		return "its name or icon";
	return same_members(a, b) ? NULL : "its members";
}

static bool compare_key(struct copy *copy, const char *chat_id)
{
	unsigned char a[CHAT_KEY_BYTES] = {0}, b[CHAT_KEY_BYTES] = {0};
	CALL(copy, copy->from, load_chat_key, chat_id, false, a);
	enum store_rc rc = copy->rc;
	if (rc == STORE_OK || rc == STORE_NOT_FOUND)
		CALL(copy, copy->to, load_chat_key, chat_id, false, b);
	if (copy->rc != STORE_OK && copy->rc != STORE_NOT_FOUND)
		return copy_failed(copy, chat_id);
	return (rc == copy->rc && memcmp(a, b, sizeof a) == 0) || differs(copy, "chat", chat_id, "its key");
}

static bool compare_chat(struct copy *copy, const char *chat_id)
{
	struct chat_record *a = NULL, *b = NULL;
	ASK_BOTH(copy, load_chat, &a, &b, chat_id);
	const char *difference = copy->rc == STORE_OK ? chat_difference(a, b) : NULL;
	bool equal = copy->rc == STORE_OK || copy_failed(copy, chat_id);
	if (difference != NULL)
		equal = differs(copy, "chat", chat_id, difference);
	equal = equal && compare_log(copy, chat_id, a->latest) && compare_key(copy, chat_id);
	store_free(a);
	store_free(b);
	return equal;
}

/* ---- people ---- */

static bool same_profiles(const struct profile_list *a, const struct profile_list *b)
{
	if (a->count != 1 || b->count != 1)
		return a->count == b->count;
	const struct profile *left = a->profiles, *right = b->profiles;
	return left->created_at_ms == right->created_at_ms && same(left->name, right->name) && same(left->icon, right->icon) &&
		same(left->status, right->status) && same(left->time_zone, right->time_zone) && same(left->shared_id, right->shared_id) &&
		left->hides_online == right->hides_online && left->hides_last_seen == right->hides_last_seen && left->last_seen_ms == right->last_seen_ms;
}

static bool compare_profile(struct copy *copy, const char *user_id)
{
	struct profile_list *a = NULL, *b = NULL;
	ASK_BOTH(copy, load_profiles, &a, &b, &user_id, 1);
	bool equal = copy->rc == STORE_OK ? same_profiles(a, b) || differs(copy, "user", user_id, "his profile") : copy_failed(copy, user_id);
	store_free(a);
	store_free(b);
	return equal;
}

static bool same_names(const char *const *a, size_t a_count, const char *const *b, size_t b_count)
{
	bool equal = a_count == b_count;
	for (size_t i = 0; equal && i < a_count; i++)
		equal = same(a[i], b[i]);
	return equal;
}

static bool compare_favorites(struct copy *copy, const char *user_id)
{
	const char *const *a = NULL, *const *b = NULL;
	size_t a_count = 0, b_count = 0;
	CALL(copy, copy->from, load_favorites, user_id, &a, &a_count);
	if (copy->rc == STORE_OK)
		CALL(copy, copy->to, load_favorites, user_id, &b, &b_count);
	bool equal = copy->rc == STORE_OK ? same_names(a, a_count, b, b_count) || differs(copy, "user", user_id, "his favorites")
									  : copy_failed(copy, user_id);
	store_free((void *)(uintptr_t)a);
	store_free((void *)(uintptr_t)b);
	return equal;
}

static bool same_blocks(const struct block_list *a, const struct block_list *b)
{
	bool equal = a->count == b->count;
	for (size_t i = 0; equal && i < a->count; i++)
		equal = same(a->blocks[i].user_id, b->blocks[i].user_id) && a->blocks[i].from_ms == b->blocks[i].from_ms &&
			a->blocks[i].to_ms == b->blocks[i].to_ms;
	return equal;
}

static bool compare_blocks(struct copy *copy, const char *user_id)
{
	struct block_list *a = NULL, *b = NULL;
	ASK_BOTH(copy, load_blocks, &a, &b, user_id);
	bool equal = copy->rc == STORE_OK ? same_blocks(a, b) || differs(copy, "user", user_id, "his blocks") : copy_failed(copy, user_id);
	store_free(a);
	store_free(b);
	return equal;
}

static bool same_invitation(const struct invitation_record *a, const struct invitation_record *b)
{
	return memcmp(a->hash, b->hash, sizeof a->hash) == 0 && a->expires_ms == b->expires_ms && a->uses_left == b->uses_left &&
		same_names(a->used_by, a->used_count, b->used_by, b->used_count);
}

static bool same_invitations(const struct invitation_list *a, const struct invitation_list *b)
{
	bool equal = a->count == b->count;
	for (size_t i = 0; equal && i < a->count; i++)
		equal = same_invitation(&a->invitations[i], &b->invitations[i]);
	return equal;
}

static bool compare_invitations(struct copy *copy, const char *user_id)
{
	struct invitation_list *a = NULL, *b = NULL;
	ASK_BOTH(copy, list_invitations, &a, &b, user_id);
	bool equal = copy->rc == STORE_OK ? same_invitations(a, b) || differs(copy, "user", user_id, "his invitations") : copy_failed(copy, user_id);
	store_free(a);
	store_free(b);
	return equal;
}

static bool same_device(const struct device_record *a, const struct device_record *b)
{
	bool equal = a->seen_at_ms == b->seen_at_ms && same(a->subscriptions, b->subscriptions) && a->max_bytes == b->max_bytes &&
		a->cursor_count == b->cursor_count;
	for (size_t i = 0; equal && i < a->cursor_count; i++)
		equal = same(a->cursors[i].chat_id, b->cursors[i].chat_id) && a->cursors[i].number == b->cursors[i].number;
	return equal;
}

static bool compare_device(struct copy *copy, const char *user_id, const char *device)
{
	struct device_record *a = NULL, *b = NULL;
	ASK_BOTH(copy, load_device, &a, &b, user_id, device);
	bool equal = copy->rc == STORE_OK ? same_device(a, b) || differs(copy, "user", user_id, "a device") : copy_failed(copy, user_id);
	store_free(a);
	store_free(b);
	return equal;
}

static bool same_devices(const struct device_list *a, const struct device_list *b)
{
	bool equal = a->count == b->count;
	for (size_t i = 0; equal && i < a->count; i++) {
		const struct device_info *x = &a->devices[i], *y = &b->devices[i];
		equal = same(x->device, y->device) && x->seen_at_ms == y->seen_at_ms && same(x->platform, y->platform) &&
			same(x->push_token, y->push_token) && x->token_expires_ms == y->token_expires_ms;
	}
	return equal;
}

static bool compare_devices(struct copy *copy, const char *user_id)
{
	struct device_list *a = NULL, *b = NULL;
	ASK_BOTH(copy, list_devices, &a, &b, user_id);
	bool equal = copy->rc == STORE_OK ? same_devices(a, b) || differs(copy, "user", user_id, "his devices") : copy_failed(copy, user_id);
	for (size_t i = 0; equal && i < a->count; i++)
		equal = compare_device(copy, user_id, a->devices[i].device);
	store_free(a);
	store_free(b);
	return equal;
}

/* The same chats in the same order, muted alike; what else there is of a membership was compared with the chat. */
static bool same_lists(const struct user_record *a, const struct user_record *b)
{
	bool equal = a->chat_count == b->chat_count;
	for (size_t i = 0; equal && i < a->chat_count; i++)
		equal = same(a->chats[i].chat_id, b->chats[i].chat_id) && same(a->chats[i].peer_id, b->chats[i].peer_id) &&
			a->chats[i].muted_until_ms == b->chats[i].muted_until_ms;
	return equal;
}

static bool compare_list(struct copy *copy, const char *user_id)
{
	struct user_record *a = NULL, *b = NULL;
	ASK_BOTH(copy, load_user, &a, &b, user_id);
	bool equal = copy->rc == STORE_OK ? same_lists(a, b) || differs(copy, "user", user_id, "his list of chats") : copy_failed(copy, user_id);
	store_free(a);
	store_free(b);
	return equal;
}

static bool compare_user(struct copy *copy, const char *user_id)
{
	copy->done++;
	progress_show(&copy->progress, copy->done, copy->users, "%llu of %llu users compared", (unsigned long long)copy->done,
		(unsigned long long)copy->users);
	return compare_profile(copy, user_id) && compare_favorites(copy, user_id) && compare_blocks(copy, user_id) &&
		compare_invitations(copy, user_id) && compare_devices(copy, user_id) && compare_list(copy, user_id);
}

static bool same_deleted(const struct deleted_list *a, const struct deleted_list *b)
{
	bool equal = a->count == b->count;
	for (size_t i = 0; equal && i < a->count; i++)
		equal = same(a->users[i].user_id, b->users[i].user_id) && a->users[i].deleted_at_ms == b->users[i].deleted_at_ms &&
			a->users[i].erasing == b->users[i].erasing;
	return equal;
}

static bool compare_deleted(struct copy *copy)
{
	struct deleted_list *a = NULL, *b = NULL;
	ASK_BOTH(copy, list_deleted, &a, &b, "", SIZE_MAX / 2);
	bool equal = copy->rc == STORE_OK
		? same_deleted(a, b) || copy_refused(copy, "the deleted accounts differ: begin anew with an empty target")
		: copy_failed(copy, "deleted accounts");
	store_free(a);
	store_free(b);
	return equal;
}

/* ---- all of it ---- */

static bool count_one(struct copy *copy, const char *id)
{
	(void)id;
	copy->done++;
	return true;
}

/* Whatever the source has is looked for; this is for what the target has besides. */
static bool compare_counts(struct copy *copy)
{
	copy->done = 0;
	if (!copy_each_chat(copy, copy->to, count_one))
		return false;
	if (copy->done != copy->chats)
		return copy_refused(copy, "the target has %llu chats, the source %llu", (unsigned long long)copy->done, (unsigned long long)copy->chats);
	copy->done = 0;
	if (!copy_each_user(copy, copy->to, count_one))
		return false;
	return copy->done == copy->users ||
		copy_refused(copy, "the target has %llu users, the source %llu", (unsigned long long)copy->done, (unsigned long long)copy->users);
}

bool copy_verify(struct copy *copy)
{
	if (!compare_counts(copy) || !compare_deleted(copy) || !copy_verify_tokens(copy) || !copy_verify_audit(copy))
		return false;
	copy->done = 0;
	if (!copy_each_chat(copy, copy->from, compare_chat))
		return false;
	copy->done = 0;
	return copy_each_user(copy, copy->from, compare_user);
}
