/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See loose.h. Ids are given out anew once the highest of them is gone: so whatever still leads to one would be taken for whoever gets it next.
 * Rows of tables with texts stay, and are emptied (schema/sqlite/0003_conversations.sql). */
#include "storage/sqlite/loose.h"

#include <inttypes.h>

#define GONE(column, table) column " NOT IN (SELECT id FROM " table ")"

/* A person is kept as somebody, whatever is known of him. */
const char *const loose_users =
	"INSERT OR IGNORE INTO user (id, name) SELECT DISTINCT user, 'lost-' || user FROM ("
	"SELECT sender AS user FROM log UNION ALL SELECT user FROM member UNION ALL SELECT user FROM membership UNION ALL "
	"SELECT pair_a FROM chat UNION ALL SELECT pair_b FROM chat UNION ALL SELECT sender FROM erasure UNION ALL "
	"SELECT user FROM device UNION ALL SELECT user FROM profile UNION ALL SELECT user FROM favorite UNION ALL SELECT other FROM favorite UNION ALL "
	"SELECT user FROM block UNION ALL SELECT other FROM block UNION ALL SELECT user FROM invitation UNION ALL SELECT user FROM invitation_use) "
	"WHERE user > 0 AND " GONE("user", "user");

static const char *const BELONGINGS[] = {
	"DELETE FROM member WHERE " GONE("chat", "chat"),
	"DELETE FROM membership WHERE " GONE("chat", "chat"),
	"DELETE FROM cursor WHERE " GONE("chat", "chat"),
	"DELETE FROM erasure WHERE " GONE("chat", "chat"),
	"UPDATE chat_key SET chat = -id, key = NULL WHERE chat > 0 AND " GONE("chat", "chat"),
	"UPDATE chat SET info = 0 WHERE info <> 0 AND " GONE("info", "chat_info"),
	"UPDATE chat_info SET title = NULL, icon = NULL WHERE coalesce(title, icon) IS NOT NULL AND id NOT IN (SELECT info FROM chat)",
	"UPDATE registration SET device = NULL, token_key = NULL, platform = '', push_token = '' WHERE " GONE("device", "device"),
	"DELETE FROM icon WHERE " GONE("id", "icon_data"),
	"UPDATE icon_data SET bytes = NULL WHERE bytes IS NOT NULL AND " GONE("id", "icon"),
};

static int64_t count_changes(struct db *db, const char *sql)
{
	int64_t before = sqlite3_total_changes(db->handle);
	db_exec(db, sql);
	return sqlite3_total_changes(db->handle) - before;
}

static void tie_belongings(struct db *db, struct sqlite_salvage *salvage)
{
	int64_t count = 0;
	for (size_t i = 0; i < sizeof BELONGINGS / sizeof *BELONGINGS; i++)
		count += count_changes(db, BELONGINGS[i]);
	if (count > 0)
		salvage_mended(salvage, "%" PRId64 " rows belonged to chats, devices or icons that are not there, and are gone", count);
}

/* what: behind their number. */
static void mend(struct db *db, struct sqlite_salvage *salvage, const char *sql, const char *what)
{
	int64_t count = count_changes(db, sql);
	if (count > 0)
		salvage_mended(salvage, "%" PRId64 " %s", count, what);
}

/* A device without a place begins where it is sure to miss nothing. */
static void drop_cursors(struct db *db, struct sqlite_salvage *salvage)
{
	mend(db, salvage, "DELETE FROM cursor WHERE number < 0 OR typeof(number) <> 'integer'", "places of devices in chats were no numbers, and are gone");
}

/* One may have been beyond the log for long: whether it had what was written meanwhile, only what its user has received tells. */
static void lower_cursors(struct db *db, struct sqlite_salvage *salvage)
{
	mend(db, salvage, "UPDATE cursor SET number = (SELECT max(0, min(c.latest, coalesce(m.received, 0))) FROM chat c "
					  "LEFT JOIN device d ON d.id = cursor.device LEFT JOIN member m ON m.chat = c.id AND m.user = d.user "
					  "WHERE c.id = cursor.chat) WHERE number > (SELECT latest FROM chat WHERE id = cursor.chat)",
		"places of devices were beyond their chats' logs, and are behind what their users have received now");
}

static void begin_places_anew(struct db *db, struct sqlite_salvage *salvage)
{
	mend(db, salvage, "UPDATE place SET position = 0 WHERE position < 0 OR typeof(position) <> 'integer'",
		"places of mirrors were no positions, and are at the log's beginning now");
}

/* Positions are ids of the log's rows. Nothing tells since when one has been beyond them. */
static void lower_places(struct db *db, struct sqlite_salvage *salvage, int64_t new_from)
{
	sqlite3_stmt *lower = NULL;
	int code = db->failure != 0 ? db->failure : sqlite3_prepare_v2(db->handle, "UPDATE place SET position = ?1 WHERE position > ?1", -1, &lower, NULL);
	if (code != SQLITE_OK)
		db_fail(db, code, sqlite3_errmsg(db->handle));
	db_bind_int(db, lower, 1, new_from);
	db_run(db, lower);
	int count = db->failure == 0 ? sqlite3_changes(db->handle) : 0;
	sqlite3_finalize(lower);
	if (count > 0)
		salvage_mended(salvage, "%d places of mirrors were beyond the log, and are at its end now: what was written since an earlier repair may not be mirrored",
			count);
}

void loose_tie(struct db *db, struct sqlite_salvage *salvage, int64_t new_from)
{
	int64_t next = db_ask_int(db, "SELECT coalesce(max(id), 0) + 1 FROM log", 0);
	tie_belongings(db, salvage);
	drop_cursors(db, salvage);
	lower_cursors(db, salvage);
	begin_places_anew(db, salvage);
	lower_places(db, salvage, new_from < next ? new_from : next);
}
