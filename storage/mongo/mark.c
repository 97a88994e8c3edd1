/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What somebody has received and read of a chat, and until when he has muted it: in the document of his membership, each mark one change of
 * it. Any thread. */
#include "storage/mongo/people.h"

/* Of one who is or was a member, and whose account was not deleted since. */
static bson_t *membership_filter(const char *user_id, const char *chat_id)
{
	struct pair_key key = pair_key(user_id, chat_id);
	return BCON_NEW("_id", KEY_BIN(key), "u", BCON_UTF8(user_id), "i.0", "{", "$exists", BCON_BOOL(true), "}");
}

/* Each mark only grows, so those that got in before a failure are the same when it is repeated. */
enum store_rc mongo_put_receipts(struct store *store, const struct receipt *receipts, size_t receipt_count, struct error *err)
{
	struct db db;
	struct db_bulk bulk;
	db_begin(&db, store);
	db_bulk_begin(&bulk, &db, MEMBERS);
	for (size_t i = 0; i < receipt_count; i++)
		db_bulk_update(&bulk, membership_filter(receipts[i].user_id, receipts[i].chat_id),
			BCON_NEW("$max", "{", "received", BCON_INT64((int64_t)receipts[i].received), "read", BCON_INT64((int64_t)receipts[i].read), "}"),
			DB_UPDATE);
	enum store_rc rc = db_bulk_run(&bulk, err);
	db_bulk_end(&bulk);
	db_end(&db);
	return rc;
}

/* With the number of the account that muted: the end of an earlier one leaves it. */
enum store_rc mongo_put_mute(struct store *store, const char *user_id, const char *chat_id, int64_t until_ms, struct error *err)
{
	struct db db;
	struct docs people = {0};
	db_begin(&db, store);
	enum store_rc rc = people_load(&db, &user_id, 1, NULL, &people, err);
	if (rc == STORE_OK)
		rc = db_update(&db, MEMBERS, membership_filter(user_id, chat_id),
			BCON_NEW("$set", "{", "muted", BCON_INT64(until_ms), "mutedBy", BCON_INT64(person_account(&people, user_id)), "}"), DB_UPDATE, NULL, err);
	db_end(&db);
	docs_fini(&people);
	return rc;
}
