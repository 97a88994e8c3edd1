/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The table of operations, and upkeep. Any thread. */
#include "storage/mongo/mongo.h"

#include <string.h>

#include "storage/mongo/dedup.h"
#include "storage/mongo/ops.h"
#include "storage/mongo/people.h"
#include "storage/mongo/positions.h"

static const int64_t KEY_AGE_MS = (int64_t)STORE_KEY_DAYS * 24 * 3600 * 1000;

static enum store_rc mongo_prune(struct store *store, int64_t now_ms, bool *more, struct error *err)
{
	struct db db;
	bool more_keys = false, more_people = false;
	db_begin(&db, store);
	enum store_rc rc = dedup_prune(&db, now_ms - KEY_AGE_MS, &more_keys, err);
	if (rc == STORE_OK)
		rc = brokers_prune(&db, now_ms, err);
	if (rc == STORE_OK)
		rc = mongo_prune_people(&db, now_ms, &more_people, err);
	if (rc == STORE_OK && !more_keys && !more_people)
		rc = tail_repair_other_tips(&db, err);
	db_end(&db);
	if (rc == STORE_OK)
		*more = more_keys || more_people;
	return rc;
}

static enum store_rc mongo_checkpoint(struct store *store, struct error *err)
{
	struct db db;
	db_begin(&db, store);
	enum store_rc rc = positions_flush(&db, err);
	db_end(&db);
	return rc;
}

/* The server looks after its own files. What is looked at here is that this is still the store that was opened. */
static enum store_rc mongo_verify(struct store *store, struct error *err)
{
	struct db db;
	bson_t doc;
	db_begin(&db, store);
	enum store_rc rc = db_find_one(&db, STORE_INFO, BCON_NEW("_id", BCON_UTF8("store")), NULL, &doc, err);
	db_end(&db);
	if (rc == STORE_NOT_FOUND)
		return error_set(err, STORE_CORRUPT, 0, "the store's own document is gone from the database");
	if (rc != STORE_OK)
		return rc;
	if (strcmp(doc_text(&doc, "epoch"), mongo_of(store)->info.epoch) != 0)
		rc = error_set(err, STORE_CORRUPT, 0, "the database holds another store than when it was opened");
	bson_destroy(&doc);
	return rc;
}

const struct store_ops store_mongo = {
	.name = "mongodb",
	.lanes = 8,
	.shared = true,
	.also = MONGO_SRV,
	.open = mongo_open,
	.close = mongo_close,
	.info = mongo_info,
	.append = mongo_append,
	.load_chat = mongo_load_chat,
	.find_key = mongo_find_key,
	.read_message = mongo_read_message,
	.read_edits = mongo_read_edits,
	.read_page = mongo_read_page,
	.tail = mongo_tail,
	.list_chats = mongo_list_chats,
	.list_ended = mongo_list_ended,
	.erase = mongo_erase,
	.prune = mongo_prune,
	.checkpoint = mongo_checkpoint,
	.verify = mongo_verify,

	.list_writers = mongo_list_writers,
	.put_place = mongo_put_place,
	.load_place = mongo_load_place,
	.take_lease = mongo_take_lease,
	.load_chat_key = mongo_load_chat_key,
	.put_notice = mongo_put_notice,
	.read_notices = mongo_read_notices,

	.list_places = mongo_list_places,
	.adopt = mongo_adopt,
	.import_log = mongo_import_log,
	.import_chat = mongo_import_chat,

	.load_user = mongo_load_user,
	.load_membership = mongo_load_membership,
	.list_memberships = mongo_list_memberships,
	.read_summary = mongo_read_summary,
	.put_user = mongo_put_user,
	.put_receipts = mongo_put_receipts,
	.put_mute = mongo_put_mute,
	.load_device = mongo_load_device,
	.put_device = mongo_put_device,
	.put_cursors = mongo_put_cursors,

	.list_devices = mongo_list_devices,
	.put_registration = mongo_put_registration,
	.put_device_token = mongo_put_device_token,
	.put_devices_seen = mongo_put_devices_seen,
	.remove_device = mongo_remove_device,
	.list_push_targets = mongo_list_push_targets,
	.put_revocation = mongo_put_revocation,
	.lower_revocation = mongo_lower_revocation,
	.list_revocations = mongo_list_revocations,
	.add_signing_key = mongo_add_signing_key,
	.list_signing_keys = mongo_list_signing_keys,
	.drop_signing_key = mongo_drop_signing_key,

	.put_audit = mongo_put_audit,
	.list_audit = mongo_list_audit,

	.load_memberships = mongo_load_memberships,
	.load_profiles = mongo_load_profiles,
	.put_profile = mongo_put_profile,
	.put_last_seen = mongo_put_last_seen,
	.put_shared_id = mongo_put_shared_id,
	.find_shared_id = mongo_find_shared_id,
	.put_icon = mongo_put_icon,
	.load_icon = mongo_load_icon,
	.put_favorite = mongo_put_favorite,
	.load_favorites = mongo_load_favorites,
	.put_block = mongo_put_block,
	.load_blocks = mongo_load_blocks,
	.check_reach = mongo_check_reach,
	.put_invitation = mongo_put_invitation,
	.use_invitation = mongo_use_invitation,
	.revoke_invitation = mongo_revoke_invitation,
	.delete_user = mongo_delete_user,
	.list_deleted = mongo_list_deleted,
	.finish_deletion = mongo_finish_deletion,
	.list_users = mongo_list_users,
	.list_invitations = mongo_list_invitations,
};
