/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Folding the log into the projections of one chat; fold.h says why it is exact. Any thread. */
#include "storage/mongo/fold.h"

#include <stdlib.h>
#include <string.h>

#include "storage/mongo/erase.h"
#include "storage/mongo/foldmembers.h"
#include "storage/mongo/logdoc.h"

enum {
	FOLD_MAX = 500, /* transactions in one go */
	TRIES = 100,    /* as often may others be faster */
};

static enum store_rc others_are_faster(struct error *err)
{
	return error_set(err, STORE_UNAVAILABLE, 0, "others change that chat faster than it can be read");
}

static enum store_rc find_chat(struct db *db, const char *chat_id, struct chat_doc *chat, struct error *err)
{
	bson_t doc;
	enum store_rc rc = db_find_one(db, CHATS, BCON_NEW("_id", BCON_UTF8(chat_id)), NULL, &doc, err);
	if (rc != STORE_OK)
		return rc;
	chat_doc_read(&doc, chat);
	bson_destroy(&doc);
	return STORE_OK;
}

/* ---- what there is to fold ---- */

struct pending {
	struct transaction *transactions[FOLD_MAX]; /* those that change projections */
	size_t count;
	uint64_t last; /* everything up to it was looked at; 0: there is nothing */
};

static bool look_at(void *context, const struct transaction *tx)
{
	struct pending *pending = context;
	if (pending->count == FOLD_MAX)
		return false;
	if (transaction_changes_projections(tx))
		pending->transactions[pending->count++] = transaction_ref(tx);
	pending->last = tx->number;
	return true;
}

static void pending_fini(struct pending *pending)
{
	while (pending->count > 0)
		transaction_free(pending->transactions[--pending->count]);
}

/* ---- the chat's own fields ---- */

static void replace(char **text, bool *is_new, char **with)
{
	if (*with == NULL)
		return;
	free(*text);
	*text = *with;
	*with = NULL;
	*is_new = true;
}

static void apply_group(struct chat_doc *chat, const struct transaction *tx)
{
	struct group_change change = {.history = -1};
	transaction_group(tx, &change); /* checked before it was added */
	replace(&chat->name, &chat->new_name, &change.name);
	replace(&chat->icon, &chat->new_icon, &change.icon);
	if (change.history != -1)
		chat->history_all = change.history == 1;
	group_change_fini(&change);
}

static void see_pair(struct chat_doc *chat, const struct transaction *tx)
{
	struct member_change *changes = NULL;
	int count = tx->number == 1 && tx->type == TX_MEMBER_ADDED ? transaction_members(tx, &changes) : 0;
	if (count == 2 && changes[0].role == ROLE_MEMBER && changes[1].role == ROLE_MEMBER && strcmp(changes[0].user_id, changes[1].user_id) != 0)
		for (int i = 0; i < 2; i++) {
			free(chat->pair[i]);
			chat->pair[i] = mem_text(changes[i].user_id);
		}
	free(changes);
}

static void apply(struct chat_doc *chat, const struct transaction *tx)
{
	see_pair(chat, tx);
	apply_group(chat, tx);
	if (tx->type == TX_GROUP_DELETED && !chat->ended) {
		chat->ended = true;
		chat->ended_at_ms = tx->at_ms;
	}
}

static void set_text(bson_t *set, bson_t *unset, const char *name, const char *text)
{
	if (text[0] != '\0')
		bson_append_utf8(set, name, -1, text, -1);
	else
		bson_append_utf8(unset, name, -1, "", 0);
}

bson_t *fold_chat_fields(const struct chat_doc *chat)
{
	bson_t set = BSON_INITIALIZER, unset = BSON_INITIALIZER, *update = bson_new();
	BSON_APPEND_INT64(&set, "a", (int64_t)chat->applied);
	BSON_APPEND_INT64(&set, "members", (int64_t)chat->current_members);
	BSON_APPEND_BOOL(&set, "history", chat->history_all);
	if (chat->new_name)
		set_text(&set, &unset, "name", chat->name);
	if (chat->new_icon)
		set_text(&set, &unset, "icon", chat->icon);
	if (chat->ended)
		BSON_APPEND_INT64(&set, "endedAt", chat->ended_at_ms);
	if (chat->pair[0]) {
		bson_t pair;
		BSON_APPEND_ARRAY_BEGIN(&set, "pair", &pair);
		BSON_APPEND_UTF8(&pair, "0", chat->pair[0]);
		BSON_APPEND_UTF8(&pair, "1", chat->pair[1]);
		bson_append_array_end(&set, &pair);
	}
	BSON_APPEND_DOCUMENT(update, "$set", &set);
	if (!bson_empty(&unset))
		BSON_APPEND_DOCUMENT(update, "$unset", &unset);
	bson_destroy(&set);
	bson_destroy(&unset);
	return update;
}

/* *saved: nobody else was there first. */
static enum store_rc save_chat(struct db *db, const struct chat_doc *chat, uint64_t old_applied, bool *saved, struct error *err)
{
	size_t matched = 0;
	enum store_rc rc = db_update(db, CHATS, BCON_NEW("_id", BCON_UTF8(chat->id), "a", BCON_INT64((int64_t)old_applied)), fold_chat_fields(chat),
		DB_UPDATE, &matched, err);
	*saved = rc == STORE_OK && matched == 1;
	return rc;
}

/* ---- the fold ---- */

static enum store_rc erase_texts(struct db *db, const struct pending *pending, struct error *err)
{
	enum store_rc rc = STORE_OK;
	for (size_t i = 0; rc == STORE_OK && i < pending->count; i++)
		if (pending->transactions[i]->type == TX_DELETE)
			rc = mongo_erase_deleted(db, pending->transactions[i], err);
	return rc;
}

/* One try. *saved: it came to something, and chat says what is there now. */
static enum store_rc fold(struct db *db, struct chat_doc *chat, const struct pending *pending, bool fresh, bool *saved, struct error *err)
{
	uint64_t old_applied = chat->applied;
	bool done = true;
	*saved = false;
	enum store_rc rc = fold_members(db, chat, pending->transactions, pending->count, fresh, &done, err);
	if (rc == STORE_OK && done)
		rc = erase_texts(db, pending, err);
	if (rc != STORE_OK || !done)
		return rc;
	for (size_t i = 0; i < pending->count; i++)
		apply(chat, pending->transactions[i]);
	chat->applied = pending->last;
	return save_chat(db, chat, old_applied, saved, err);
}

/* *settled: there is nothing left to do. */
static enum store_rc try_to_settle(struct db *db, struct chat_doc *chat, bool *settled, struct error *err)
{
	*settled = chat_doc_is_clean(chat);
	if (*settled)
		return STORE_OK;
	struct pending *pending = mem_zero(sizeof *pending);
	enum store_rc rc = mongo_visit_log(db, chat->id, chat->applied + 1, UINT64_MAX, LOG_ASCENDING, look_at, pending, err);
	*settled = rc == STORE_OK && pending->last == 0;
	if (rc == STORE_OK && !*settled) {
		rc = fold(db, chat, pending, false, settled, err);
		*settled = *settled && chat_doc_is_clean(chat);
	}
	pending_fini(pending);
	free(pending);
	return rc;
}

enum store_rc mongo_settle_chat(struct db *db, const char *chat_id, struct chat_doc *chat, struct error *err)
{
	for (int i = 0; i < TRIES; i++) {
		struct chat_doc found = {0};
		bool settled = false;
		enum store_rc rc = find_chat(db, chat_id, &found, err);
		if (rc == STORE_OK)
			rc = try_to_settle(db, &found, &settled, err);
		if (rc == STORE_OK && settled && chat) {
			*chat = found;
			return STORE_OK;
		}
		chat_doc_fini(&found);
		if (rc != STORE_OK || settled)
			return rc == STORE_UNKNOWN ? STORE_UNAVAILABLE : rc; /* an unknown part of a fold is done again by who looks next */
	}
	return others_are_faster(err);
}

/* ---- announcing ---- */

static enum store_rc insert_chat(struct db *db, const char *chat_id, uint64_t announced, struct error *err)
{
	return db_insert(db, CHATS, BCON_NEW("_id", BCON_UTF8(chat_id), "a", BCON_INT64(0), "u", BCON_INT64((int64_t)announced), "latest",
		BCON_INT64(0)), err);
}

enum store_rc fold_make_chat(struct db *db, const char *chat_id, struct error *err)
{
	enum store_rc rc = insert_chat(db, chat_id, 0, err);
	return rc == STORE_TAKEN ? STORE_OK : rc;
}

/* Compare-and-set on (a, u). Where it was clean, everything up to the number before the append holds nothing that changes projections, so
 * `a` moves up to it: what is to be folded begins at the append. */
static enum store_rc announce_on(struct db *db, struct chat_doc *chat, uint64_t first, uint64_t last, bool *done, struct error *err)
{
	uint64_t applied = chat_doc_is_clean(chat) && first - 1 > chat->applied ? first - 1 : chat->applied;
	uint64_t announced = last > chat->announced ? last : chat->announced;
	size_t matched = 1;
	enum store_rc rc = STORE_OK;
	if (applied != chat->applied || announced != chat->announced)
		rc = db_update(db, CHATS, BCON_NEW("_id", BCON_UTF8(chat->id), "a", BCON_INT64((int64_t)chat->applied), "u",
			BCON_INT64((int64_t)chat->announced)), BCON_NEW("$set", "{", "a", BCON_INT64((int64_t)applied), "u",
			BCON_INT64((int64_t)announced), "}"), DB_UPDATE, &matched, err);
	*done = rc == STORE_OK && matched == 1;
	chat->applied = applied;
	chat->announced = announced;
	return rc;
}

/* Whose document was inserted just now. */
static struct chat_doc new_chat(const char *chat_id, uint64_t announced)
{
	struct chat_doc chat = {.announced = announced, .name = mem_text(""), .icon = mem_text("")};
	memcpy(chat.id, chat_id, strnlen(chat_id, CHAT_ID_MAX));
	return chat;
}

/* *done, and *chat is as it is since; or somebody else was faster. */
static enum store_rc announce_once(struct db *db, const char *chat_id, uint64_t first, uint64_t last, struct chat_doc *chat, bool *done,
                                   struct error *err)
{
	enum store_rc rc = mongo_settle_chat(db, chat_id, chat, err);
	if (rc == STORE_OK)
		return announce_on(db, chat, first, last, done, err);
	if (rc != STORE_NOT_FOUND)
		return rc;
	rc = insert_chat(db, chat_id, last, err);
	*done = rc == STORE_OK;
	if (*done)
		*chat = new_chat(chat_id, last);
	return rc == STORE_TAKEN ? STORE_OK : rc;
}

/* Of a chat that begins nobody has to be asked whether it is there. */
static enum store_rc announce_first(struct db *db, const char *chat_id, uint64_t last, struct chat_doc *chat, bool *done, struct error *err)
{
	enum store_rc rc = insert_chat(db, chat_id, last, err);
	*done = rc == STORE_OK;
	if (*done)
		*chat = new_chat(chat_id, last);
	return rc == STORE_TAKEN ? STORE_OK : rc;
}

static enum store_rc announce(struct db *db, const struct transaction *first, uint64_t last, struct chat_doc *chat, struct error *err)
{
	bool done = false;
	enum store_rc rc = first->number == 1 ? announce_first(db, first->chat_id, last, chat, &done, err) : STORE_OK;
	for (int i = 0; i < TRIES && rc == STORE_OK && !done; i++) {
		chat_doc_fini(chat);
		rc = announce_once(db, first->chat_id, first->number, last, chat, &done, err);
	}
	return rc == STORE_OK && !done ? others_are_faster(err) : rc;
}

void announced_fini(struct announced *announced)
{
	chat_doc_fini(&announced->chat);
	*announced = (struct announced){0};
}

enum store_rc fold_announce(struct db *db, struct transaction *const *transactions, size_t count, struct announced *announced,
                            struct error *err)
{
	announced_fini(announced);
	enum store_rc rc = announce(db, transactions[0], transactions[count - 1]->number, &announced->chat, err);
	if (rc == STORE_OK)
		rc = fold_place_members(db, transactions, count, &announced->fresh, err);
	announced->known = rc == STORE_OK;
	return rc;
}

/* ---- after the insert ---- */

/* *settled: false where somebody else was at it, or what was announced on is not right before. */
static enum store_rc fold_announced(struct db *db, struct transaction *const *transactions, size_t count, struct announced *announced,
                                    bool *settled, struct error *err)
{
	*settled = false;
	if (!announced->known || announced->chat.applied + 1 != transactions[0]->number || count > FOLD_MAX)
		return STORE_OK;
	struct pending *pending = mem_zero(sizeof *pending);
	for (size_t i = 0; i < count; i++)
		look_at(pending, transactions[i]);
	enum store_rc rc = fold(db, &announced->chat, pending, announced->fresh, settled, err);
	pending_fini(pending);
	free(pending);
	return rc;
}

enum store_rc fold_inserted(struct db *db, struct transaction *const *transactions, size_t count, struct announced *announced,
                            struct error *err)
{
	bool settled = false;
	enum store_rc rc = fold_announced(db, transactions, count, announced, &settled, err);
	announced_fini(announced);
	return rc == STORE_OK && !settled ? mongo_settle_chat(db, transactions[0]->chat_id, NULL, err) : rc;
}
