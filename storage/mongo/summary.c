/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a list shows of a chat: the log is read from its newest end until nothing more can change. Edits stand above what they edit, so they
 * have passed by when their message comes; only of former members, who do not see the newest end, they have to be looked for. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/people.h"
#include "storage/record.h"

/* Somebody who looks through a chat. */
struct look {
	struct db *db;
	const char *user_id;
	const struct user_chat *membership;
	const struct block *blocks;
	size_t block_count;
	const char *mention;
	bool from_the_end; /* he sees all that came after what he sees */
	size_t looked;
	bool enough;
	struct transaction **edits; /* that passed by, the newest first */
	size_t edit_count;
	struct chat_summary summary;
	enum store_rc rc;
	struct error *err;
};

static void remember_edit(struct look *look, const struct transaction *edit)
{
	if (look->summary.last_message != NULL && look->mention == NULL)
		return; /* nobody will ask for it */
	if ((look->edit_count & (look->edit_count - 1)) == 0) /* full at 0 and at every power of two */
		look->edits = mem_grow(look->edits, (look->edit_count ? look->edit_count * 2 : 1) * sizeof *look->edits);
	look->edits[look->edit_count++] = transaction_ref(edit);
}

static bool keep_last_edit(void *context, const struct transaction *tx)
{
	struct transaction **last = context;
	if (tx->type != TX_EDIT)
		return true;
	transaction_free(*last);
	*last = transaction_ref(tx);
	return true;
}

/* The last edit, a reference; NULL: none, or a failure. */
static struct transaction *find_edit(struct look *look, uint64_t number)
{
	struct transaction *last = NULL;
	if (!look->from_the_end) {
		look->rc = mongo_visit_changes(look->db, look->membership->chat_id, number, keep_last_edit, &last, look->err);
		return last;
	}
	for (size_t i = 0; i < look->edit_count; i++)
		if (look->edits[i]->target == number)
			return transaction_ref(look->edits[i]);
	return NULL;
}

/* NULL also for one that the reader does not see. */
static struct transaction *find_shown_edit(struct look *look, uint64_t number)
{
	struct transaction *edit = find_edit(look, number);
	if (edit == NULL || membership_shows(look->membership, look->blocks, look->block_count, edit))
		return edit;
	transaction_free(edit);
	return NULL;
}

static bool mentions(struct look *look, const struct transaction *tx)
{
	struct transaction *edit = find_shown_edit(look, tx->number);
	bool found = text_mentions(edit ? edit->body.text : tx->body.text, look->mention);
	transaction_free(edit);
	return found;
}

static void count_message(struct look *look, const struct transaction *tx)
{
	struct chat_summary *summary = &look->summary;
	if (summary->last_message == NULL) {
		summary->last_edit = find_shown_edit(look, tx->number);
		summary->last_message = transaction_ref(tx);
	}
	if (tx->number <= look->membership->read || strcmp(tx->sender_id, look->user_id) == 0 || summary->unread == SUMMARY_UNREAD_MAX)
		return;
	summary->unread++;
	if (look->mention && !summary->mentioned && summary->unread <= SUMMARY_MENTION_MAX)
		summary->mentioned = mentions(look, tx);
}

/* Nothing that comes further down can change the summary. */
static bool has_seen_enough(const struct look *look, uint64_t number)
{
	return look->rc != STORE_OK || look->looked == SUMMARY_LOOK_MAX ||
		(look->summary.last_message != NULL && (number <= look->membership->read || look->summary.unread == SUMMARY_UNREAD_MAX));
}

static bool look_at(void *context, const struct transaction *tx)
{
	struct look *look = context;
	if (tx->type == TX_EDIT)
		remember_edit(look, tx);
	if (tx->type == TX_MESSAGE && !tx->body.erased && !blocks_contain(look->blocks, look->block_count, tx->sender_id, tx->at_ms))
		count_message(look, tx);
	look->looked++;
	look->enough = has_seen_enough(look, tx->number);
	return !look->enough;
}

/* Both ends included, from the upper one down. */
static enum store_rc look_through(struct look *look, uint64_t from, uint64_t to)
{
	enum store_rc rc = mongo_visit_log(look->db, look->membership->chat_id, from, to, LOG_DESCENDING, look_at, look, look->err);
	return rc == STORE_OK ? look->rc : rc;
}

static uint64_t end_of(const struct interval *interval)
{
	return interval->to ? interval->to : INT64_MAX;
}

static enum store_rc summarise(struct look *look)
{
	const struct user_chat *membership = look->membership;
	size_t i = membership->interval_count;
	bool sees_all = membership->history_all && membership->role != ROLE_NONE;
	look->from_the_end = sees_all || (i > 0 && membership->intervals[i - 1].to == 0);
	if (sees_all)
		return look_through(look, 1, INT64_MAX);
	enum store_rc rc = STORE_OK;
	for (; rc == STORE_OK && !look->enough && i > 0; i--) {
		rc = look_through(look, membership->intervals[i - 1].from, end_of(&membership->intervals[i - 1]));
		look->from_the_end = false;
	}
	return rc;
}

enum store_rc mongo_read_summary(struct store *store, const char *user_id, const struct user_chat *membership, const struct block *blocks,
                                 size_t block_count, const char *mention, struct chat_summary *summary, struct error *err)
{
	struct db db;
	struct look look = {.db = &db, .user_id = user_id, .membership = membership, .blocks = blocks, .block_count = block_count,
		.mention = mention, .rc = STORE_OK, .err = err};
	db_begin(&db, store);
	enum store_rc rc = mongo_settle_chat(&db, membership->chat_id, NULL, err);
	if (rc == STORE_OK)
		rc = summarise(&look);
	else if (rc == STORE_NOT_FOUND)
		rc = no_such(err, "chat"); /* who is a member of it has made the document */
	db_end(&db);
	if (rc == STORE_OK)
		*summary = look.summary;
	else
		chat_summary_fini(&look.summary);
	for (size_t i = 0; i < look.edit_count; i++)
		transaction_free(look.edits[i]);
	free(look.edits);
	return rc;
}
