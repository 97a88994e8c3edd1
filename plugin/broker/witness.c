/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See witness.h. */
#include "plugin/broker/witness.h"

#include <string.h>

#include "plugin/broker/server.h"

_Static_assert(sizeof(struct witness) <= JOURNAL_NOTE_MAX, "it is one note");

void witness_saw(struct server *server, const char *chat_id, uint64_t number, const unsigned char head[HEAD_BYTES])
{
	struct witness witness = {.number = number};
	struct error err;
	memcpy(witness.epoch, server->world.info.epoch, sizeof witness.epoch);
	memcpy(witness.chat_id, chat_id, strnlen(chat_id, CHAT_ID_MAX));
	memcpy(witness.head, head, HEAD_BYTES);
	bool written = journal_set_note(server->journal, &witness, sizeof witness, &err) == JOURNAL_OK;
	if (!written && !server->witness_failing)
		server_log(MOSQ_LOG_WARNING, "a store that is behind may not be noticed at the next start: %s", err.text);
	server->witness_failing = !written;
}

void witness_load(const struct journal *journal, struct witness *witness)
{
	size_t len;
	const void *bytes = journal_note(journal, &len);
	*witness = (struct witness){0};
	if (len == sizeof *witness)
		memcpy(witness, bytes, len);
	witness->epoch[STORE_EPOCH_LEN] = witness->chat_id[CHAT_ID_MAX] = '\0';
}

enum store_rc witness_check(const struct witness *witness, struct store *store, const struct store_info *info, struct error *err)
{
	struct page page = {0};
	if (strcmp(witness->epoch, info->epoch) != 0)
		return STORE_OK;
	const struct page_limits limits = {.count_max = 1};
	enum store_rc rc = store_ops(store)->read_page(store, witness->chat_id, witness->number, witness->number, &limits, &page, err);
	if (rc != STORE_OK)
		return rc;
	bool there = page.count == 1 && memcmp(page.transactions[0]->head, witness->head, HEAD_BYTES) == 0;
	store_page_free(&page);
	if (there)
		return STORE_OK;
	return error_set(err, STORE_REFUSED, 0, "the store is older than what was stored last (%s): put the right one there, or run 'hyperchatctl new-epoch'",
		store_ops(store)->shared ? "was a dump restored?" : "was it copied without its -wal?");
}

void witness_compare(struct server *server, const struct witness *witness)
{
	const char *epoch = server->world.info.epoch;
	if (witness->epoch[0] != '\0' && strcmp(witness->epoch, epoch) != 0 && strcmp(server->conf.store, "memory:") != 0)
		server_log(MOSQ_LOG_NOTICE, "the store has epoch %s, the journal knows %s: it was restored, or is another one", epoch, witness->epoch);
}
