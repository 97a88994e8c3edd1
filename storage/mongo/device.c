/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Devices, and in each document its cursors: a field a chat, so that "larger numbers win" is $max and all cursors of a device are one change.
 * A device has the number of its user's account and is void when that has ended, whoever put it at that moment. Any thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/people.h"
#include "storage/record.h"

enum { PRUNE_DEVICES = 500 };

/* ---- chats as fields ---- */

/* A field's name may have neither '.' nor '$'. Chat IDs that are no base64url get there as '~' and their own bytes in base64url. */
static void field_of_chat(const char *chat_id, char field[CHAT_FIELD_MAX + 1])
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t len = strnlen(chat_id, CHAT_ID_MAX);
	if (len > 0 && strspn(chat_id, plain) == len) {
		memcpy(field, chat_id, len);
		field[len] = '\0';
		return;
	}
	field[0] = '~';
	base64url_encode(chat_id, len, field + 1);
}

void cursor_field(const char *chat_id, char field[CURSOR_FIELD_MAX + 1])
{
	memcpy(field, "cursors.", sizeof "cursors.");
	field_of_chat(chat_id, field + strlen(field));
}

uint64_t device_cursor_of(const bson_t *device, const char *field)
{
	bson_iter_t iter, found;
	bool there = bson_iter_init(&iter, device) && bson_iter_find_descendant(&iter, field, &found);
	return there ? (uint64_t)bson_iter_as_int64(&found) : 0;
}

static bool chat_of_field(const char *field, char chat_id[CHAT_ID_MAX + 1])
{
	size_t len = strlen(field);
	if (len > 0 && field[0] == '~') {
		if (!base64url_decode(field + 1, len - 1, chat_id, CHAT_ID_MAX, &len))
			return false;
	} else if (len <= CHAT_ID_MAX) {
		memcpy(chat_id, field, len);
	} else {
		return false;
	}
	chat_id[len] = '\0';
	return true;
}

/* ---- a device ---- */

struct cursor_entry {
	struct device_cursor cursor;
	char chat_id[CHAT_ID_MAX + 1];
};

/* With as many as there are; free() them. */
static struct cursor_entry *read_cursors(const bson_t *device, size_t *count)
{
	bson_iter_t fields, list;
	struct cursor_entry *entries = NULL;
	*count = 0;
	if (!bson_iter_init_find(&fields, device, "cursors") || !bson_iter_recurse(&fields, &list))
		return NULL;
	while (bson_iter_next(&list)) {
		if ((*count & (*count - 1)) == 0) /* full at 0 and at every power of two */
			entries = mem_grow(entries, (*count ? *count * 2 : 1) * sizeof *entries);
		entries[*count].cursor.number = (uint64_t)bson_iter_as_int64(&list);
		*count += chat_of_field(bson_iter_key(&list), entries[*count].chat_id);
	}
	return entries;
}

static struct device_record *device_of(const bson_t *doc)
{
	size_t count;
	struct cursor_entry *entries = read_cursors(doc, &count);
	struct device_cursor *cursors = mem_new(count * sizeof *cursors);
	for (size_t i = 0; i < count; i++)
		cursors[i] = (struct device_cursor){entries[i].chat_id, entries[i].cursor.number};
	struct device_record *record = record_copy_device(&(struct device_record){.seen_at_ms = doc_number(doc, "seen"),
		.subscriptions = doc_text(doc, "subscriptions"), .max_bytes = (uint32_t)doc_number(doc, "maxBytes"), .cursor_count = count,
		.cursors = cursors});
	free(cursors);
	free(entries);
	return record;
}

enum store_rc mongo_load_device(struct store *store, const char *user_id, const char *device, struct device_record **record, struct error *err)
{
	struct db db;
	struct docs people = {0};
	bson_t found;
	struct pair_key key = pair_key(user_id, device);
	db_begin(&db, store);
	enum store_rc rc = people_load(&db, &user_id, 1, NULL, &people, err);
	int64_t account = person_account(&people, user_id);
	if (rc == STORE_OK)
		rc = db_find_one(&db, DEVICES, BCON_NEW("_id", KEY_BIN(key), "u", BCON_UTF8(user_id), "account", BCON_INT64(account)), NULL, &found, err);
	db_end(&db);
	docs_fini(&people);
	if (rc == STORE_NOT_FOUND)
		return no_such(err, "device");
	if (rc != STORE_OK)
		return rc;
	*record = device_of(&found);
	bson_destroy(&found);
	return STORE_OK;
}

/* One that has nothing else yet. */
static bson_t *new_device(const struct device_change *change, int64_t account)
{
	struct pair_key key = pair_key(change->user_id, change->device);
	bson_t *doc = BCON_NEW("_id", KEY_BIN(key), "u", BCON_UTF8(change->user_id), "account", BCON_INT64(account), "name", BCON_UTF8(change->device),
		"cursors", "{", "}");
	if (!bson_has_field(change->fields, "seen"))
		BSON_APPEND_INT64(doc, "seen", change->seen_at_ms);
	if (strcmp(change->operator, "$unset") != 0)
		bson_concat(doc, change->fields);
	return doc;
}

/* Of the account that there is now; one of an earlier account makes room. *done false: something changed meanwhile. */
static enum store_rc change_of_account(struct db *db, const struct device_change *change, int64_t account, bool *done, struct error *err)
{
	size_t matched = 0;
	struct pair_key key = pair_key(change->user_id, change->device);
	bson_t *update = bson_new();
	BSON_APPEND_DOCUMENT(update, change->operator, change->fields);
	enum store_rc rc = db_update(db, DEVICES, BCON_NEW("_id", KEY_BIN(key), "u", BCON_UTF8(change->user_id), "account", BCON_INT64(account)), update,
		DB_UPDATE, &matched, err);
	*done = matched > 0;
	if (rc != STORE_OK || *done)
		return rc;
	rc = db_insert(db, DEVICES, new_device(change, account), err);
	*done = rc == STORE_OK;
	if (rc != STORE_TAKEN)
		return rc;
	return db_delete(db, DEVICES,
		BCON_NEW("_id", KEY_BIN(key), "u", BCON_UTF8(change->user_id), "account", "{", "$lt", BCON_INT64(account), "}"), NULL, err);
}

enum store_rc device_change(struct db *db, const struct device_change *change, struct error *err)
{
	bool done = false;
	enum store_rc rc = STORE_OK;
	for (unsigned tries = 0; tries < TRIES_MAX && rc == STORE_OK && !done; tries++) {
		struct docs people = {0};
		rc = people_load(db, &change->user_id, 1, NULL, &people, err);
		bool exists = person_exists(&people, change->user_id), was_deleted = !exists && docs_find(&people, change->user_id) != NULL;
		if (rc == STORE_OK && !exists && change->needs_account)
			rc = no_such(err, "user");
		done = was_deleted;
		if (rc == STORE_OK && !done)
			rc = change_of_account(db, change, person_account(&people, change->user_id), &done, err);
		docs_fini(&people);
	}
	return rc == STORE_OK && !done ? (enum store_rc)error_set(err, STORE_UNAVAILABLE, 0, "the device comes and goes") : rc;
}

enum store_rc mongo_put_device(struct store *store, const char *user_id, const char *device, int64_t seen_at_ms, const char *subscriptions,
                               uint32_t max_bytes, struct error *err)
{
	struct db db;
	bson_t *fields = BCON_NEW("seen", BCON_INT64(seen_at_ms), "subscriptions", BCON_UTF8(subscriptions), "maxBytes", BCON_INT64(max_bytes));
	db_begin(&db, store);
	enum store_rc rc = device_change(&db, &(struct device_change){.user_id = user_id, .device = device, .operator = "$set", .fields = fields}, err);
	db_end(&db);
	bson_destroy(fields);
	return rc;
}

enum store_rc mongo_put_devices_seen(struct store *store, const struct device_seen *seen, size_t seen_count, struct error *err)
{
	struct db db;
	struct db_bulk bulk;
	db_begin(&db, store);
	db_bulk_begin(&bulk, &db, DEVICES);
	for (size_t i = 0; i < seen_count; i++) {
		struct pair_key key = pair_key(seen[i].user_id, seen[i].device);
		db_bulk_update(&bulk, BCON_NEW("_id", KEY_BIN(key), "u", BCON_UTF8(seen[i].user_id)),
			BCON_NEW("$max", "{", "seen", BCON_INT64(seen[i].at_ms), "}"), DB_UPDATE);
	}
	enum store_rc rc = db_bulk_run(&bulk, err);
	db_bulk_end(&bulk);
	db_end(&db);
	return rc;
}

enum store_rc mongo_put_device_token(struct store *store, const char *user_id, const char *device, int64_t at_ms, int64_t expires_ms,
                                     struct error *err)
{
	struct db db;
	bson_t *fields = BCON_NEW("tokenUntil", BCON_INT64(expires_ms));
	struct device_change change = {.user_id = user_id, .device = device, .seen_at_ms = at_ms, .needs_account = true, .operator = "$max",
		.fields = fields};
	db_begin(&db, store);
	enum store_rc rc = device_change(&db, &change, err);
	db_end(&db);
	bson_destroy(fields);
	return rc;
}

enum store_rc mongo_remove_device(struct store *store, const char *user_id, const char *device, struct error *err)
{
	struct db db;
	struct docs people = {0};
	struct pair_key key = pair_key(user_id, device);
	size_t deleted = 0;
	db_begin(&db, store);
	enum store_rc rc = people_load(&db, &user_id, 1, NULL, &people, err);
	int64_t account = person_account(&people, user_id);
	if (rc == STORE_OK)
		rc = db_delete(&db, DEVICES, BCON_NEW("_id", KEY_BIN(key), "u", BCON_UTF8(user_id), "account", BCON_INT64(account)), &deleted, err);
	db_end(&db);
	docs_fini(&people);
	return rc == STORE_OK && deleted == 0 ? no_such(err, "device") : rc;
}

struct device_info device_info_of(const bson_t *doc)
{
	return (struct device_info){.device = doc_text(doc, "name"), .seen_at_ms = doc_number(doc, "seen"), .platform = doc_text(doc, "platform"),
		.push_token = doc_text(doc, "pushToken"), .token_expires_ms = doc_number(doc, "tokenUntil")};
}

static int by_name(const void *left, const void *right)
{
	return strcmp(((const struct device_info *)left)->device, ((const struct device_info *)right)->device);
}

static enum store_rc load_devices(struct db *db, const char *user_id, struct docs *devices, struct error *err)
{
	struct docs people = {0};
	enum store_rc rc = people_load(db, &user_id, 1, NULL, &people, err);
	int64_t account = person_account(&people, user_id);
	docs_fini(&people);
	if (rc != STORE_OK)
		return rc;
	return docs_load(db, DEVICES, BCON_NEW("u", BCON_UTF8(user_id), "account", BCON_INT64(account)),
		BCON_NEW("projection", "{", "cursors", BCON_INT32(0), "subscriptions", BCON_INT32(0), "}"), devices, err);
}

enum store_rc mongo_list_devices(struct store *store, const char *user_id, struct device_list **devices, struct error *err)
{
	struct db db;
	struct docs docs = {0};
	db_begin(&db, store);
	enum store_rc rc = load_devices(&db, user_id, &docs, err);
	db_end(&db);
	if (rc != STORE_OK)
		return rc;
	struct device_info *infos = mem_new(docs.count * sizeof *infos);
	for (size_t i = 0; i < docs.count; i++)
		infos[i] = device_info_of(docs.items[i]);
	if (docs.count > 1)
		qsort(infos, docs.count, sizeof *infos, by_name);
	*devices = record_copy_devices(&(struct device_list){docs.count, infos});
	free(infos);
	docs_fini(&docs);
	return STORE_OK;
}

/* Not seen for long, and its token has ended. More may be added. */
static bson_t *forgotten(int64_t now_ms)
{
	return BCON_NEW("seen", "{", "$lt", BCON_INT64(now_ms - DEVICE_AGE_MS), "}", "$or", "[", "{", "tokenUntil", "{", "$exists", BCON_BOOL(false),
		"}", "}", "{", "tokenUntil", "{", "$lt", BCON_INT64(now_ms), "}", "}", "]");
}

enum store_rc devices_prune(struct db *db, int64_t now_ms, bool *more, struct error *err)
{
	struct docs old = {0};
	struct db_bulk bulk;
	enum store_rc rc = docs_load(db, DEVICES, forgotten(now_ms),
		BCON_NEW("projection", "{", "u", BCON_INT32(1), "}", "limit", BCON_INT64(PRUNE_DEVICES)), &old, err);
	if (rc != STORE_OK)
		return rc;
	db_bulk_begin(&bulk, db, DEVICES);
	for (size_t i = 0; i < old.count; i++) {
		size_t len;
		const unsigned char *key = doc_bytes(old.items[i], "_id", &len);
		bson_t *filter = forgotten(now_ms);
		BCON_APPEND(filter, "_id", BCON_BIN(BSON_SUBTYPE_BINARY, key, (uint32_t)len), "u", BCON_UTF8(doc_text(old.items[i], "u")));
		db_bulk_delete(&bulk, filter);
	}
	rc = db_bulk_run(&bulk, err);
	db_bulk_end(&bulk);
	if (rc == STORE_OK)
		*more = old.count == PRUNE_DEVICES;
	docs_fini(&old);
	return rc;
}

/* ---- cursors ---- */

/* By device, then by chat, the larger number first. */
static int cursors_in_order(const void *left, const void *right)
{
	const struct cursor *a = left, *b = right;
	int order = strcmp(a->user_id, b->user_id);
	if (order == 0)
		order = strcmp(a->device, b->device);
	if (order == 0)
		order = strcmp(a->chat_id, b->chat_id);
	return order != 0 ? order : (a->number < b->number) - (a->number > b->number);
}

static bool is_same_device(const struct cursor *a, const struct cursor *b)
{
	return strcmp(a->user_id, b->user_id) == 0 && strcmp(a->device, b->device) == 0;
}

/* Nearly always this process has appended to the chat, and nothing is asked. One whose end is damaged is there: the other chats' cursors do not wait
 * until somebody mends it. */
static enum store_rc chat_exists(struct db *db, const char *chat_id, bool *exists, struct error *err)
{
	struct chat_doc chat = {0};
	snprintf(chat.id, sizeof chat.id, "%s", chat_id);
	*exists = true;
	tip_overlay(db->mongo, &chat);
	if (chat.latest > 0)
		return STORE_OK;
	enum store_rc rc = mongo_chat_latest(db, &chat, err);
	*exists = rc == STORE_OK || rc == STORE_CORRUPT;
	return rc == STORE_NOT_FOUND || rc == STORE_CORRUPT ? STORE_OK : rc;
}

/* Those of the first one's device, which come first, as one change; returns how many they are. */
static size_t add_update(struct db_bulk *bulk, const struct cursor *cursors, const bool *known, size_t count)
{
	bson_t *update = bson_new();
	bson_t larger;
	size_t i = 0, changes = 0;
	BSON_APPEND_DOCUMENT_BEGIN(update, "$max", &larger);
	for (; i < count && is_same_device(&cursors[i], &cursors[0]); i++) {
		char field[CURSOR_FIELD_MAX + 1];
		if (!known[i] || (i > 0 && strcmp(cursors[i].chat_id, cursors[i - 1].chat_id) == 0))
			continue;
		cursor_field(cursors[i].chat_id, field);
		BSON_APPEND_INT64(&larger, field, (int64_t)cursors[i].number);
		changes++;
	}
	bson_append_document_end(update, &larger);
	struct pair_key key = pair_key(cursors[0].user_id, cursors[0].device);
	if (changes > 0)
		db_bulk_update(bulk, BCON_NEW("_id", KEY_BIN(key), "u", BCON_UTF8(cursors[0].user_id)), update, DB_UPDATE);
	else
		bson_destroy(update);
	return i;
}

static enum store_rc put_sorted(struct db *db, const struct cursor *cursors, size_t count, struct error *err)
{
	bool *known = mem_new(count * sizeof *known);
	enum store_rc rc = STORE_OK;
	for (size_t i = 0; rc == STORE_OK && i < count; i++)
		rc = chat_exists(db, cursors[i].chat_id, &known[i], err);
	if (rc == STORE_OK) {
		struct db_bulk bulk;
		db_bulk_begin(&bulk, db, DEVICES);
		for (size_t i = 0; i < count;)
			i += add_update(&bulk, cursors + i, known + i, count - i);
		rc = db_bulk_run(&bulk, err);
		db_bulk_end(&bulk);
	}
	free(known);
	return rc;
}

enum store_rc mongo_put_cursors(struct store *store, const struct cursor *cursors, size_t cursor_count, struct error *err)
{
	struct db db;
	if (cursor_count == 0)
		return STORE_OK;
	struct cursor *sorted = mem_copy(cursors, cursor_count * sizeof *cursors);
	qsort(sorted, cursor_count, sizeof *sorted, cursors_in_order);
	db_begin(&db, store);
	enum store_rc rc = put_sorted(&db, sorted, cursor_count, err);
	db_end(&db);
	free(sorted);
	return rc;
}
