/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The vocabulary: writing lines, appending, looking. */
#include <stdio.h>

#include "tests/contract/contract.h"

/* ---- lines ---- */

struct line line_new(const char *chat_id)
{
	return (struct line){.chat_id = chat_id, .writer = "w1", .at_ms = START_MS};
}

struct transaction *line_next(struct line *line, struct transaction like)
{
	like.chat_id = line->chat_id;
	like.number = ++line->latest;
	like.at_ms = line->at_ms;
	like.writer = line->writer;
	line->at_ms += 1000;
	transaction_head(&like, line->head, like.head);
	memcpy(line->head, like.head, HEAD_BYTES);
	return transaction_new(&like);
}

static struct transaction *next_with_body(struct line *line, struct transaction like, const char *body)
{
	sealed_set(&like.body, body, strlen(body));
	return line_next(line, like);
}

struct transaction *line_says_as(struct line *line, const char *sender_id, const char *key, const char *text)
{
	struct transaction like = {.type = TX_MESSAGE, .sender_id = sender_id, .key = key};
	unsigned char digest[SHA256_BYTES];
	sha256(&(struct bytes){text, strlen(text)}, 1, digest);
	memcpy(like.key_hash, digest, ID_BYTES);
	return next_with_body(line, like, text);
}

struct transaction *line_says(struct line *line, const char *sender_id, const char *text)
{
	return line_says_as(line, sender_id, NULL, text);
}

struct transaction *line_replies(struct line *line, const char *sender_id, uint64_t target, const char *text, const char *quote)
{
	struct transaction like = {.type = TX_MESSAGE, .sender_id = sender_id, .target = target, .quote_revision = target};
	sealed_set(&like.quote, quote, strlen(quote));
	return next_with_body(line, like, text);
}

struct transaction *line_edits(struct line *line, const char *sender_id, uint64_t target, const char *text)
{
	return next_with_body(line, (struct transaction){.type = TX_EDIT, .sender_id = sender_id, .target = target}, text);
}

struct transaction *line_deletes_keeping_quotes(struct line *line, const char *sender_id, uint64_t target)
{
	struct transaction like = {.type = TX_DELETE, .sender_id = sender_id, .target = target};
	return next_with_body(line, like, "{\"quotes\":\"keep\"}");
}

struct transaction *line_updates_group(struct line *line, const char *body)
{
	return next_with_body(line, (struct transaction){.type = TX_GROUP_UPDATED, .sender_id = "alice"}, body);
}

struct transaction *line_ends_group(struct line *line)
{
	return line_next(line, (struct transaction){.type = TX_GROUP_DELETED, .sender_id = "alice"});
}

struct transaction *line_adds_all(struct line *line, const char *body)
{
	return next_with_body(line, (struct transaction){.type = TX_MEMBER_ADDED, .sender_id = "alice"}, body);
}

struct transaction *line_adds_pair(struct line *line, const char *user_a, const char *user_b)
{
	char body[400];
	snprintf(body, sizeof body, "{\"members\":[{\"userID\":\"%s\",\"role\":\"member\"},{\"userID\":\"%s\",\"role\":\"member\"}]}",
		user_a, user_b);
	return line_adds_all(line, body);
}

struct transaction *line_deletes(struct line *line, const char *sender_id, uint64_t target)
{
	return line_next(line, (struct transaction){.type = TX_DELETE, .sender_id = sender_id, .target = target});
}

struct transaction *line_adds(struct line *line, const char *user_id, enum role role)
{
	char body[200];
	snprintf(body, sizeof body, "{\"members\":[{\"userID\":\"%s\",\"role\":\"%s\"}]}", user_id, role_name(role));
	return next_with_body(line, (struct transaction){.type = TX_MEMBER_ADDED, .sender_id = user_id}, body);
}

struct transaction *line_removes(struct line *line, const char *user_id)
{
	char body[200];
	snprintf(body, sizeof body, "{\"userID\":\"%s\"}", user_id);
	return next_with_body(line, (struct transaction){.type = TX_MEMBER_REMOVED, .sender_id = user_id}, body);
}

struct transaction *line_sets_role(struct line *line, const char *user_id, enum role role)
{
	char body[200];
	snprintf(body, sizeof body, "{\"userID\":\"%s\",\"role\":\"%s\"}", user_id, role_name(role));
	return next_with_body(line, (struct transaction){.type = TX_ROLE_CHANGED, .sender_id = "alice"}, body);
}

void line_catch_up(struct line *line, struct store *store)
{
	struct chat_record *chat = NULL;
	assert_int_equal(ON(store, load_chat, line->chat_id, &chat, NULL), STORE_OK);
	line->latest = chat->latest;
	memcpy(line->head, chat->head, HEAD_BYTES);
	store_free(chat);
}

/* ---- appending ---- */

void bundle_add(struct bundle *bundle, struct transaction *tx)
{
	assert_true(bundle->append.transaction_count < sizeof bundle->transactions / sizeof *bundle->transactions);
	bundle->append.chat_id = tx->chat_id;
	bundle->append.transactions = bundle->transactions;
	bundle->transactions[bundle->append.transaction_count++] = tx;
}

void bundle_fini(struct bundle *bundle)
{
	for (size_t i = 0; i < bundle->append.transaction_count; i++)
		transaction_free(bundle->transactions[i]);
	*bundle = (struct bundle){0};
}

enum append_result bundle_append(struct store *store, struct bundle *bundle)
{
	struct error err = {0};
	enum store_rc rc = ON(store, append, &bundle->append, 1, &err);
	if (rc == STORE_CORRUPT)
		fail_msg("%s", err.text);
	if (rc != STORE_OK)
		assert_true(bundle->append.result == APPEND_NOTHING_ADDED || bundle->append.result == APPEND_UNKNOWN);
	return bundle->append.result;
}

enum append_result append_one(struct store *store, struct transaction *tx)
{
	struct bundle bundle = {0};
	bundle_add(&bundle, tx);
	enum append_result result = bundle_append(store, &bundle);
	bundle_fini(&bundle);
	return result;
}

/* ---- looking ---- */

struct chat_record *load_chat(struct world *world, const char *chat_id)
{
	struct chat_record *chat = NULL;
	struct error err = {0};
	if (ON_WORLD(load_chat, chat_id, &chat, &err) != STORE_OK)
		fail_msg("%s", err.text);
	return chat;
}

struct user_chat *load_membership(struct world *world, const char *user_id, const char *chat_id)
{
	struct user_chat *membership = NULL;
	struct error err = {0};
	if (ON_WORLD(load_membership, user_id, chat_id, &membership, &err) != STORE_OK)
		fail_msg("%s", err.text);
	return membership;
}

struct page read_all(struct store *store, const char *chat_id)
{
	struct page page = {0};
	struct error err = {0};
	struct page_limits limits = {.count_max = 1000000, .bytes_max = SIZE_MAX};
	if (ON(store, read_page, chat_id, 1, UINT64_MAX, &limits, &page, &err) != STORE_OK)
		fail_msg("%s", err.text);
	assert_false(page.more);
	return page;
}

struct page read_tail(struct store *store, const char *writer, uint64_t position, size_t count_max, uint64_t *next)
{
	struct page page = {0};
	struct error err = {0};
	uint64_t going_on = 0;
	if (ON(store, tail, writer, position, count_max, &page, &going_on, &err) != STORE_OK)
		fail_msg("%s", err.text);
	assert_true(page.count == 0 || going_on <= page.transactions[page.count - 1]->position + 1);
	if (next)
		*next = going_on;
	return page;
}

void assert_second_is_passed_over(struct store *store, const char *writer)
{
	uint64_t position = 0, behind = 0;
	struct error err = {0};
	struct page none = {0}, page = read_tail(store, writer, 0, 10, &position);
	assert_int_equal(page.count, 1);
	assert_int_equal(page.transactions[0]->number, 1);
	store_page_free(&page);
	assert_int_equal(ON(store, tail, writer, position, 10, &none, &behind, &err), STORE_CORRUPT);
	assert_int_not_equal(strlen(err.text), 0);
	assert_true(behind > position);
	page = read_tail(store, writer, behind, 10, NULL);
	assert_int_equal(page.count, 1);
	assert_int_equal(page.transactions[0]->number, 3);
	store_page_free(&page);
}

void line_makes_edits(struct line *line, struct store *store)
{
	assert_appended(store, line_adds(line, "alice", ROLE_OWNER));
	assert_appended(store, line_adds(line, "bob", ROLE_MEMBER));
	assert_appended(store, line_says(line, "alice", "hi"));
	assert_appended(store, line_edits(line, "alice", 3, "hi bob"));
	assert_appended(store, line_removes(line, "bob"));
	assert_appended(store, line_edits(line, "alice", 3, "bob is gone"));
	assert_appended(store, line_says(line, "alice", "the end"));
}

static enum store_rc read_edit_of_third(struct store *store, const char *user_id, struct transaction **edit)
{
	struct user_chat *membership = NULL;
	assert_int_equal(ON(store, load_membership, user_id, "c", &membership, NULL), STORE_OK);
	enum store_rc rc = ON(store, read_edits, membership, NULL, 0, &(uint64_t){3}, 1, edit, NULL);
	store_free(membership);
	return rc;
}

void assert_edit_of_former_member(struct store *store)
{
	struct transaction *edit = NULL;
	assert_int_equal(read_edit_of_third(store, "alice", &edit), STORE_CORRUPT);
	assert_int_equal(read_edit_of_third(store, "bob", &edit), STORE_OK);
	assert_int_equal(edit->number, 4);
	transaction_free(edit);
}

struct transaction *read_one(struct store *store, const char *chat_id, uint64_t number)
{
	struct page page = {0};
	struct page_limits limits = {.count_max = 1, .bytes_max = 0};
	assert_int_equal(ON(store, read_page, chat_id, number, number, &limits, &page, NULL), STORE_OK);
	assert_int_equal(page.count, 1);
	struct transaction *tx = transaction_ref(page.transactions[0]);
	store_page_free(&page);
	return tx;
}

static void assert_no_key_twice(const struct page *page)
{
	for (size_t i = 0; i < page->count; i++)
		for (size_t j = 0; page->transactions[i]->key && j < i; j++)
			if (page->transactions[j]->key && strcmp(page->transactions[j]->sender_id, page->transactions[i]->sender_id) == 0)
				assert_string_not_equal(page->transactions[j]->key, page->transactions[i]->key);
}

uint64_t assert_sound(struct store *store, const char *chat_id)
{
	struct page page = read_all(store, chat_id);
	struct chat_record *chat = NULL;
	unsigned char head[HEAD_BYTES] = {0};
	for (size_t i = 0; i < page.count; i++) {
		assert_int_equal(page.transactions[i]->number, i + 1);
		transaction_head(page.transactions[i], head, head);
		assert_memory_equal(page.transactions[i]->head, head, HEAD_BYTES);
	}
	assert_no_key_twice(&page);
	assert_int_equal(ON(store, load_chat, chat_id, &chat, NULL), STORE_OK);
	assert_int_equal(chat->latest, page.count);
	assert_int_equal(page.latest, page.count);
	assert_memory_equal(chat->head, head, HEAD_BYTES);
	assert_int_equal(chat->latest_at_ms, page.transactions[page.count - 1]->at_ms);
	store_free(chat);
	uint64_t latest = page.latest;
	store_page_free(&page);
	return latest;
}

const struct member_record *find_member(const struct chat_record *chat, const char *user_id)
{
	for (size_t i = 0; i < chat->member_count; i++)
		if (strcmp(chat->members[i].user_id, user_id) == 0)
			return &chat->members[i];
	return NULL;
}

void assert_interval(const struct interval *interval, uint64_t from, uint64_t to)
{
	assert_int_equal(interval->from, from);
	assert_int_equal(interval->to, to);
}

/* ---- people ---- */

void exist(struct world *world, size_t count, const char *const *user_ids)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(ON_WORLD(put_user, user_ids[i], START_MS, NULL), STORE_OK);
}

void prune_world(struct world *world, int64_t now_ms)
{
	bool more = true;
	for (int i = 0; more && i < 1000; i++)
		assert_int_equal(ON_WORLD(prune, now_ms, &more, NULL), STORE_OK);
	assert_false(more);
}

void invite(struct world *world, const unsigned char *hash, const char *user_id, int64_t expires_ms, uint32_t uses)
{
	assert_int_equal(ON_WORLD(put_invitation, hash, user_id, START_MS, expires_ms, uses, NULL), STORE_OK);
}

void assert_use(struct world *world, const unsigned char *hash, const char *by_user_id, int64_t now_ms, const char *inviter)
{
	char user_id[USER_ID_MAX + 1] = "";
	assert_int_equal(ON_WORLD(use_invitation, hash, by_user_id, now_ms, user_id, NULL), inviter ? STORE_OK : STORE_NOT_FOUND);
	assert_string_equal(user_id, inviter ? inviter : "");
}

void register_device(struct world *world, const char *user_id, const char *device, const char *push_token)
{
	const char *platform = push_token[0] != '\0' ? "apns" : "";
	assert_int_equal(ON_WORLD(put_registration, user_id, device, platform, push_token, START_MS, NULL), STORE_OK);
}

struct device_list *list_devices(struct world *world, const char *user_id)
{
	struct device_list *list = NULL;
	assert_int_equal(ON(world->other, list_devices, user_id, &list, NULL), STORE_OK);
	return list;
}
