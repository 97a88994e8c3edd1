/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Favorites, in the document of whose they are. Each entry has the number of the other one's account with it, so it is void when that one
 * has ended, whoever put it in at that moment. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/people.h"
#include "storage/record.h"

struct favorite {
	const char *user_id; /* in the document */
	int64_t account, at_ms;
};

struct favorites {
	struct favorite *items;
	size_t count;
};

static void read_favorite(const bson_t *entry, void *item)
{
	*(struct favorite *)item = (struct favorite){doc_text(entry, "u"), doc_number(entry, "account"), doc_number(entry, "at")};
}

static void write_favorite(bson_t *entry, const void *item)
{
	const struct favorite *favorite = item;
	BSON_APPEND_UTF8(entry, "u", favorite->user_id);
	BSON_APPEND_INT64(entry, "account", favorite->account);
	BSON_APPEND_INT64(entry, "at", favorite->at_ms);
}

/* With room for one more. The caller frees items. */
static struct favorites favorites_read(const bson_t *person)
{
	struct favorites favorites;
	favorites.items = doc_list_read(person, "favorites", sizeof *favorites.items, read_favorite, &favorites.count);
	return favorites;
}

struct favorite_change {
	const char *other_id;
	bool on;
	int64_t account; /* on: of the other one; off: only entries up to that account go */
	int64_t at_ms;
	bool of_anyone; /* also where the person does not exist */
};

/* How many went. One of that very account stays when it is to be on. */
static size_t remove_entries(struct favorites *favorites, const struct favorite_change *change, bool *is_there)
{
	size_t kept = 0, before = favorites->count;
	*is_there = false;
	for (size_t i = 0; i < before; i++) {
		const struct favorite *entry = &favorites->items[i];
		bool is_his = strcmp(entry->user_id, change->other_id) == 0, stays = change->on && entry->account == change->account;
		*is_there = *is_there || (is_his && stays);
		if (!is_his || stays || entry->account > change->account)
			favorites->items[kept++] = *entry;
	}
	favorites->count = kept;
	return before - kept;
}

static void add_entry(struct favorites *favorites, const struct favorite_change *change)
{
	size_t place = favorites->count;
	while (place > 0 && favorites->items[place - 1].at_ms > change->at_ms)
		place--;
	memmove(favorites->items + place + 1, favorites->items + place, (favorites->count - place) * sizeof *favorites->items);
	favorites->items[place] = (struct favorite){change->other_id, change->account, change->at_ms};
	favorites->count++;
}

static enum store_rc change_favorites(void *context, const bson_t *person, struct change *change, struct error *err)
{
	const struct favorite_change *wanted = context;
	if (!wanted->of_anyone && !doc_has(person, "created"))
		return no_such(err, "user");
	bool is_there;
	struct favorites favorites = favorites_read(person);
	size_t gone = remove_entries(&favorites, wanted, &is_there);
	bool added = wanted->on && !is_there;
	if (added)
		add_entry(&favorites, wanted);
	if (gone > 0 || added)
		doc_list_append(&change->set, "favorites", favorites.items, sizeof *favorites.items, favorites.count, write_favorite);
	free(favorites.items);
	return STORE_OK;
}

enum store_rc mongo_put_favorite(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err)
{
	struct db db;
	struct docs people = {0};
	struct favorite_change change = {.other_id = other_id, .on = on, .account = INT64_MAX, .at_ms = at_ms};
	db_begin(&db, store);
	enum store_rc rc = on ? people_load(&db, &other_id, 1, NULL, &people, err) : STORE_OK;
	if (rc == STORE_OK && on) {
		change.account = person_account(&people, other_id);
		rc = person_exists(&people, other_id) ? STORE_OK : no_such(err, "user");
	}
	if (rc == STORE_OK)
		rc = person_decide(&db, user_id, change_favorites, &change, err);
	db_end(&db);
	docs_fini(&people);
	return rc;
}

/* Those whose accounts are the ones that were meant. */
static const char *const *living(const struct favorites *favorites, const struct docs *people, size_t *count)
{
	const char **ids = mem_new(favorites->count * sizeof *ids);
	size_t found = 0;
	for (size_t i = 0; i < favorites->count; i++) {
		const struct favorite *entry = &favorites->items[i];
		if (person_exists(people, entry->user_id) && person_account(people, entry->user_id) == entry->account)
			ids[found++] = entry->user_id;
	}
	const char *const *copy = record_copy_ids(ids, found);
	*count = found;
	free(ids);
	return copy;
}

static enum store_rc load_others(struct db *db, const struct favorites *favorites, struct docs *people, struct error *err)
{
	const char **ids = mem_new(favorites->count * sizeof *ids);
	for (size_t i = 0; i < favorites->count; i++)
		ids[i] = favorites->items[i].user_id;
	enum store_rc rc = favorites->count > 0 ? people_load(db, ids, favorites->count, NULL, people, err) : STORE_OK;
	free(ids);
	return rc;
}

enum store_rc mongo_load_favorites(struct store *store, const char *user_id, const char *const **user_ids, size_t *count, struct error *err)
{
	struct db db;
	struct docs self = {0}, people = {0};
	struct favorites favorites = {0};
	db_begin(&db, store);
	enum store_rc rc = people_load(&db, &user_id, 1, "favorites", &self, err);
	if (rc == STORE_OK && person_exists(&self, user_id)) {
		favorites = favorites_read(self.items[0]);
		rc = load_others(&db, &favorites, &people, err);
	}
	db_end(&db);
	if (rc == STORE_OK)
		*user_ids = living(&favorites, &people, count);
	free(favorites.items);
	docs_fini(&people);
	docs_fini(&self);
	return rc;
}

enum store_rc favorites_forget(struct db *db, const char *user_id, int64_t account, struct error *err)
{
	struct docs people = {0};
	struct favorite_change change = {.other_id = user_id, .account = account, .of_anyone = true};
	enum store_rc rc = docs_load(db, USERS, BCON_NEW("favorites.u", BCON_UTF8(user_id)), BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}"),
		&people, err);
	for (size_t i = 0; rc == STORE_OK && i < people.count; i++)
		rc = person_decide(db, doc_text(people.items[i], "_id"), change_favorites, &change, err);
	docs_fini(&people);
	return rc == STORE_NOT_FOUND ? STORE_OK : rc;
}
