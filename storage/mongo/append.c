/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Appending. One append of a chat is one document whose _id is the chat and its first number, so that the database's own uniqueness is the
 * compare-and-append: a document at N is inserted by who has seen that N - 1 is the latest, and whoever was mistaken finds N taken, because
 * each document begins right behind the one before.
 *
 * A batch is gone through in rounds: check (a look at the log only where the tip is not known), keys (one command for all), announcements
 * (where projections change), the log (one command for all), folds. Who finds his number taken begins the next round with a look.
 *
 * Where it can stop, or lose an answer:
 *   before the log's command   nothing was added. What keys and announcements leave behind says only where to look: dedup.h, fold.h.
 *   the log's command          unknown: the caller repeats, finds his own document at that number (same heads: it is there) or another's
 *                              (conflict), or the number free and inserts. An insert that is still on its way can only be the same one.
 *   after it                   it is in the log. If the fold fails the outcome is unknown to the caller, too: he repeats, finds it there,
 *                              and folds. OK is said only when the projections have it.
 *
 * Any thread; the same chat one call at a time. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/dedup.h"
#include "storage/mongo/fold.h"
#include "storage/mongo/logdoc.h"
#include "storage/mongo/ops.h"
#include "storage/mongo/positions.h"
#include "storage/mongo/tips.h"

enum { ROUNDS = 20, BULK_BYTES = 12 << 20 /* below what one command may have */ };

enum state {
	TO_CHECK,
	READY,    /* follows the latest number as far as known, to be inserted */
	INSERTED, /* in the log; the projections are to follow */
	DECIDED,  /* append->result says what */
};

struct entry {
	struct append *append;
	enum state state;
	bool import;   /* as it is: no look for keys, no projections */
	size_t present; /* so many of them were there before */
	bool look;     /* the tip that is remembered was wrong */
	struct tip tip;
	uint64_t position;
	struct announced announced;
};

struct batch {
	struct db *db;
	struct entry *entries;
	size_t count;
	enum store_rc rc; /* the worst */
	struct error err;
};

static void decide(struct entry *entry, enum append_result result)
{
	entry->append->result = result;
	entry->state = DECIDED;
}

/* What went wrong before the log's command, or at it. */
static void fail(struct batch *batch, struct entry *entry, enum append_result result, enum store_rc rc, const struct error *err)
{
	decide(entry, result);
	if (batch->rc == STORE_UNKNOWN || (batch->rc != STORE_OK && result != APPEND_UNKNOWN))
		return;
	batch->rc = result == APPEND_UNKNOWN ? STORE_UNKNOWN : rc == STORE_UNKNOWN ? STORE_UNAVAILABLE : rc;
	batch->err = *err;
}

static const struct transaction *first_of(const struct entry *entry)
{
	return entry->append->transactions[entry->present];
}

static const struct transaction *last_of(const struct entry *entry)
{
	return entry->append->transactions[entry->append->transaction_count - 1];
}

static size_t count_of(const struct entry *entry)
{
	return entry->append->transaction_count - entry->present;
}

static struct transaction *const *new_ones(const struct entry *entry)
{
	return entry->append->transactions + entry->present;
}

/* ---- checking ---- */

/* Whether what is new follows the tip: the next number, the next head, and sense in what it says. */
static bool follows(const struct entry *entry)
{
	static const unsigned char start[HEAD_BYTES];
	const unsigned char *previous = entry->tip.number > 0 ? entry->tip.head : start;
	uint64_t number = entry->tip.number;
	for (size_t i = entry->present; i < entry->append->transaction_count; i++) {
		const struct transaction *tx = entry->append->transactions[i];
		unsigned char head[HEAD_BYTES];
		transaction_head(tx, previous, head);
		if ((!entry->import && !transaction_makes_sense(tx)) || tx->number != ++number || memcmp(head, tx->head, HEAD_BYTES) != 0)
			return false;
		previous = tx->head;
	}
	return true;
}

struct comparison {
	struct entry *entry;
	bool other; /* a number of ours belongs to another transaction */
};

static void take_tip(struct tip *tip, const struct transaction *tx)
{
	tip->number = tx->number;
	tip->at_ms = tx->at_ms;
	memcpy(tip->head, tx->head, HEAD_BYTES);
}

static bool compare(void *context, const struct transaction *tx)
{
	struct comparison *comparison = context;
	struct entry *entry = comparison->entry;
	const struct append *append = entry->append;
	take_tip(&entry->tip, tx);
	if (entry->present == append->transaction_count || tx->number < append->transactions[0]->number)
		return true;
	comparison->other = memcmp(tx->head, append->transactions[entry->present]->head, HEAD_BYTES) != 0;
	if (comparison->other)
		return false;
	entry->present++;
	entry->position = tx->position;
	return entry->present < append->transaction_count;
}

/* What the log has of them, and where it ends unless all of them are there. The number before ours is looked at, too: it may be the tip. */
static enum store_rc look(struct batch *batch, struct entry *entry, bool *other, struct error *err)
{
	struct comparison comparison = {.entry = entry};
	uint64_t from = entry->append->transactions[0]->number;
	entry->present = 0;
	entry->tip = (struct tip){0};
	enum store_rc rc = mongo_visit_log(batch->db, entry->append->chat_id, from > 1 ? from - 1 : 1, UINT64_MAX, LOG_ASCENDING, compare, &comparison,
		err);
	*other = comparison.other;
	if (rc == STORE_OK && entry->tip.number > 0 && !comparison.other && entry->present < entry->append->transaction_count)
		tips_put(batch->db->mongo->tips, entry->append->chat_id, &entry->tip, TIP_READ);
	return rc;
}

/* By an earlier attempt whose answer was lost: nobody has written down yet that the chat ends there. */
static void found_inserted(struct batch *batch, struct entry *entry)
{
	tips_put(batch->db->mongo->tips, entry->append->chat_id, &entry->tip, TIP_WRITTEN);
	entry->state = INSERTED;
}

static void check_with_log(struct batch *batch, struct entry *entry)
{
	bool other = false;
	struct error err = {0};
	enum store_rc rc = look(batch, entry, &other, &err);
	if (rc != STORE_OK)
		fail(batch, entry, APPEND_NOTHING_ADDED, rc, &err);
	else if (!other && entry->present == entry->append->transaction_count)
		found_inserted(batch, entry);
	else if (other || !follows(entry))
		decide(entry, APPEND_CONFLICT);
	else
		entry->state = READY;
}

static bool same_key(const struct transaction *a, const struct transaction *b)
{
	return a->key != NULL && strcmp(a->key, b->key) == 0 && strcmp(a->sender_id, b->sender_id) == 0;
}

static void conflict_with_key(struct entry *entry, size_t index, uint64_t number)
{
	entry->append->duplicate_index = index;
	entry->append->duplicate_number = number;
	decide(entry, APPEND_CONFLICT);
}

/* A key twice in one append. */
static void check_own_keys(struct entry *entry)
{
	const struct append *append = entry->append;
	for (size_t i = entry->present; i < append->transaction_count && entry->state == READY; i++)
		for (size_t j = entry->present; j < i && dedup_is_indexed(append->transactions[i]); j++)
			if (same_key(append->transactions[j], append->transactions[i])) {
				conflict_with_key(entry, i, append->transactions[j]->number);
				break;
			}
}

/* The log need not be looked at where this process wrote last, as far as it knows; nor where a chat begins of which it knows nothing. Where another
 * one wrote last, it probably did again: a look at the log is cheaper than keys that were put in for nothing. */
static void check(struct batch *batch, struct entry *entry)
{
	uint64_t first = entry->append->transactions[0]->number;
	bool seen = tips_find(batch->db->mongo->tips, entry->append->chat_id, &entry->tip);
	bool known = seen ? entry->tip.written : first == 1 && !entry->import;
	entry->present = 0;
	if (!seen)
		entry->tip = (struct tip){0};
	if (known && !entry->look && entry->tip.number + 1 == first && follows(entry))
		entry->state = READY;
	else
		check_with_log(batch, entry);
	if (entry->state == READY && !entry->import)
		check_own_keys(entry);
}

/* ---- keys ---- */

struct keys {
	struct dedup_key *items;
	struct entry **entries; /* whose they are */
	size_t count;
};

static void collect_keys(struct batch *batch, struct keys *keys)
{
	size_t max = 0;
	for (size_t i = 0; i < batch->count; i++)
		max += batch->entries[i].append->transaction_count;
	keys->items = mem_zero(max * sizeof *keys->items);
	keys->entries = mem_new(max * sizeof *keys->entries);
	for (size_t i = 0; i < batch->count; i++) {
		struct entry *entry = &batch->entries[i];
		for (size_t j = entry->present; entry->state == READY && j < entry->append->transaction_count; j++) {
			if (!dedup_is_indexed(entry->append->transactions[j]))
				continue;
			keys->entries[keys->count] = entry;
			keys->items[keys->count++] = (struct dedup_key){.tx = entry->append->transactions[j], .blindly = entry->import};
		}
	}
}

/* A number of another counts before a key used again: so a hit looks at the log first. */
static void hit(struct batch *batch, struct entry *entry, const struct dedup_key *key)
{
	size_t index = (size_t)(key->tx->number - entry->append->transactions[0]->number), present = entry->present;
	check_with_log(batch, entry);
	if (entry->state == READY && entry->present == present)
		conflict_with_key(entry, index, key->number);
	else if (entry->state == READY)
		entry->state = TO_CHECK;
}

static enum store_rc put_and_verify(struct batch *batch, struct keys *keys, struct error *err)
{
	bool taken = false;
	enum store_rc rc = dedup_put(batch->db, keys->items, keys->count, err);
	for (size_t i = 0; i < keys->count; i++)
		taken = taken || keys->items[i].taken;
	return rc == STORE_OK && taken ? dedup_verify(batch->db, keys->items, keys->count, err) : rc;
}

static void put_keys(struct batch *batch)
{
	struct keys keys = {0};
	struct error err = {0};
	collect_keys(batch, &keys);
	enum store_rc rc = put_and_verify(batch, &keys, &err);
	for (size_t i = 0; i < keys.count; i++) {
		struct entry *entry = keys.entries[i];
		if (entry->state != READY)
			continue;
		if (rc != STORE_OK)
			fail(batch, entry, APPEND_NOTHING_ADDED, rc, &err);
		else if (keys.items[i].number != 0)
			hit(batch, entry, &keys.items[i]);
		else if (keys.items[i].again)
			entry->state = TO_CHECK;
	}
	free(keys.items);
	free(keys.entries);
}

/* ---- announcing ---- */

static bool changes_projections(const struct entry *entry)
{
	for (size_t i = entry->present; i < entry->append->transaction_count; i++)
		if (transaction_changes_projections(entry->append->transactions[i]))
			return true;
	return false;
}

static void announce(struct batch *batch, struct entry *entry)
{
	enum store_rc rc = STORE_OK;
	struct error err = {0};
	for (size_t i = 0; rc == STORE_OK && i < count_of(entry); i++)
		rc = positions_know_writer(batch->db, new_ones(entry)[i]->writer, &err);
	if (rc == STORE_OK && !entry->import && changes_projections(entry))
		rc = fold_announce(batch->db, new_ones(entry), count_of(entry), &entry->announced, &err);
	else if (rc == STORE_OK && first_of(entry)->number == 1)
		rc = fold_make_chat(batch->db, entry->append->chat_id, &err);
	if (rc != STORE_OK)
		fail(batch, entry, APPEND_NOTHING_ADDED, rc, &err);
}

/* ---- the log ---- */

static size_t text_bytes(const struct entry *entry)
{
	size_t bytes = 0;
	for (size_t i = 0; i < count_of(entry); i++)
		bytes += 512 + new_ones(entry)[i]->body.len + new_ones(entry)[i]->quote.len;
	return bytes;
}

static void inserted(struct batch *batch, struct entry *entry, bool taken)
{
	if (taken) {
		positions_drop(batch->db->mongo->positions, entry->position);
		entry->look = true;
		entry->state = TO_CHECK;
		return;
	}
	take_tip(&entry->tip, last_of(entry));
	tips_put(batch->db->mongo->tips, entry->append->chat_id, &entry->tip, TIP_WRITTEN);
	entry->state = INSERTED;
}

/* Those from `from` on that fit into one command; returns where the next one begins. */
static size_t insert_some(struct batch *batch, size_t from)
{
	struct db_bulk bulk;
	struct error err = {0};
	size_t bytes = 0, to = from, place = 0;
	db_bulk_begin(&bulk, batch->db, LOG);
	for (; to < batch->count && (bytes == 0 || bytes < BULK_BYTES); to++) {
		struct entry *entry = &batch->entries[to];
		if (entry->state != READY)
			continue;
		entry->position = positions_take(batch->db->mongo->positions, entry->append->chat_id, first_of(entry)->number, count_of(entry));
		db_bulk_insert(&bulk, log_doc_new(new_ones(entry), count_of(entry), entry->position));
		bytes += text_bytes(entry);
	}
	enum store_rc rc = db_bulk_run(&bulk, &err);
	for (size_t i = from; i < to; i++) {
		struct entry *entry = &batch->entries[i];
		if (entry->state != READY)
			continue;
		if (rc == STORE_OK)
			inserted(batch, entry, bulk.taken[place++]);
		else if (rc == STORE_UNAVAILABLE)
			positions_drop(batch->db->mongo->positions, entry->position);
		if (rc != STORE_OK)
			fail(batch, entry, rc == STORE_UNAVAILABLE ? APPEND_NOTHING_ADDED : APPEND_UNKNOWN, rc, &err);
	}
	db_bulk_end(&bulk);
	return to;
}

/* ---- after it ---- */

/* OK is said when everybody sees what it changed. What was there before may not be folded yet either. */
static void finish(struct batch *batch, struct entry *entry)
{
	struct error err = {0};
	enum store_rc rc = STORE_OK;
	bool changes = false;
	for (size_t i = 0; i < entry->append->transaction_count && !entry->import; i++)
		changes = changes || transaction_changes_projections(entry->append->transactions[i]);
	if (changes)
		rc = fold_inserted(batch->db, entry->append->transactions, entry->append->transaction_count, &entry->announced, &err);
	if (rc != STORE_OK) {
		fail(batch, entry, APPEND_UNKNOWN, STORE_UNKNOWN, &err);
		return;
	}
	entry->append->last_position = entry->position;
	decide(entry, APPEND_OK);
}

/* What is known of these numbers now is known of every earlier try at them. */
static void end_flight(struct batch *batch, const struct entry *entry)
{
	enum append_result result = entry->append->result;
	if (result == APPEND_OK || result == APPEND_CONFLICT)
		positions_end(batch->db->mongo->positions, entry->append->chat_id, last_of(entry)->number);
}

static void for_each(struct batch *batch, enum state state, void (*step)(struct batch *batch, struct entry *entry))
{
	for (size_t i = 0; i < batch->count; i++)
		if (batch->entries[i].state == state)
			step(batch, &batch->entries[i]);
}

static bool is_left(const struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		if (batch->entries[i].state == TO_CHECK)
			return true;
	return false;
}

static void give_up(struct batch *batch, struct entry *entry)
{
	struct error err = {.rc = STORE_UNAVAILABLE, .text = "others append to that chat faster than it can be read"};
	fail(batch, entry, APPEND_NOTHING_ADDED, STORE_UNAVAILABLE, &err);
}

static void run(struct batch *batch)
{
	for (int round = 0; round < ROUNDS && is_left(batch); round++) {
		for_each(batch, TO_CHECK, check);
		put_keys(batch);
		for_each(batch, READY, announce);
		for (size_t from = 0; from < batch->count;)
			from = insert_some(batch, from);
		for_each(batch, INSERTED, finish);
	}
	for_each(batch, TO_CHECK, give_up);
	for (size_t i = 0; i < batch->count; i++)
		end_flight(batch, &batch->entries[i]);
}

/* ---- the operation ---- */

/* How many of them are of different chats, from the first on: a chat's second append has to wait for its first. */
static size_t different_chats(const struct append *appends, size_t count)
{
	for (size_t i = 1; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(appends[i].chat_id, appends[j].chat_id) == 0)
				return i;
	return count;
}

static void set_all(struct append *appends, size_t count, enum append_result result)
{
	for (size_t i = 0; i < count; i++) {
		appends[i].result = result;
		appends[i].duplicate_index = 0;
		appends[i].duplicate_number = 0;
		appends[i].last_position = 0;
	}
}

static enum store_rc append_all(struct db *db, struct append *appends, size_t append_count, bool import, struct error *err)
{
	struct batch batch = {.db = db, .entries = mem_new(append_count * sizeof *batch.entries + 1)};
	for (size_t done = 0; done < append_count; done += batch.count) {
		batch.count = different_chats(appends + done, append_count - done);
		for (size_t i = 0; i < batch.count; i++) {
			assert(appends[done + i].transaction_count > 0);
			batch.entries[i] = (struct entry){.append = &appends[done + i], .import = import};
		}
		run(&batch);
		for (size_t i = 0; i < batch.count; i++)
			announced_fini(&batch.entries[i].announced);
	}
	free(batch.entries);
	if (batch.rc != STORE_OK && err)
		*err = batch.err;
	return batch.rc;
}

static enum store_rc append(struct store *store, struct append *appends, size_t append_count, bool import, struct error *err)
{
	struct db db;
	set_all(appends, append_count, APPEND_NOTHING_ADDED);
	if (append_count == 0)
		return STORE_OK;
	db_begin(&db, store);
	enum store_rc rc = positions_begin(&db, err);
	if (rc == STORE_OK)
		rc = append_all(&db, appends, append_count, import, err);
	db_end(&db);
	return rc;
}

enum store_rc mongo_append(struct store *store, struct append *appends, size_t append_count, struct error *err)
{
	return append(store, appends, append_count, false, err);
}

enum store_rc mongo_import_log(struct store *store, struct append *appends, size_t append_count, struct error *err)
{
	return append(store, appends, append_count, true, err);
}
