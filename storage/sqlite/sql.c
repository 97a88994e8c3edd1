/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * All statements. CROSS JOIN keeps SQLite's planner from changing the order of the tables: the one that narrows most comes first, the
 * others are looked up by their primary keys. */
#include "storage/sqlite/db.h"

/* The columns of a transaction, in the order in which log.c reads them. */
#define LOG_COLUMNS                                                                                                                                  \
	"l.number, l.type, u.name, l.at, w.name, l.id, l.target, l.client_time, l.quote_revision, l.encoding, l.key, l.key_hash, "                       \
	"l.content_type, l.head, l.body_salt, l.quote_salt, l.body, l.quote"

#define LOG_NAMES " CROSS JOIN user u ON u.id = l.sender CROSS JOIN writer w ON w.id = l.writer "

/* What happened to message ?2 of chat ?1; target <> 0 lets the planner see that the index has it. In the index those of one type stand in
 * the order of rows, which is that of their numbers. */
#define CHANGE_OF(type) "l.chat = ?1 AND l.target = ?2 AND l.target <> 0 AND l.type = " type

#define CHAT_COLUMNS "c.id, c.latest, c.head, c.latest_at, c.ended, c.ended_at, c.history_all, c.pair_a, c.pair_b, c.members, c.info, c.erased"

/* The times of membership: the last one, and whose the earlier ones are. from_number 0: none, his account was deleted. */
#define INTERVAL_COLUMNS "m.earlier, m.chat, m.user, m.from_number, m.to_number"

#define MEMBERSHIP_COLUMNS                                                                                                                           \
	"c.name, m.role, c.latest, c.latest_at, m.received, m.read, m.muted_until, c.history_all, c.ended, c.members, p.name, n.title, n.icon, "        \
	INTERVAL_COLUMNS
/* nullif, so that nothing is searched for where there is nothing. */
#define MEMBERSHIP_NAMES                                                                                                                             \
	" LEFT JOIN user p ON p.id = nullif(CASE m.user WHEN c.pair_a THEN c.pair_b ELSE c.pair_a END, 0) "                                              \
	"LEFT JOIN chat_info n ON n.id = nullif(c.info, 0) "

const char *const sqlite_statements[STATEMENT_COUNT] = {
	[SQL_BEGIN_READ] = "BEGIN",
	[SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",

	[SQL_FIND_CHAT] = "SELECT " CHAT_COLUMNS " FROM chat c WHERE name = ?1",
	[SQL_ADD_CHAT] = "INSERT INTO chat (name, latest, head, latest_at, ended) VALUES (?1, 0, zeroblob(16), 0, 0)",
	[SQL_SET_CHAT] = "UPDATE chat SET latest = ?2, head = ?3, latest_at = ?4 WHERE id = ?1",
	[SQL_SET_GROUP] = "UPDATE chat SET ended = ?2, ended_at = ?3, history_all = ?4, pair_a = ?5, pair_b = ?6, members = ?7, info = ?8, erased = ?9 "
					  "WHERE id = ?1",
	[SQL_READ_INFO] = "SELECT title, icon FROM chat_info WHERE id = ?1",
	[SQL_ADD_INFO] = "INSERT INTO chat_info (title, icon) VALUES (?1, ?2)",
	[SQL_ERASE_INFO] = "UPDATE chat_info SET title = NULL, icon = NULL WHERE id = ?1",

	[SQL_FIND_USER] = "SELECT id FROM user WHERE name = ?1",
	[SQL_ADD_USER] = "INSERT INTO user (name) VALUES (?1)",
	[SQL_PUT_USER] = "INSERT INTO user (name, created_at) VALUES (?1, ?2) "
					 "ON CONFLICT (name) DO UPDATE SET created_at = excluded.created_at WHERE created_at IS NULL",

	[SQL_FIND_WRITER] = "SELECT id FROM writer WHERE name = ?1",
	[SQL_ADD_WRITER] = "INSERT INTO writer (name) VALUES (?1)",

	[SQL_FIND_NUMBER] = "SELECT head, id FROM log WHERE chat = ?1 AND number = ?2",
	[SQL_ADD_LOG] = "INSERT INTO log (chat, number, type, sender, at, writer, target, client_time, quote_revision, encoding, key, "
					"key_hash, content_type, head, body_salt, quote_salt, body, quote) "
					"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",

	[SQL_LOG_END] = "SELECT coalesce(max(id), 0) FROM log",
	[SQL_NEXT_RUN] = "SELECT coalesce(max(id) + 1, 0) FROM dedup_run",
	[SQL_LOAD_RUNS] = "SELECT id, newest_at, filter FROM dedup_run WHERE id >= ?1 ORDER BY id",
	[SQL_READ_RUN] = "SELECT hash FROM dedup WHERE run = ?1",
	[SQL_SET_FILTER] = "UPDATE dedup_run SET filter = ?2 WHERE id = ?1",
	[SQL_ADD_RUN] = "INSERT INTO dedup_run (id, newest_at, filter) VALUES (?1, ?2, ?3)",
	[SQL_READ_KEYS] = "SELECT l.id, l.chat, l.at, l.key, u.name FROM log l CROSS JOIN user u ON u.id = l.sender WHERE l.id >= ?1 ORDER BY l.id",
	[SQL_ADD_KEY] = "INSERT OR IGNORE INTO dedup (run, hash, chat, log) VALUES (?1, ?2, ?3, ?4)",
	[SQL_FIND_KEY] = "SELECT log FROM dedup WHERE run = ?1 AND hash = ?2 AND chat = ?3",
	[SQL_FIND_KEY_IN_RUNS] = "SELECT d.log FROM dedup_run r CROSS JOIN dedup d ON d.run = r.id WHERE d.hash = ?1 AND d.chat = ?2 AND r.newest_at >= ?3",
	[SQL_READ_KEY] = "SELECT l.number, l.at, l.key, u.name, l.key_hash FROM log l CROSS JOIN user u ON u.id = l.sender WHERE l.id = ?1",
	[SQL_SEARCH_KEY] = "SELECT l.number, l.at, l.key, u.name, l.key_hash, l.id FROM log l CROSS JOIN user u ON u.id = l.sender WHERE l.chat = ?1 "
					   "ORDER BY l.number DESC",

	[SQL_FIND_MEMBER] = "SELECT role FROM member WHERE chat = ?1 AND user = ?2",
	[SQL_JOIN_MEMBER] = "INSERT INTO member (chat, user, role, received, read, from_number) VALUES (?1, ?2, 0, ?3 - 1, ?3 - 1, ?3) "
						"ON CONFLICT (chat, user) DO UPDATE SET received = max(received, ?3 - 1), read = max(read, ?3 - 1), "
						"from_number = ?3, to_number = 0, earlier = earlier + (from_number > 0)",
	[SQL_SET_ROLE] = "UPDATE member SET role = ?3 WHERE chat = ?1 AND user = ?2",
	[SQL_KEEP_MEMBERSHIP] = "INSERT INTO membership (chat, user, from_number, to_number) "
							"SELECT chat, user, from_number, to_number FROM member WHERE chat = ?1 AND user = ?2 AND from_number BETWEEN 1 AND ?3 - 1",
	[SQL_END_MEMBERSHIP] = "UPDATE member SET to_number = ?3 WHERE chat = ?1 AND user = ?2",
	[SQL_FORGET_MEMBER] = "UPDATE member SET role = 0, received = 0, read = 0, muted_until = 0, from_number = 0, to_number = 0, earlier = 0 "
						  "WHERE chat = ?1 AND user = ?2",
	[SQL_FORGET_EARLIER] = "DELETE FROM membership WHERE chat = ?1 AND user = ?2",
	[SQL_LOAD_EARLIER] = "SELECT from_number, to_number FROM membership WHERE chat = ?1 AND user = ?2 ORDER BY from_number",
	[SQL_PUT_MUTE] = "UPDATE member SET muted_until = ?3 WHERE from_number > 0 AND "
					 "chat = (SELECT id FROM chat WHERE name = ?1) AND user = (SELECT id FROM user WHERE name = ?2)",
	[SQL_PUT_RECEIPT] = "UPDATE member SET received = max(received, ?3), read = max(read, ?4) WHERE from_number > 0 AND "
						"chat = (SELECT id FROM chat WHERE name = ?1) AND user = (SELECT id FROM user WHERE name = ?2)",

	[SQL_LOAD_MEMBERS] = "SELECT u.name, m.role, m.received, m.read, " INTERVAL_COLUMNS " FROM member m "
						 "CROSS JOIN user u ON u.id = m.user WHERE m.chat = ?1",
	[SQL_LOAD_USER] = "SELECT id, created_at FROM user WHERE name = ?1 AND (created_at IS NOT NULL OR ?2)",
	[SQL_LOAD_USER_CHATS] = "SELECT " MEMBERSHIP_COLUMNS " FROM member m CROSS JOIN chat c ON c.id = m.chat" MEMBERSHIP_NAMES
							"WHERE m.user = ?1 AND (?2 OR m.from_number > 0)",
	[SQL_LOAD_MEMBERSHIP] = "SELECT " MEMBERSHIP_COLUMNS " FROM chat c CROSS JOIN user u CROSS JOIN member m ON m.chat = c.id AND m.user = u.id"
							MEMBERSHIP_NAMES "WHERE c.name = ?1 AND u.name = ?2 AND m.from_number > 0",
	/* Of what is not on the page only the index of members and the beginning of the chat's row are looked at. */
	[SQL_LIST_MEMBERSHIPS] = "SELECT " MEMBERSHIP_COLUMNS " FROM (SELECT i.chat FROM member i CROSS JOIN chat k ON k.id = i.chat "
							 "WHERE i.user = ?1 AND i.role > 0 AND (k.latest_at < ?2 OR k.latest_at = ?2 AND k.name > ?3) "
							 "ORDER BY k.latest_at DESC, k.name LIMIT ?4 OFFSET ?5) o "
							 "CROSS JOIN member m ON m.chat = o.chat AND m.user = ?1 CROSS JOIN chat c ON c.id = m.chat" MEMBERSHIP_NAMES,

	[SQL_READ_NUMBER] = "SELECT " LOG_COLUMNS " FROM log l " LOG_NAMES "WHERE l.chat = ?1 AND l.number = ?2",
	[SQL_READ_PAGE] = "SELECT " LOG_COLUMNS " FROM log l " LOG_NAMES "WHERE l.chat = ?1 AND l.number BETWEEN ?2 AND ?3 ORDER BY l.number",
	[SQL_TAIL] = "SELECT " LOG_COLUMNS ", c.name FROM log l " LOG_NAMES "CROSS JOIN chat c ON c.id = l.chat "
				 "WHERE l.id >= ?2 AND l.writer = ?1 ORDER BY l.id",
	[SQL_EDITS] = "SELECT " LOG_COLUMNS " FROM log l " LOG_NAMES "WHERE " CHANGE_OF("2") " ORDER BY l.id DESC", /* a step is an edit */
	[SQL_EDITS_UP_TO] = "SELECT " LOG_COLUMNS " FROM log l " LOG_NAMES "WHERE " CHANGE_OF("2") " AND +l.number <= ?3 ORDER BY l.id DESC",
	[SQL_FIRST_DELETION] = "SELECT " LOG_COLUMNS " FROM log l " LOG_NAMES "WHERE " CHANGE_OF("3") " ORDER BY l.id LIMIT 1",
	[SQL_LOOK] = "SELECT l.number, l.at, l.sender, l.type = 1 AND l.body IS NOT NULL FROM log l "
				 "WHERE l.chat = ?1 AND l.number BETWEEN ?2 AND ?3 ORDER BY l.number DESC",
	[SQL_LATEST_TEXT] = "SELECT coalesce((SELECT l.body FROM log l WHERE " CHANGE_OF("2") " ORDER BY l.id DESC LIMIT 1), m.body) "
						"FROM log m WHERE m.chat = ?1 AND m.number = ?2",
	[SQL_USER_NAME] = "SELECT name FROM user WHERE id = ?1",
	[SQL_LIST_CHATS] = "SELECT name FROM chat WHERE name > ?1 ORDER BY name LIMIT ?2",
	[SQL_LIST_ENDED] = "SELECT name FROM chat WHERE ended <> 0 AND erased = 0 AND ended_at < ?1 LIMIT ?2",

	[SQL_CHANGES] = "SELECT l.number, l.type FROM log l WHERE l.chat = ?1 AND l.target = ?2 AND l.target <> 0 AND l.type IN (1, 2)",
	[SQL_TEXTS] = "SELECT l.number, l.type, l.sender, l.target, l.body IS NOT NULL, l.quote IS NOT NULL FROM log l "
				  "WHERE l.chat = ?1 AND l.number > ?2 ORDER BY l.number LIMIT ?3",
	[SQL_FIND_SENDER] = "SELECT sender FROM log WHERE chat = ?1 AND number = ?2",
	[SQL_ERASE_BODY] = "UPDATE log SET body = NULL, body_salt = ?3, key_hash = ?4 WHERE chat = ?1 AND number = ?2",
	[SQL_ERASE_QUOTE] = "UPDATE log SET quote = NULL, quote_salt = ?3 WHERE chat = ?1 AND number = ?2",
	[SQL_FIND_ERASURE] = "SELECT number FROM erasure WHERE chat = ?1 AND sender = ?2",
	[SQL_SET_ERASURE] = "INSERT INTO erasure (chat, sender, number) VALUES (?1, ?2, ?3) "
						"ON CONFLICT (chat, sender) DO UPDATE SET number = excluded.number",
	[SQL_END_ERASURE] = "DELETE FROM erasure WHERE chat = ?1 AND sender = ?2",

	[SQL_OLD_RUN] = "SELECT id FROM dedup_run WHERE newest_at < ?1 AND id < (SELECT max(id) FROM dedup_run) LIMIT 1",
	[SQL_PRUNE_KEYS] = "DELETE FROM dedup WHERE (run, hash, chat, log) IN (SELECT run, hash, chat, log FROM dedup WHERE run = ?1 LIMIT ?2)",
	[SQL_DROP_RUN] = "DELETE FROM dedup_run WHERE id = ?1",

	/* ---- devices, tokens ---- */

	[SQL_LOAD_DEVICE] = "SELECT d.id, d.seen_at, d.subscriptions, d.max_bytes FROM user u CROSS JOIN device d ON d.user = u.id "
						"WHERE u.name = ?1 AND d.name = ?2",
	[SQL_LOAD_CURSORS] = "SELECT c.name, k.number FROM cursor k CROSS JOIN chat c ON c.id = k.chat WHERE k.device = ?1 ORDER BY c.name",
	[SQL_PUT_DEVICE] = "INSERT INTO device (user, name, seen_at, subscriptions, max_bytes) SELECT id, ?2, ?3, ?4, ?5 FROM user "
					   "WHERE id = ?1 AND (created_at IS NOT NULL OR deleted_at IS NULL) " /* not of who was deleted */
					   "ON CONFLICT (user, name) DO UPDATE SET seen_at = excluded.seen_at, subscriptions = excluded.subscriptions, "
					   "max_bytes = excluded.max_bytes",
	[SQL_PUT_DEVICE_SEEN] = "UPDATE device SET seen_at = max(seen_at, ?3) WHERE user = (SELECT id FROM user WHERE name = ?1) AND name = ?2",
	[SQL_PUT_CURSOR] = "INSERT INTO cursor (device, chat, number) SELECT d.id, c.id, ?4 FROM user u "
					   "CROSS JOIN device d ON d.user = u.id AND d.name = ?2 CROSS JOIN chat c ON c.name = ?3 WHERE u.name = ?1 "
					   "ON CONFLICT (device, chat) DO UPDATE SET number = max(number, excluded.number)",
	[SQL_FIND_DEVICE] = "SELECT d.id FROM user u CROSS JOIN device d ON d.user = u.id WHERE u.name = ?1 AND d.name = ?2",
	[SQL_ADD_DEVICE] = "INSERT INTO device (user, name, seen_at, subscriptions, max_bytes) VALUES (?1, ?2, ?3, '', 0)",
	[SQL_PUT_TOKEN_END] = "UPDATE device SET token_until = max(token_until, ?2) WHERE id = ?1",
	[SQL_FIND_REGISTRATION] = "SELECT platform, push_token FROM registration WHERE device = ?1",
	[SQL_ADD_REGISTRATION] = "INSERT INTO registration (device, token_key, platform, push_token) VALUES (?1, ?2, ?3, ?4)",
	[SQL_EMPTY_REGISTRATION] = "UPDATE registration SET device = NULL, token_key = NULL, platform = '', push_token = '' WHERE device = ?1",
	[SQL_TAKE_PUSH_TOKEN] = "UPDATE registration SET device = NULL, token_key = NULL, platform = '', push_token = '' WHERE token_key = ?1",
	[SQL_LIST_DEVICES] = "SELECT d.name, d.seen_at, r.platform, r.push_token, d.token_until FROM device d "
						 "LEFT JOIN registration r ON r.device = d.id WHERE d.user = ?1 ORDER BY d.name",
	/* The cursors last: most members are out by their marks before. */
	[SQL_LIST_PUSH_TARGETS] = "SELECT u.id, u.name, m.muted_until FROM chat c CROSS JOIN member m ON m.chat = c.id CROSS JOIN user u ON u.id = m.user "
							  "WHERE c.name = ?1 AND c.ended = 0 AND m.user > ?3 AND m.role > 0 AND m.received < ?2 AND m.read < ?2 AND "
							  "NOT EXISTS (SELECT 1 FROM device d CROSS JOIN cursor k ON k.device = d.id AND k.chat = c.id "
							  "WHERE d.user = m.user AND k.number >= ?2) ORDER BY m.user LIMIT ?4",
	[SQL_OLD_DEVICES] = "SELECT id FROM device WHERE max(seen_at + 7776000000, token_until) < ?1 LIMIT 1", /* the index's own words */
	[SQL_PRUNE_CURSORS] = "DELETE FROM cursor WHERE (device, chat) IN (SELECT device, chat FROM cursor WHERE device = ?1 LIMIT ?2)",
	[SQL_DROP_DEVICE] = "DELETE FROM device WHERE id = ?1",
	[SQL_PUT_REVOCATION] = "INSERT INTO revocation (subject, at) VALUES (?1, ?2) ON CONFLICT (subject) DO UPDATE SET at = max(at, excluded.at)",
	[SQL_LOWER_REVOCATION] = "UPDATE revocation SET at = ?2 WHERE subject = ?1 AND at > ?2",
	[SQL_LIST_REVOCATIONS] = "SELECT subject, at FROM revocation WHERE subject > ?1 ORDER BY subject LIMIT ?2",
	[SQL_PRUNE_REVOCATIONS] = "DELETE FROM revocation WHERE subject IN "
							  "(SELECT subject FROM revocation WHERE instr(subject, '/') > 0 AND at < ?1 LIMIT ?2)",
	[SQL_PUT_AUDIT] = "INSERT INTO audit (key, at, who, command, subject, details, result) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
					  "ON CONFLICT (key) DO NOTHING",
	[SQL_LIST_AUDIT] = "SELECT at, who, command, subject, details, result FROM audit WHERE ?1 IS NULL OR key < ?1 ORDER BY key DESC LIMIT ?2",
	[SQL_PRUNE_AUDIT] = "DELETE FROM audit WHERE key IN (SELECT key FROM audit WHERE key < ?1 LIMIT ?2)",
	[SQL_FIND_SIGNING_KEY] = "SELECT bytes FROM signing_key WHERE kid = ?1",
	[SQL_ADD_SIGNING_KEY] = "INSERT INTO signing_key (kid, created_at, bytes) VALUES (?1, ?2, ?3)",
	[SQL_LIST_SIGNING_KEYS] = "SELECT kid, created_at, bytes FROM signing_key WHERE kid IS NOT NULL ORDER BY created_at DESC, kid",
	[SQL_DROP_SIGNING_KEY] = "UPDATE signing_key SET kid = NULL, bytes = NULL WHERE kid = ?1",

	/* ---- people. Everybody is given by the id of his row ---- */

	[SQL_FIND_PERSON] = "SELECT id FROM user WHERE name = ?1 AND created_at IS NOT NULL",
	[SQL_LOAD_PROFILE] = "SELECT u.created_at, u.last_seen, p.name, p.icon, p.status, p.time_zone, p.shared_id, p.hides_online, p.hides_last_seen "
						 "FROM user u LEFT JOIN profile p ON p.user = u.id WHERE u.name = ?1 AND u.created_at IS NOT NULL",
	[SQL_ADD_PROFILE] = "INSERT INTO profile (user, name, icon, status, time_zone, shared_id, shared_key, hides_online, hides_last_seen) "
						"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[SQL_EMPTY_PROFILE] = "UPDATE profile SET user = NULL, shared_key = NULL, name = '', icon = '', status = '', time_zone = '', shared_id = '', "
						  "hides_online = 0, hides_last_seen = 0 WHERE user = ?1",
	[SQL_PUT_LAST_SEEN] = "UPDATE user SET last_seen = max(last_seen, ?2) WHERE id = ?1",
	[SQL_FIND_SHARED] = "SELECT u.name, u.id FROM profile p CROSS JOIN user u ON u.id = p.user WHERE p.shared_key = ?1",

	[SQL_FIND_ICON] = "SELECT id, unnamed FROM icon WHERE hash = ?1",
	[SQL_ADD_ICON] = "INSERT INTO icon (id, hash, checked_at, unnamed) VALUES (?1, ?2, 0, 0)",
	[SQL_ADD_ICON_DATA] = "INSERT INTO icon_data (bytes) VALUES (?1)",
	[SQL_CHECK_ICON] = "UPDATE icon SET checked_at = coalesce(?2, checked_at), unnamed = ?3 WHERE id = ?1",
	[SQL_LOAD_ICON] = "SELECT d.bytes FROM icon i CROSS JOIN icon_data d ON d.id = i.id WHERE i.hash = ?1",
	[SQL_ICONS_DUE] = "SELECT id, hash, unnamed FROM icon WHERE checked_at <= ?1 ORDER BY checked_at LIMIT ?2",
	[SQL_IS_ICON_NAMED] = "SELECT EXISTS (SELECT 1 FROM profile WHERE icon = ?1 AND icon <> '' AND instr(icon, ':') = 0) OR "
						  "EXISTS (SELECT 1 FROM chat_info WHERE icon = ?1 AND icon <> '' AND instr(icon, ':') = 0)",
	[SQL_DROP_ICON] = "DELETE FROM icon WHERE id = ?1",
	[SQL_EMPTY_ICON] = "UPDATE icon_data SET bytes = NULL WHERE id = ?1",

	[SQL_ADD_FAVORITE] = "INSERT INTO favorite (user, other, at) VALUES (?1, ?2, ?3) ON CONFLICT (user, other) DO NOTHING",
	[SQL_DROP_FAVORITE] = "DELETE FROM favorite WHERE user = ?1 AND other = ?2",
	[SQL_LOAD_FAVORITES] = "SELECT o.name FROM favorite f CROSS JOIN user o ON o.id = f.other WHERE f.user = ?1 ORDER BY f.at, f.id",

	[SQL_LAST_BLOCK] = "SELECT from_at, to_at FROM block WHERE user = ?1 AND other = ?2 ORDER BY from_at DESC LIMIT 1",
	[SQL_BLOCK_TOUCHES] = "SELECT 1 FROM block WHERE user = ?1 AND other = ?2 AND iif(?3, from_at, to_at) = ?4 LIMIT 1",
	[SQL_ADD_BLOCK] = "INSERT INTO block (user, other, from_at, to_at) VALUES (?1, ?2, ?3, 0)",
	[SQL_END_BLOCK] = "UPDATE block SET to_at = ?3 WHERE user = ?1 AND other = ?2 AND to_at = 0",
	[SQL_DROP_BLOCK] = "DELETE FROM block WHERE user = ?1 AND other = ?2 AND to_at = 0",
	[SQL_LOAD_BLOCKS] = "SELECT o.name, b.from_at, b.to_at FROM user u CROSS JOIN block b ON b.user = u.id CROSS JOIN user o ON o.id = b.other "
						"WHERE u.name = ?1 AND u.created_at IS NOT NULL ORDER BY o.name, b.from_at",

	[SQL_FIND_INVITATION] = "SELECT i.id, i.uses, i.expires_at, u.name FROM invitation i CROSS JOIN user u ON u.id = i.user WHERE i.hash = ?1",
	[SQL_ADD_INVITATION] = "INSERT INTO invitation (hash, user, expires_at, uses) VALUES (?1, ?2, ?3, ?4)",
	[SQL_IS_USED] = "SELECT 1 FROM invitation_use WHERE invitation = ?1 AND user = ?2",
	[SQL_ADD_USE] = "INSERT INTO invitation_use (invitation, user) VALUES (?1, ?2)",
	[SQL_TAKE_USE] = "UPDATE invitation SET uses = uses - 1 WHERE id = ?1",
	[SQL_DROP_USES] = "DELETE FROM invitation_use WHERE invitation IN (SELECT id FROM invitation WHERE user = ?1 AND (?2 IS NULL OR hash = ?2))",
	[SQL_REVOKE_INVITATIONS] = "UPDATE invitation SET uses = 0, expires_at = 0 WHERE user = ?1 AND (?2 IS NULL OR hash = ?2) AND expires_at <> 0",
	[SQL_DROP_INVITATIONS] = "DELETE FROM invitation WHERE user = ?1",
	[SQL_PRUNE_USES] = "DELETE FROM invitation_use WHERE (invitation, user) IN (SELECT s.invitation, s.user FROM invitation i "
					   "CROSS JOIN invitation_use s ON s.invitation = i.id WHERE i.expires_at > 0 AND i.expires_at <= ?1 LIMIT ?2)",
	[SQL_PRUNE_INVITATIONS] = "UPDATE invitation SET uses = 0, expires_at = 0 "
							  "WHERE id IN (SELECT id FROM invitation WHERE expires_at > 0 AND expires_at <= ?1 LIMIT ?2)",

	[SQL_LOAD_ACCOUNT] = "SELECT id, created_at, deleted_at FROM user WHERE name = ?1 AND (created_at IS NOT NULL OR deleted_at IS NOT NULL)",
	[SQL_LOAD_NAMED_ICON] = "SELECT icon FROM profile WHERE user = ?1",
	[SQL_END_FAVORITES] = "DELETE FROM favorite WHERE user = ?1",
	[SQL_END_FAVORITE_OF] = "DELETE FROM favorite WHERE other = ?1",
	[SQL_END_BLOCKS] = "DELETE FROM block WHERE user = ?1",
	[SQL_END_USES] = "DELETE FROM invitation_use WHERE user = ?1",
	[SQL_END_REGISTRATIONS] = "UPDATE registration SET device = NULL, token_key = NULL, platform = '', push_token = '' "
							  "WHERE device IN (SELECT id FROM device WHERE user = ?1)",
	[SQL_END_CURSORS] = "DELETE FROM cursor WHERE device IN (SELECT id FROM device WHERE user = ?1)",
	[SQL_END_DEVICES] = "DELETE FROM device WHERE user = ?1",
	[SQL_END_MUTES] = "UPDATE member SET muted_until = 0 WHERE user = ?1 AND muted_until <> 0",
	[SQL_END_ACCOUNT] = "UPDATE user SET created_at = NULL, last_seen = 0, erasing = 1, deleted_at = max(coalesce(deleted_at, ?2), ?2) WHERE id = ?1",
	[SQL_LIST_DELETED] = "SELECT name, deleted_at, erasing FROM user WHERE deleted_at IS NOT NULL AND name > ?1 ORDER BY name LIMIT ?2",
	[SQL_FINISH_DELETION] = "UPDATE user SET erasing = 0 WHERE name = ?1 AND deleted_at IS NOT NULL",

	/* ---- what brokers share ---- */

	[SQL_LIST_WRITERS] = "SELECT name FROM writer ORDER BY name",
	[SQL_PUT_PLACE] = "INSERT INTO place (name, position) VALUES (?1, ?2) "
					  "ON CONFLICT (name) DO UPDATE SET position = max(position, excluded.position)",
	[SQL_LOAD_PLACE] = "SELECT position FROM place WHERE name = ?1",
	[SQL_LIST_PLACES] = "SELECT name FROM place ORDER BY name",
	[SQL_TAKE_LEASE] = "INSERT INTO lease (name, holder, until) VALUES (?1, ?2, ?4) "
					   "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until "
					   "WHERE holder = excluded.holder OR until <= ?3",
	[SQL_PRUNE_LEASES] = "DELETE FROM lease WHERE until < ?1",
	[SQL_FIND_CHAT_KEY] = "SELECT key FROM chat_key WHERE chat = ?1",
	[SQL_ADD_CHAT_KEY] = "INSERT INTO chat_key (chat, key) VALUES (?1, ?2) ON CONFLICT (chat) DO NOTHING",
	[SQL_END_CHAT_KEY] = "INSERT INTO chat_key (chat, key) VALUES (?1, NULL) ON CONFLICT (chat) DO UPDATE SET key = NULL",
	[SQL_ADD_NOTICE] = "INSERT INTO notice (kind, subject, writer, at) VALUES (?1, ?2, ?3, ?4)",
	[SQL_READ_NOTICES] = "SELECT id, at, kind, subject, writer FROM notice WHERE id > ?1 ORDER BY id LIMIT ?2",
	[SQL_LAST_NOTICE] = "SELECT max(id) FROM notice",
	[SQL_PRUNE_NOTICES] = "DELETE FROM notice WHERE id IN (SELECT id FROM notice WHERE at < ?1 OR at > ?3 LIMIT ?2)",

	/* ---- copying ---- */

	[SQL_LIST_USERS] = "SELECT name FROM user WHERE name > ?1 AND created_at IS NOT NULL ORDER BY name LIMIT ?2",
	[SQL_LIST_INVITATIONS] = "SELECT id, hash, expires_at, uses FROM invitation WHERE user = ?1 ORDER BY hash",
	[SQL_LIST_USES] = "SELECT u.name FROM invitation_use s CROSS JOIN user u ON u.id = s.user WHERE s.invitation = ?1 ORDER BY u.name",
	[SQL_ADOPT] = "UPDATE store SET epoch = ?1, secret = ?2, writer = ?3",
	[SQL_DROP_MEMBERS] = "DELETE FROM member WHERE chat = ?1",
	[SQL_DROP_MEMBERSHIPS] = "DELETE FROM membership WHERE chat = ?1",
	[SQL_IMPORT_MEMBER] = "INSERT INTO member (chat, user, role, received, read, from_number, to_number, earlier) "
						  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[SQL_IMPORT_MEMBERSHIP] = "INSERT INTO membership (chat, user, from_number, to_number) VALUES (?1, ?2, ?3, ?4)",
};
