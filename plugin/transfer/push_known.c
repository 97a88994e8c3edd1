/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Of which messages nobody is to be told, without a look into the store for each. It is asked for the newest message of a chat that is due: who has
 * not got an older one has not got that one either, so those whom the store names for it are all that count for those before it. If each of them is
 * here, or muted the chat, that is the answer for all of these messages. The mirror's thread.
 *
 * Marks and cursors only go up, and who is added later is told of nothing that was written before: so what is known stays true. (A device that is removed
 * takes its cursors along; what it had is not pushed to the others.) */
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "plugin/transfer/push_inner.h"

enum { KNOWN_MAX = 4096 }; /* chats; then it begins anew */

struct known {
	char *chat_id;
	uint64_t up_to; /* this message and those before it */
	bool settled;   /* false: some of them have to be asked for one by one */
	char **here;    /* who was here, and has perhaps not got all of it */
	size_t here_count;
	UT_hash_handle hh;
};

static void drop(struct push *push, struct known *known)
{
	HASH_DEL(push->known, known);
	for (size_t i = 0; i < known->here_count; i++)
		free(known->here[i]);
	free(known->here);
	free(known->chat_id);
	free(known);
}

void push_forget_known(struct push *push)
{
	struct known *known, *next;
	HASH_ITER(hh, push->known, known, next)
		drop(push, known);
}

static bool all_are_here(const struct push *push, const struct push_target_list *page, int64_t now_ms)
{
	for (size_t i = 0; i < page->count; i++)
		if (page->targets[i].muted_until_ms <= now_ms && !here_has(push->conf.here, page->targets[i].user_id))
			return false;
	return page->count < PUSH_PAGE;
}

static struct known *learn(struct push *push, const char *chat_id, uint64_t up_to, const struct push_target_list *page)
{
	struct known *known;
	int64_t now_ms = clock_wall_ms();
	HASH_FIND_STR(push->known, chat_id, known);
	if (known != NULL)
		drop(push, known);
	if (HASH_COUNT(push->known) == KNOWN_MAX)
		push_forget_known(push);
	known = mem_zero(sizeof *known);
	known->chat_id = mem_text(chat_id);
	known->up_to = up_to;
	known->settled = all_are_here(push, page, now_ms);
	if (known->settled && page->count > 0)
		known->here = mem_new(page->count * sizeof *known->here);
	for (size_t i = 0; known->settled && i < page->count; i++)
		if (page->targets[i].muted_until_ms <= now_ms)
			known->here[known->here_count++] = mem_text(page->targets[i].user_id);
	HASH_ADD_KEYPTR(hh, push->known, known->chat_id, strlen(known->chat_id), known);
	return known;
}

/* Looks into the store. The page is handed on if it is the one for tx itself. */
static enum store_rc ask(struct push *push, struct mirror *mirror, const struct transaction *tx, struct known **known, struct push_target_list **first,
	struct error *err)
{
	struct store *store = push->conf.store;
	struct push_target_list *page;
	uint64_t newest = mirror_newest_due(mirror, tx);
	enum store_rc rc = store_ops(store)->list_push_targets(store, tx->chat_id, newest, "", PUSH_PAGE, &page, err);
	if (rc != STORE_OK)
		return rc;
	*known = learn(push, tx->chat_id, newest, page);
	if (newest == tx->number && !(*known)->settled)
		*first = page;
	else
		store_free(page);
	return STORE_OK;
}

enum store_rc push_is_settled(struct push *push, struct mirror *mirror, const struct transaction *tx, bool *settled, struct push_target_list **first,
	struct error *err)
{
	struct known *known;
	enum store_rc rc = STORE_OK;
	*first = NULL;
	HASH_FIND_STR(push->known, tx->chat_id, known);
	if (known == NULL || tx->number > known->up_to)
		rc = ask(push, mirror, tx, &known, first, err);
	if (rc != STORE_OK)
		return rc;
	*settled = known->settled;
	for (size_t i = 0; i < known->here_count; i++)
		if (strcmp(known->here[i], tx->sender_id) != 0)
			push_owe(push, tx, known->here[i]);
	return STORE_OK;
}
