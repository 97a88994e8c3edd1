/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Reading a chat: the record of it, pages of its log, single messages, keys. Each settles the chat first, so that what is in the log counts. Any
 * thread. */
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/dedup.h"
#include "storage/mongo/logdoc.h"
#include "storage/mongo/ops.h"
#include "storage/mongo/tips.h"
#include "storage/record.h"

enum { TRIES = 100, MESSAGE_TRIES = 3 };

static const int64_t KEY_AGE_MS = (int64_t)STORE_KEY_DAYS * 24 * 3600 * 1000;

static enum store_rc others_are_faster(struct error *err)
{
	return error_set(err, STORE_UNAVAILABLE, 0, "others change that chat faster than it can be read");
}

static void remember_tip(struct db *db, const struct chat_doc *chat)
{
	struct tip tip = {.number = chat->latest, .at_ms = chat->latest_at_ms};
	memcpy(tip.head, chat->head, HEAD_BYTES);
	tips_put(db->mongo->tips, chat->id, &tip, TIP_READ);
}

/* ---- a chat ---- */

struct members {
	struct member_doc *docs;
	size_t count;
};

static void members_fini(struct members *members)
{
	for (size_t i = 0; i < members->count; i++)
		member_doc_fini(&members->docs[i]);
	free(members->docs);
	*members = (struct members){0};
}

/* Who was only announced is none. */
static enum store_rc load_members(struct db *db, const char *chat_id, struct members *members, struct error *err)
{
	struct db_cursor cursor;
	const bson_t *doc;
	db_find(&cursor, db, MEMBERS, BCON_NEW("c", BCON_UTF8(chat_id)), NULL);
	while (db_next(&cursor, &doc)) {
		if (doc_number(doc, "at") == 0)
			continue;
		members->docs = mem_grow(members->docs, (members->count + 1) * sizeof *members->docs);
		member_doc_read(doc, &members->docs[members->count++]);
	}
	return db_find_end(&cursor, err);
}

static struct chat_record *record_of(const struct chat_doc *chat, const struct members *members)
{
	struct member_record *records = mem_new(members->count * sizeof *records);
	for (size_t i = 0; i < members->count; i++) {
		const struct member_doc *member = &members->docs[i];
		records[i] = (struct member_record){.user_id = member->user_id, .role = member->role, .received = member->received, .read = member->read,
			.interval_count = member->interval_count, .intervals = member->intervals};
	}
	struct chat_record whole = {.chat_id = chat->id, .latest = chat->latest, .latest_at_ms = chat->latest_at_ms, .pair = chat->pair[0] != NULL,
		.history_all = chat->history_all, .ended = chat->ended, .ended_at_ms = chat->ended_at_ms, .name = chat->name, .icon = chat->icon,
		.current_members = chat->current_members, .member_count = members->count, .members = records};
	memcpy(whole.head, chat->head, HEAD_BYTES);
	struct chat_record *record = record_copy_chat(&whole);
	free(records);
	return record;
}

/* Whether nothing that changes projections came between `before`, which was settled, and what has been read since, up to `before->latest`. */
static enum store_rc stayed(struct db *db, const struct chat_doc *before, bool *same, struct error *err)
{
	struct chat_doc now = {0};
	bson_t doc;
	enum store_rc rc = db_find_one(db, CHATS, BCON_NEW("_id", BCON_UTF8(before->id)), NULL, &doc, err);
	if (rc != STORE_OK)
		return rc;
	chat_doc_read(&doc, &now);
	*same = now.applied == before->applied && now.announced == before->announced &&
		(chat_doc_is_clean(&now) || before->latest <= now.applied);
	chat_doc_fini(&now);
	bson_destroy(&doc);
	return STORE_OK;
}

/* The members, then the latest number, then whether the chat stayed as it was: so all of it is as of that number. */
static enum store_rc try_to_load(struct db *db, struct chat_doc *chat, struct chat_record **record, struct error *err)
{
	struct members members = {0};
	bool same = false;
	enum store_rc rc = load_members(db, chat->id, &members, err);
	if (rc == STORE_OK)
		rc = mongo_chat_latest(db, chat, err);
	if (rc == STORE_OK)
		rc = stayed(db, chat, &same, err);
	if (rc == STORE_OK && same) {
		remember_tip(db, chat);
		*record = record_of(chat, &members);
	}
	members_fini(&members);
	return rc;
}

enum store_rc mongo_load_chat(struct store *store, const char *chat_id, struct chat_record **record, struct error *err)
{
	struct db db;
	struct chat_record *found = NULL;
	enum store_rc rc = STORE_OK;
	db_begin(&db, store);
	for (int i = 0; rc == STORE_OK && found == NULL && i < TRIES; i++) {
		struct chat_doc chat = {0};
		rc = mongo_settle_chat(&db, chat_id, &chat, err);
		if (rc == STORE_OK)
			rc = try_to_load(&db, &chat, &found, err);
		chat_doc_fini(&chat);
	}
	db_end(&db);
	if (found)
		*record = found;
	return rc == STORE_OK && found == NULL ? others_are_faster(err) : rc;
}

/* ---- pages ---- */

struct reading {
	struct page_filler filler;
	uint64_t settled; /* what is deleted above it may not be erased yet */
	bool deletes;     /* there is something like that, so it has to be read again */
};

static bool add_to_page(void *context, const struct transaction *tx)
{
	struct reading *reading = context;
	if (!page_has_room(&reading->filler, tx))
		return false;
	reading->deletes = reading->deletes || (tx->type == TX_DELETE && tx->number > reading->settled);
	page_add(&reading->filler, transaction_ref(tx));
	return true;
}

static enum store_rc try_to_read(struct db *db, struct chat_doc *chat, uint64_t from, uint64_t to, struct reading *reading, struct error *err)
{
	enum store_rc rc = mongo_chat_latest(db, chat, err);
	if (rc != STORE_OK)
		return rc;
	remember_tip(db, chat);
	reading->filler.page.latest = chat->latest;
	reading->settled = chat->applied;
	if (to > chat->latest)
		to = chat->latest;
	size_t count_max = reading->filler.limits->count_max;
	const struct log_range range = {.chat_id = chat->id, .from = from, .to = to, .doc_max = count_max < SIZE_MAX ? count_max + 1 : 0};
	if (from <= to)
		rc = log_visit_range(db, &range, add_to_page, reading, err);
	bool same = false;
	if (rc == STORE_OK && reading->deletes) {
		rc = stayed(db, chat, &same, err);
		reading->deletes = !same;
	}
	return rc;
}

enum store_rc mongo_read_page(struct store *store, const char *chat_id, uint64_t from, uint64_t to, const struct page_limits *limits,
                              struct page *page, struct error *err)
{
	struct db db;
	struct reading reading = {.deletes = true};
	enum store_rc rc = STORE_OK;
	db_begin(&db, store);
	for (int i = 0; rc == STORE_OK && reading.deletes && i < TRIES; i++) {
		struct chat_doc chat = {0};
		store_page_free(&reading.filler.page);
		reading = (struct reading){.filler.limits = limits};
		rc = mongo_settle_chat(&db, chat_id, &chat, err);
		if (rc == STORE_OK)
			rc = try_to_read(&db, &chat, from > 0 ? from : 1, to, &reading, err);
		chat_doc_fini(&chat);
	}
	db_end(&db);
	if (rc == STORE_NOT_FOUND)
		rc = STORE_OK; /* no such chat: nothing on the page */
	if (rc == STORE_OK && reading.deletes)
		rc = others_are_faster(err);
	if (rc == STORE_OK)
		*page = reading.filler.page;
	else
		store_page_free(&reading.filler.page);
	return rc;
}

/* ---- one message ---- */

static bool take_first(void *context, const struct transaction *tx)
{
	*(struct transaction **)context = transaction_ref(tx);
	return false;
}

static bool take_reference(void *context, const struct transaction *tx)
{
	struct message_state *state = context;
	if (tx->type == TX_EDIT) {
		transaction_free(state->edit);
		state->edit = transaction_ref(tx);
	} else if (tx->type == TX_DELETE && state->deletion == NULL) {
		state->deletion = transaction_ref(tx);
	}
	return true;
}

/* Deleted after it was read, so perhaps erased after that: settling again does it. */
static bool is_stale(const struct message_state *state)
{
	return state->deletion && ((state->message->body.present && !state->message->body.erased) ||
		(state->edit && state->edit->number < state->deletion->number && state->edit->body.present && !state->edit->body.erased));
}

static enum store_rc try_to_read_message(struct db *db, const char *chat_id, uint64_t number, struct message_state *state, struct error *err)
{
	enum store_rc rc = mongo_settle_chat(db, chat_id, NULL, err);
	if (rc == STORE_OK)
		rc = mongo_visit_log(db, chat_id, number, number, LOG_ASCENDING, take_first, &state->message, err);
	if (rc == STORE_OK && (state->message == NULL || state->message->type != TX_MESSAGE))
		rc = STORE_NOT_FOUND;
	if (rc == STORE_OK)
		rc = mongo_visit_changes(db, chat_id, number, take_reference, state, err);
	return rc;
}

enum store_rc mongo_read_message(struct store *store, const char *chat_id, uint64_t number, struct message_state *state, struct error *err)
{
	struct db db;
	struct message_state found = {0};
	enum store_rc rc = number > 0 && number <= INT64_MAX ? STORE_OK : STORE_NOT_FOUND;
	bool again = true;
	db_begin(&db, store);
	for (int i = 0; rc == STORE_OK && again && i < MESSAGE_TRIES; i++) {
		message_state_free(&found);
		rc = try_to_read_message(&db, chat_id, number, &found, err);
		again = rc == STORE_OK && is_stale(&found);
	}
	db_end(&db);
	if (rc == STORE_OK)
		*state = found;
	else
		message_state_free(&found);
	return rc == STORE_NOT_FOUND ? (enum store_rc)error_set(err, rc, 0, "no such message") : rc;
}

/* ---- keys ---- */

struct key_search {
	const char *sender_id, *key;
	int64_t since_ms;
	unsigned count;
	struct transaction *found;
};

static bool is_it(void *context, const struct transaction *tx)
{
	struct key_search *search = context;
	if (search->count++ >= STORE_ONCE_COUNT && tx->at_ms < search->since_ms)
		return false;
	if (tx->key != NULL && strcmp(tx->key, search->key) == 0 && strcmp(tx->sender_id, search->sender_id) == 0)
		search->found = transaction_ref(tx);
	return search->found == NULL;
}

static enum store_rc search_log(struct db *db, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms,
                                struct transaction **found, struct error *err)
{
	struct key_search search = {.sender_id = sender_id, .key = key, .since_ms = since_ms};
	enum store_rc rc = mongo_visit_log(db, chat_id, 1, UINT64_MAX, LOG_DESCENDING, is_it, &search, err);
	*found = search.found;
	if (rc == STORE_OK && search.found == NULL)
		return error_set(err, STORE_NOT_FOUND, 0, "no such key");
	return rc;
}

static enum store_rc find_indexed(struct db *db, const char *chat_id, const char *sender_id, const char *key, struct transaction **found,
                                  struct error *err)
{
	struct chat_doc chat = {0};
	memcpy(chat.id, chat_id, strnlen(chat_id, CHAT_ID_MAX));
	enum store_rc rc = mongo_chat_latest(db, &chat, err);
	return rc == STORE_OK ? dedup_find(db, chat_id, sender_id, key, chat.latest_at_ms - KEY_AGE_MS, found, err) : rc;
}

enum store_rc mongo_find_key(struct store *store, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms,
                             uint64_t *number, unsigned char key_hash[ID_BYTES], struct error *err)
{
	struct db db;
	struct transaction *found = NULL;
	db_begin(&db, store);
	enum store_rc rc = mongo_settle_chat(&db, chat_id, NULL, err);
	if (rc == STORE_OK && key[0] == KEY_ONCE)
		rc = search_log(&db, chat_id, sender_id, key, since_ms, &found, err);
	else if (rc == STORE_OK)
		rc = find_indexed(&db, chat_id, sender_id, key, &found, err);
	db_end(&db);
	if (rc == STORE_OK) {
		*number = found->number;
		memcpy(key_hash, found->key_hash, ID_BYTES);
	}
	transaction_free(found);
	return rc;
}

/* ---- lists of names ---- */

struct names {
	char **items;
	size_t count;
};

static void names_fini(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
}

enum store_rc list_ids(struct store *store, enum collection collection, bson_t *filter, bson_t *opts, size_t count_max,
                       const char *const **ids, size_t *count, struct error *err)
{
	struct db db;
	struct db_cursor cursor;
	struct names names = {0};
	const bson_t *doc;
	db_begin(&db, store);
	if (count_max < INT32_MAX)
		BSON_APPEND_INT64(opts, "limit", (int64_t)count_max);
	db_find(&cursor, &db, collection, filter, opts);
	while (count_max > 0 && names.count < count_max && db_next(&cursor, &doc)) {
		names.items = mem_grow(names.items, (names.count + 1) * sizeof *names.items);
		names.items[names.count++] = mem_text(doc_text(doc, "_id"));
	}
	enum store_rc rc = db_find_end(&cursor, err);
	db_end(&db);
	if (rc == STORE_OK) {
		*ids = record_copy_ids((const char *const *)names.items, names.count);
		*count = names.count;
	}
	names_fini(&names);
	return rc;
}

/* A chat without a tip may have been announced only, or not be flushed: the log tells. */
static enum store_rc chat_exists(struct db *db, const bson_t *doc, bool *exists, struct error *err)
{
	struct chat_doc chat = {0};
	chat_doc_read(doc, &chat);
	tip_overlay(db->mongo, &chat);
	enum store_rc rc = chat.latest == 0 ? mongo_chat_latest(db, &chat, err) : STORE_OK;
	*exists = rc == STORE_OK;
	chat_doc_fini(&chat);
	return rc == STORE_NOT_FOUND ? STORE_OK : rc;
}

static enum store_rc collect_chats(struct db *db, const char *after, size_t count_max, struct names *names, struct error *err)
{
	struct db_cursor cursor;
	const bson_t *doc;
	enum store_rc rc = STORE_OK;
	db_find(&cursor, db, CHATS, BCON_NEW("_id", "{", "$gt", BCON_UTF8(after), "}"), BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}"));
	while (rc == STORE_OK && names->count < count_max && db_next(&cursor, &doc)) {
		bool exists = false;
		rc = chat_exists(db, doc, &exists, err);
		if (!exists)
			continue;
		names->items = mem_grow(names->items, (names->count + 1) * sizeof *names->items);
		names->items[names->count++] = mem_text(doc_text(doc, "_id"));
	}
	enum store_rc end = db_find_end(&cursor, rc == STORE_OK ? err : NULL);
	return rc == STORE_OK ? end : rc;
}

enum store_rc mongo_list_chats(struct store *store, const char *after, size_t count_max, const char *const **chat_ids, size_t *count,
                               struct error *err)
{
	struct db db;
	struct names names = {0};
	db_begin(&db, store);
	enum store_rc rc = collect_chats(&db, after, count_max, &names, err);
	db_end(&db);
	if (rc == STORE_OK) {
		*chat_ids = record_copy_ids((const char *const *)names.items, names.count);
		*count = names.count;
	}
	names_fini(&names);
	return rc;
}
