/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A document of MongoDB's log, as a server sends it: BSON. What is read as transactions are consecutive ones of the document's chat, of types that there
 * are; and what their bodies say about members and groups is that, or refused. */
#include <string.h>

#include "storage/mongo/logdoc.h"
#include "tests/fuzz/fuzz.h"

static void check_body(const struct transaction *tx)
{
	struct member_change *changes = NULL;
	struct group_change group = {0};
	int count = transaction_members(tx, &changes);
	for (int i = 0; i < count; i++)
		FUZZ_CHECK(changes[i].user_id != NULL && strlen(changes[i].user_id) <= USER_ID_MAX);
	free(changes);
	if (transaction_group(tx, &group))
		FUZZ_CHECK(group.history >= -1 && group.history <= 1);
	group_change_fini(&group);
	(void)transaction_keeps_quotes(tx);
}

static void check(const struct transaction *tx, const char *chat_id, uint64_t number)
{
	unsigned char head[HEAD_BYTES];
	FUZZ_CHECK(strcmp(tx->chat_id, chat_id) == 0 && tx->number == number && transaction_type_name(tx->type) != NULL);
	FUZZ_CHECK(strlen(tx->sender_id) < SIZE_MAX && strlen(tx->writer) <= WRITER_MAX);
	transaction_head(tx, tx->head, head);
	check_body(tx);
	struct transaction *erased = transaction_erased(tx, true, true);
	FUZZ_CHECK(erased->body.text == NULL && erased->quote.text == NULL);
	transaction_free(erased);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bson_t doc;
	struct log_doc opened;
	struct transaction **transactions = NULL;
	size_t count = 0;
	if (!bson_init_static(&doc, data, size) || !bson_validate(&doc, BSON_VALIDATE_NONE, NULL))
		return 0; /* libmongoc hands out no others */
	if (log_doc_open(&doc, &opened, NULL) != STORE_OK || log_doc_transactions(&doc, &transactions, &count, NULL) != STORE_OK)
		return 0;
	FUZZ_CHECK(strlen(opened.chat_id) <= CHAT_ID_MAX && count == opened.last - opened.first + 1);
	for (size_t i = 0; i < count; i++) {
		check(transactions[i], opened.chat_id, opened.first + i);
		transaction_free(transactions[i]);
	}
	free(transactions);
	return 0;
}
