/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The chats of a person. Which they may be comes from his memberships; then the chats are read and made exact where they are not; and only
 * then the memberships themselves, so that they are as new as what the chats say. A page of the list looks at the time of each of his chats
 * and loads only what is on it. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/people.h"
#include "storage/record.h"

/* How many chats one question is about. */
enum { CHATS_AT_ONCE = 1000 };

/* Which of somebody's memberships: those of now, former ones too, also those of an account of that ID that was deleted. */
enum membership { MEMBERSHIP_CURRENT, MEMBERSHIP_KNOWN, MEMBERSHIP_FORGOTTEN };

static bool is_wanted(const struct member_doc *member, enum membership which)
{
	if (member->at == 0)
		return false; /* announced, but never joined */
	return which == MEMBERSHIP_FORGOTTEN || (which == MEMBERSHIP_KNOWN ? member->interval_count > 0 : member->role != ROLE_NONE);
}

/* A chat that is perhaps his, and its place in the list. */
struct place {
	char chat_id[CHAT_ID_MAX + 1];
	bool is_current;
	int64_t latest_at_ms;
};

struct places {
	struct place *items;
	size_t count;
};

static void places_add(struct places *places, const char *chat_id, bool is_current)
{
	if ((places->count & (places->count - 1)) == 0) /* full at 0 and at every power of two */
		places->items = mem_grow(places->items, (places->count ? places->count * 2 : 1) * sizeof *places->items);
	struct place *place = &places->items[places->count++];
	*place = (struct place){.is_current = is_current};
	memcpy(place->chat_id, chat_id, strnlen(chat_id, CHAT_ID_MAX));
}

static enum store_rc load_places(struct db *db, const char *user_id, struct places *places, struct error *err)
{
	struct db_cursor cursor;
	const bson_t *doc;
	db_find(&cursor, db, MEMBERS, BCON_NEW("u", BCON_UTF8(user_id)),
		BCON_NEW("projection", "{", "c", BCON_INT32(1), "role", BCON_INT32(1), "_id", BCON_INT32(0), "}"));
	while (db_next(&cursor, &doc))
		places_add(places, doc_text(doc, "c"), doc_number(doc, "role") != ROLE_NONE);
	return db_find_end(&cursor, err);
}

/* ---- chats ---- */

/* From what stands in the collection, or by itself where that is not exact. NOT_FOUND: the chat has no transaction. Else chat_doc_fini. */
static enum store_rc make_exact(struct db *db, const char *chat_id, const bson_t *doc, struct chat_doc *chat, bool *settled, struct error *err)
{
	enum store_rc rc = STORE_OK;
	chat_doc_read(doc, chat);
	*settled = !chat_doc_is_clean(chat);
	if (*settled) {
		chat_doc_fini(chat);
		rc = mongo_settle_chat(db, chat_id, chat, err);
		if (rc != STORE_OK)
			return rc;
	}
	tip_overlay(db->mongo, chat);
	if (chat->latest == 0)
		rc = mongo_chat_latest(db, chat, err);
	if (rc != STORE_OK)
		chat_doc_fini(chat);
	return rc;
}

/* What is to be done with each. OK goes on. */
typedef enum store_rc chat_visit(void *context, struct place *place, struct chat_doc *chat, bool settled, struct error *err);

/* Those that exist, each with its chat, which is the visitor's until it returns. */
static enum store_rc visit_chunk(struct db *db, struct place *places, size_t count, bson_t *opts, chat_visit *visit, void *context,
                                 struct error *err)
{
	struct docs docs = {0};
	const char **ids = mem_new(count * sizeof *ids);
	for (size_t i = 0; i < count; i++)
		ids[i] = places[i].chat_id;
	enum store_rc rc = docs_load(db, CHATS, filter_in("_id", ids, count), opts, &docs, err);
	free(ids);
	for (size_t i = 0; rc == STORE_OK && i < count; i++) {
		const bson_t *doc = docs_find(&docs, places[i].chat_id);
		struct chat_doc chat;
		bool settled;
		if (doc == NULL)
			continue;
		rc = make_exact(db, places[i].chat_id, doc, &chat, &settled, err);
		if (rc == STORE_OK) {
			rc = visit(context, &places[i], &chat, settled, err);
			chat_doc_fini(&chat);
		} else if (rc == STORE_NOT_FOUND) {
			rc = STORE_OK;
		}
	}
	docs_fini(&docs);
	return rc;
}

static enum store_rc visit_chats(struct db *db, struct places *places, const bson_t *opts, chat_visit *visit, void *context, struct error *err)
{
	enum store_rc rc = STORE_OK;
	for (size_t i = 0; rc == STORE_OK && i < places->count; i += CHATS_AT_ONCE) {
		size_t left = places->count - i;
		rc = visit_chunk(db, places->items + i, left < CHATS_AT_ONCE ? left : CHATS_AT_ONCE, opts ? bson_copy(opts) : NULL, visit, context, err);
	}
	return rc;
}

/* ---- rows ---- */

struct row {
	struct chat_doc chat;
	struct member_doc member;
	bool has_member;
};

struct rows {
	const char *user_id;
	enum membership which;
	struct row *items;
	size_t count;
};

static enum store_rc add_row(void *context, struct place *place, struct chat_doc *chat, bool settled, struct error *err)
{
	(void)place;
	(void)settled;
	(void)err;
	struct rows *rows = context;
	if ((rows->count & (rows->count - 1)) == 0)
		rows->items = mem_grow(rows->items, (rows->count ? rows->count * 2 : 1) * sizeof *rows->items);
	rows->items[rows->count++] = (struct row){.chat = *chat};
	*chat = (struct chat_doc){0};
	return STORE_OK;
}

static void rows_fini(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		chat_doc_fini(&rows->items[i].chat);
		member_doc_fini(&rows->items[i].member);
	}
	free(rows->items);
}

static int rows_by_chat(const void *left, const void *right)
{
	return strcmp(((const struct row *)left)->chat.id, ((const struct row *)right)->chat.id);
}

static bson_t *memberships_filter(const struct rows *rows, size_t from, size_t count)
{
	bson_t *filter = BCON_NEW("u", BCON_UTF8(rows->user_id));
	bson_t in, list;
	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
	BSON_APPEND_ARRAY_BEGIN(&in, "$in", &list);
	for (size_t i = 0; i < count; i++) {
		char index[16];
		const char *name;
		struct pair_key key = pair_key(rows->user_id, rows->items[from + i].chat.id);
		size_t len = bson_uint32_to_string((uint32_t)i, &name, index, sizeof index);
		bson_append_binary(&list, name, (int)len, BSON_SUBTYPE_BINARY, key.bytes, key.len);
	}
	bson_append_array_end(&in, &list);
	bson_append_document_end(filter, &in);
	return filter;
}

static void take_member(struct rows *rows, const bson_t *doc)
{
	struct row wanted = {0};
	struct member_doc member;
	member_doc_read(doc, &member);
	memcpy(wanted.chat.id, member.chat_id, sizeof wanted.chat.id);
	struct row *row = bsearch(&wanted, rows->items, rows->count, sizeof wanted, rows_by_chat);
	if (row == NULL || row->has_member) {
		member_doc_fini(&member);
		return;
	}
	row->member = member;
	row->has_member = is_wanted(&member, rows->which);
}

/* After the chats: so they are as of then or later. */
static enum store_rc load_members(struct db *db, struct rows *rows, struct error *err)
{
	enum store_rc rc = STORE_OK;
	if (rows->count > 1)
		qsort(rows->items, rows->count, sizeof *rows->items, rows_by_chat);
	for (size_t i = 0; rc == STORE_OK && i < rows->count; i += CHATS_AT_ONCE) {
		struct db_cursor cursor;
		const bson_t *doc;
		size_t left = rows->count - i;
		db_find(&cursor, db, MEMBERS, memberships_filter(rows, i, left < CHATS_AT_ONCE ? left : CHATS_AT_ONCE), NULL);
		while (db_next(&cursor, &doc))
			take_member(rows, doc);
		rc = db_find_end(&cursor, err);
	}
	return rc;
}

static struct user_chat user_chat_of(const struct chat_doc *chat, const struct member_doc *member)
{
	const char *peer = chat->pair[0] && strcmp(chat->pair[0], member->user_id) == 0 ? chat->pair[1] : chat->pair[0];
	return (struct user_chat){.chat_id = chat->id, .role = member->role, .latest = chat->latest, .latest_at_ms = chat->latest_at_ms,
		.received = member->received, .read = member->read, .history_all = chat->history_all, .ended = chat->ended, .name = chat->name,
		.icon = chat->icon, .peer_id = peer, .current_members = chat->current_members, .muted_until_ms = member->muted_until_ms,
		.interval_count = member->interval_count, .intervals = member->intervals};
}

static int newest_first(const void *left, const void *right)
{
	const struct user_chat *a = left, *b = right;
	if (a->latest_at_ms != b->latest_at_ms)
		return a->latest_at_ms > b->latest_at_ms ? -1 : 1;
	return strcmp(a->chat_id, b->chat_id);
}

static struct user_record *record_of(const struct rows *rows, int64_t created_at_ms)
{
	struct user_chat *chats = mem_new(rows->count * sizeof *chats);
	size_t count = 0;
	for (size_t i = 0; i < rows->count; i++)
		if (rows->items[i].has_member)
			chats[count++] = user_chat_of(&rows->items[i].chat, &rows->items[i].member);
	if (count > 1)
		qsort(chats, count, sizeof *chats, newest_first);
	struct user_record *record = record_copy_user(&(struct user_record){rows->user_id, created_at_ms, count, chats});
	free(chats);
	return record;
}

static enum store_rc load_rows(struct db *db, struct places *places, struct rows *rows, struct error *err)
{
	enum store_rc rc = visit_chats(db, places, NULL, add_row, rows, err);
	return rc == STORE_OK ? load_members(db, rows, err) : rc;
}

/* ---- all of them ---- */

static enum store_rc load_all(struct db *db, const char *user_id, enum membership which, struct user_record **record, struct error *err)
{
	struct docs people = {0};
	struct places places = {0};
	struct rows rows = {.user_id = user_id, .which = which};
	enum store_rc rc = people_load(db, &user_id, 1, NULL, &people, err);
	bool exists = person_exists(&people, user_id);
	if (rc == STORE_OK && !exists && which == MEMBERSHIP_KNOWN)
		rc = no_such(err, "user");
	if (rc == STORE_OK)
		rc = load_places(db, user_id, &places, err);
	if (rc == STORE_OK)
		rc = load_rows(db, &places, &rows, err);
	if (rc == STORE_OK) {
		struct user_record *found = record_of(&rows, exists ? doc_number(people.items[0], "created") : 0);
		if (exists || found->chat_count > 0) {
			*record = found;
		} else {
			store_free(found);
			rc = no_such(err, "user");
		}
	}
	rows_fini(&rows);
	free(places.items);
	docs_fini(&people);
	return rc;
}

enum store_rc mongo_load_user(struct store *store, const char *user_id, struct user_record **record, struct error *err)
{
	struct db db;
	db_begin(&db, store);
	enum store_rc rc = load_all(&db, user_id, MEMBERSHIP_KNOWN, record, err);
	db_end(&db);
	return rc;
}

enum store_rc mongo_load_memberships(struct store *store, const char *user_id, struct user_record **record, struct error *err)
{
	struct db db;
	db_begin(&db, store);
	enum store_rc rc = load_all(&db, user_id, MEMBERSHIP_FORGOTTEN, record, err);
	db_end(&db);
	return rc;
}

/* ---- a page of the list ---- */

struct ordering {
	struct db *db;
	const char *user_id;
	struct places places; /* those of now */
};

/* One that had to be made exact first: he may have come or gone. */
static enum store_rc look_again(struct ordering *ordering, struct place *place, struct error *err)
{
	bson_t doc;
	struct member_doc member;
	struct pair_key key = pair_key(ordering->user_id, place->chat_id);
	enum store_rc rc = db_find_one(ordering->db, MEMBERS, BCON_NEW("_id", KEY_BIN(key), "u", BCON_UTF8(ordering->user_id)), NULL, &doc, err);
	place->is_current = false;
	if (rc != STORE_OK)
		return rc == STORE_NOT_FOUND ? STORE_OK : rc;
	member_doc_read(&doc, &member);
	place->is_current = is_wanted(&member, MEMBERSHIP_CURRENT);
	member_doc_fini(&member);
	bson_destroy(&doc);
	return STORE_OK;
}

static enum store_rc add_place(void *context, struct place *place, struct chat_doc *chat, bool settled, struct error *err)
{
	struct ordering *ordering = context;
	enum store_rc rc = settled ? look_again(ordering, place, err) : STORE_OK;
	if (rc != STORE_OK || !place->is_current)
		return rc;
	places_add(&ordering->places, place->chat_id, true);
	ordering->places.items[ordering->places.count - 1].latest_at_ms = chat->latest_at_ms;
	return STORE_OK;
}

static int places_in_order(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	if (a->latest_at_ms != b->latest_at_ms)
		return a->latest_at_ms > b->latest_at_ms ? -1 : 1;
	return strcmp(a->chat_id, b->chat_id);
}

static enum store_rc order_places(struct ordering *ordering, struct places *all, struct error *err)
{
	bson_t *opts = BCON_NEW("projection", "{", "a", BCON_INT32(1), "u", BCON_INT32(1), "latest", BCON_INT32(1), "latestAt", BCON_INT32(1), "}");
	enum store_rc rc = visit_chats(ordering->db, all, opts, add_place, ordering, err);
	bson_destroy(opts);
	if (ordering->places.count > 1)
		qsort(ordering->places.items, ordering->places.count, sizeof *ordering->places.items, places_in_order);
	return rc;
}

/* Leaves what is on the page, and says whether there is more behind it. */
static bool cut_page(struct places *places, const struct chat_window *window)
{
	size_t start = 0;
	struct place after = {.latest_at_ms = window->after_at_ms};
	if (window->after_id) {
		memcpy(after.chat_id, window->after_id, strnlen(window->after_id, CHAT_ID_MAX));
		while (start < places->count && places_in_order(&places->items[start], &after) <= 0)
			start++;
	}
	size_t left = places->count - start;
	size_t skip = window->skip < left ? window->skip : left;
	left -= skip;
	places->count = left < window->count_max ? left : window->count_max;
	if (places->count > 0)
		memmove(places->items, places->items + start + skip, places->count * sizeof *places->items);
	return left > places->count;
}

static enum store_rc list_page(struct db *db, const char *user_id, const struct chat_window *window, struct rows *rows, bool *more,
                               struct error *err)
{
	struct places all = {0};
	struct ordering ordering = {.db = db, .user_id = user_id};
	enum store_rc rc = load_places(db, user_id, &all, err);
	if (rc == STORE_OK)
		rc = order_places(&ordering, &all, err);
	if (rc == STORE_OK) {
		*more = cut_page(&ordering.places, window);
		rc = load_rows(db, &ordering.places, rows, err);
	}
	free(all.items);
	free(ordering.places.items);
	return rc;
}

enum store_rc mongo_list_memberships(struct store *store, const char *user_id, const struct chat_window *window, struct user_record **record,
                                     bool *more, struct error *err)
{
	struct db db;
	struct docs people = {0};
	struct rows rows = {.user_id = user_id, .which = MEMBERSHIP_CURRENT};
	bool more_there = false;
	db_begin(&db, store);
	enum store_rc rc = people_load(&db, &user_id, 1, NULL, &people, err);
	if (rc == STORE_OK && !person_exists(&people, user_id))
		rc = no_such(err, "user");
	if (rc == STORE_OK)
		rc = list_page(&db, user_id, window, &rows, &more_there, err);
	db_end(&db);
	if (rc == STORE_OK) {
		*record = record_of(&rows, doc_number(people.items[0], "created"));
		*more = more_there;
	}
	rows_fini(&rows);
	docs_fini(&people);
	return rc;
}

/* ---- one ---- */

static enum store_rc load_membership(struct db *db, const char *user_id, const char *chat_id, struct user_chat **membership, struct error *err)
{
	bson_t doc;
	struct chat_doc chat = {0};
	struct member_doc member = {0};
	struct pair_key key = pair_key(user_id, chat_id);
	enum store_rc rc = mongo_settle_chat(db, chat_id, &chat, err);
	if (rc == STORE_OK)
		rc = mongo_chat_latest(db, &chat, err);
	if (rc == STORE_OK)
		rc = db_find_one(db, MEMBERS, BCON_NEW("_id", KEY_BIN(key), "u", BCON_UTF8(user_id)), NULL, &doc, err);
	if (rc == STORE_OK) {
		member_doc_read(&doc, &member);
		bson_destroy(&doc);
		if (is_wanted(&member, MEMBERSHIP_KNOWN)) {
			struct user_chat found = user_chat_of(&chat, &member);
			*membership = record_copy_membership(&found);
		} else {
			rc = STORE_NOT_FOUND;
		}
	}
	member_doc_fini(&member);
	chat_doc_fini(&chat);
	return rc == STORE_NOT_FOUND ? no_such(err, "membership") : rc;
}

enum store_rc mongo_load_membership(struct store *store, const char *user_id, const char *chat_id, struct user_chat **membership,
                                    struct error *err)
{
	struct db db;
	db_begin(&db, store);
	enum store_rc rc = load_membership(&db, user_id, chat_id, membership, err);
	db_end(&db);
	return rc;
}
