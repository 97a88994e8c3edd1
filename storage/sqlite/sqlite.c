/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * An open SQLite store: opening and closing, who has which connection when, checkpoints, verification, and the table of operations.
 * Any thread; each lock is held alone. */
#include "storage/sqlite/sqlite.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "storage/sqlite/file.h"
#include "storage/sqlite/handle.h"
#include "storage/sqlite/schema.h"

/* Writing over a WAL costs half of what making it longer does (the file system has nothing to note of its own), so it is kept short: from
 * WAL_ENOUGH on it is begun anew, as soon as little is left to move, since that part is done under the write lock. What is smaller
 * than WAL_SMALL is not worth the sync. A WAL that became large all the same, behind a reader that stayed, is cut; a huge one whatever
 * it takes, before it fills the disk. */
enum {
	WAL_SMALL_BYTES = 1 << 20,
	WAL_ENOUGH_BYTES = 4 << 20,
	WAL_LARGE_BYTES = 64 << 20,
	WAL_HUGE_BYTES = 1 << 30,
	WAL_LITTLE_BYTES = 1 << 20,
	PASSIVE_MAX = 4,
	CUT_TIMEOUT_MS = 50,
};

/* ---- the writing connection ---- */

static int on_commit(void *context, sqlite3 *handle, const char *name, int pages)
{
	struct sqlite_store *self = context;
	(void)handle;
	(void)name;
	atomic_store_explicit(&self->wal_pages, pages, memory_order_relaxed);
	return SQLITE_OK;
}

static enum store_rc writer_open(struct sqlite_store *self, struct error *err)
{
	enum store_rc rc = db_open(&self->writer, self->path, DB_COMMIT, err);
	if (rc == STORE_OK)
		sqlite3_wal_hook(self->writer.handle, on_commit, self);
	return rc;
}

struct db *write_begin(struct store *store, enum store_rc *rc, struct error *err)
{
	struct sqlite_store *self = (struct sqlite_store *)store;
	pthread_mutex_lock(&self->write_lock);
	struct db *db = &self->writer;
	*rc = db->handle ? STORE_OK : writer_open(self, err);
	if (*rc == STORE_OK) {
		db_run_simple(db, SQL_BEGIN_WRITE);
		*rc = db_result(db, err);
	}
	if (*rc == STORE_OK)
		return db;
	pthread_mutex_unlock(&self->write_lock);
	return NULL;
}

/* What failed stays what is told; a rollback that fails too (or was done by SQLite already) costs the connection. */
static enum store_rc roll_back(struct db *db, struct error *err)
{
	enum store_rc rc = db_result(db, err);
	log_forget_users(db);
	keys_rewind(db);
	if (sqlite3_get_autocommit(db->handle) == 0)
		db_run_simple(db, SQL_ROLLBACK);
	if (db_result(db, NULL) != STORE_OK)
		db_close(db);
	return rc;
}

static enum store_rc commit(struct db *db, struct error *err)
{
	db_run_simple(db, SQL_COMMIT);
	struct error why = {0};
	if (db_result(db, &why) == STORE_OK)
		return STORE_OK;
	db_close(db); /* what its cache holds may not be what the file holds: read it back through a new one */
	return error_set(err, STORE_UNKNOWN, why.native, "commit: %s", why.text);
}

enum store_rc write_end(struct store *store, struct db *db, struct error *err)
{
	struct sqlite_store *self = (struct sqlite_store *)store;
	enum store_rc rc = db->failure ? roll_back(db, err) : commit(db, err);
	pthread_mutex_unlock(&self->write_lock);
	return rc;
}

void write_erased(struct store *store)
{
	atomic_fetch_add(&((struct sqlite_store *)store)->erasures, 1);
}

/* ---- the reading connections ---- */

/* An idle one, or NULL with the right to open another. */
static struct db *pool_take(struct sqlite_store *self)
{
	struct db *db = NULL;
	pthread_mutex_lock(&self->pool_lock);
	while (self->idle_count == 0 && self->reader_count == READERS_MAX)
		pthread_cond_wait(&self->pool_change, &self->pool_lock);
	if (self->idle_count > 0)
		db = self->idle[--self->idle_count];
	else
		self->reader_count++;
	pthread_mutex_unlock(&self->pool_lock);
	return db;
}

/* NULL: one that could not be opened, or is not to be used again. */
static void pool_give(struct sqlite_store *self, struct db *db)
{
	pthread_mutex_lock(&self->pool_lock);
	if (db)
		self->idle[self->idle_count++] = db;
	else
		self->reader_count--;
	pthread_cond_signal(&self->pool_change);
	pthread_mutex_unlock(&self->pool_lock);
}

static void reader_drop(struct sqlite_store *self, struct db *db)
{
	db_close(db);
	free(db);
	pool_give(self, NULL);
}

struct db *read_begin(struct store *store, enum store_rc *rc, struct error *err)
{
	struct sqlite_store *self = (struct sqlite_store *)store;
	struct db *db = pool_take(self);
	*rc = STORE_OK;
	if (db == NULL) {
		db = mem_zero(sizeof *db);
		*rc = db_open(db, self->path, DB_READ, err);
	}
	if (*rc == STORE_OK) {
		db_run_simple(db, SQL_BEGIN_READ);
		*rc = db_result(db, err);
	}
	if (*rc == STORE_OK)
		return db;
	reader_drop(self, db);
	return NULL;
}

enum store_rc read_end(struct store *store, struct db *db, struct error *err)
{
	struct sqlite_store *self = (struct sqlite_store *)store;
	bool good = db->failure == 0;
	db_run_simple(db, SQL_COMMIT);
	enum store_rc rc = db_result(db, err);
	if (good && rc == STORE_OK)
		pool_give(self, db);
	else
		reader_drop(self, db); /* its snapshot goes with it */
	return rc;
}

/* ---- opening, closing ---- */

static enum store_rc checkpoint_locked(struct sqlite_store *self, struct error *err);

/* A repair or a restore may have begun before the file was opened, and be done since. */
static enum store_rc check_place(const struct db *db, const char *path, struct error *err)
{
	int moved = 0;
	enum store_rc rc = sqlite_file_is_left_alone(path, err);
	if (rc != STORE_OK || sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK || !moved)
		return rc;
	return error_set(err, STORE_REFUSED, 0, "%s: another file took its place while it was opened; try again", path);
}

static enum store_rc sqlite_open(const char *uri, unsigned flags, struct store **store, struct error *err)
{
	struct sqlite_store *self = mem_zero(sizeof *self);
	enum store_rc rc = sqlite_file_is_left_alone(uri, err); /* then nothing of it is touched */
	if (rc == STORE_OK)
		rc = schema_open(&self->keeper, uri, flags, &self->info, err);
	if (rc == STORE_OK)
		rc = check_place(&self->keeper, uri, err);
	if (rc != STORE_OK) {
		db_close(&self->keeper);
		free(self);
		return rc;
	}
	sqlite3_db_release_memory(self->keeper.handle);
	self->ops = &store_sqlite;
	self->path = mem_text(uri);
	atomic_init(&self->wal_pages, 0);
	atomic_init(&self->erasures, 1);
	pthread_mutex_init(&self->write_lock, NULL);
	pthread_mutex_init(&self->pool_lock, NULL);
	pthread_cond_init(&self->pool_change, NULL);
	pthread_mutex_init(&self->checkpoint_lock, NULL);
	checkpoint_locked(self, NULL); /* for what was erased before a crash; what cannot be done now the next checkpoint does */
	*store = (struct store *)self;
	return STORE_OK;
}

/* The last connection to go moves everything into the file and removes the WAL. */
static void sqlite_close(struct store *store)
{
	struct sqlite_store *self = (struct sqlite_store *)store;
	if (self == NULL)
		return;
	assert(self->idle_count == self->reader_count);
	while (self->idle_count > 0) {
		struct db *db = self->idle[--self->idle_count];
		db_close(db);
		free(db);
	}
	db_close(&self->checkpointer);
	db_close(&self->writer);
	db_close(&self->keeper);
	pthread_mutex_destroy(&self->checkpoint_lock);
	pthread_cond_destroy(&self->pool_change);
	pthread_mutex_destroy(&self->pool_lock);
	pthread_mutex_destroy(&self->write_lock);
	free(self->path);
	free(self);
}

static enum store_rc sqlite_info(struct store *store, struct store_info *info, struct error *err)
{
	(void)err;
	*info = ((const struct sqlite_store *)store)->info;
	return STORE_OK;
}

/* ---- upkeep ---- */

/* How much the WAL had when the checkpoint began, and how much of it has been moved in all. */
struct wal_state {
	int frames, moved;
};

/* BUSY is no failure: another checkpoint is at it, or readers and writers have not let go in time; the next call goes on. */
static struct wal_state checkpoint_as(struct db *db, int mode)
{
	struct wal_state wal = {0};
	int code = db->failure ? SQLITE_OK : sqlite3_wal_checkpoint_v2(db->handle, "main", mode, &wal.frames, &wal.moved);
	if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY)
		db_fail(db, code, sqlite3_errmsg(db->handle));
	return wal;
}

/* PASSIVE never makes anyone wait. Under unbroken load it never reaches the end, though, and the WAL only grows; so from some size on it is
 * begun anew. That holds the write lock while what is left is moved and synced, and a PASSIVE that took seconds left seconds' worth of
 * it. So PASSIVE is repeated until what came in meanwhile is little; where the load keeps that from happening, the next call tries again. */
static void checkpoint_with(struct db *db, int64_t page_size)
{
	int64_t came = INT64_MAX;
	struct wal_state wal = checkpoint_as(db, SQLITE_CHECKPOINT_PASSIVE);
	for (int i = 0; i < PASSIVE_MAX && wal.frames * page_size >= WAL_ENOUGH_BYTES && came > WAL_LITTLE_BYTES; i++) {
		int moved_before = wal.moved;
		wal = checkpoint_as(db, SQLITE_CHECKPOINT_PASSIVE);
		came = (wal.frames - moved_before) * page_size;
	}
	int64_t bytes = wal.frames * page_size;
	if (bytes < WAL_ENOUGH_BYTES || (came > WAL_LITTLE_BYTES && bytes < WAL_HUGE_BYTES))
		return;
	sqlite3_busy_timeout(db->handle, CUT_TIMEOUT_MS);
	checkpoint_as(db, bytes < WAL_LARGE_BYTES ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_TRUNCATE);
}

/* What was erased is in the WAL until it is cut. PASSIVE does most of it, so that cutting holds the write lock for a moment only. false: a
 * reader who needs what is in it, or a writer, was in the way. */
static bool empty_wal(struct db *db)
{
	checkpoint_as(db, SQLITE_CHECKPOINT_PASSIVE);
	sqlite3_busy_timeout(db->handle, CUT_TIMEOUT_MS);
	int code = db->failure ? SQLITE_OK : sqlite3_wal_checkpoint_v2(db->handle, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY)
		db_fail(db, code, sqlite3_errmsg(db->handle));
	return code == SQLITE_OK;
}

/* With the lock over it. */
static enum store_rc checkpoint_locked(struct sqlite_store *self, struct error *err)
{
	struct db *db = &self->checkpointer;
	enum store_rc rc = db->handle ? STORE_OK : db_open(db, self->path, DB_WRITE, err);
	if (rc != STORE_OK)
		return rc;
	unsigned erasures = atomic_load(&self->erasures);
	int64_t page_size = db_ask_int(db, "PRAGMA page_size", 4096);
	bool done = true;
	if (erasures != self->erasures_done)
		done = empty_wal(db);
	else if (atomic_load_explicit(&self->wal_pages, memory_order_relaxed) * page_size >= WAL_SMALL_BYTES)
		checkpoint_with(db, page_size);
	rc = db_result(db, err);
	if (rc != STORE_OK) {
		db_close(db);
		return rc;
	}
	if (!done)
		return error_set(err, STORE_UNAVAILABLE, SQLITE_BUSY, "checkpoint: somebody reads what was erased");
	self->erasures_done = erasures;
	return STORE_OK;
}

static enum store_rc sqlite_checkpoint(struct store *store, struct error *err)
{
	struct sqlite_store *self = (struct sqlite_store *)store;
	pthread_mutex_lock(&self->checkpoint_lock);
	enum store_rc rc = checkpoint_locked(self, err);
	pthread_mutex_unlock(&self->checkpoint_lock);
	return rc;
}

static enum store_rc sqlite_verify(struct store *store, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	char finding[ERROR_TEXT_SIZE];
	bool sound = db_is_sound(db, finding, sizeof finding);
	rc = read_end(store, db, err);
	return rc == STORE_OK && !sound ? (enum store_rc)error_set(err, STORE_CORRUPT, SQLITE_CORRUPT, "integrity check: %s", finding) : rc;
}

const struct store_ops store_sqlite = {
	.name = "sqlite",
	.lanes = 1, /* there is one writing connection */
	.open = sqlite_open,
	.close = sqlite_close,
	.info = sqlite_info,
	.append = sqlite_append,
	.load_chat = sqlite_load_chat,
	.load_user = sqlite_load_user,
	.load_membership = sqlite_load_membership,
	.list_memberships = sqlite_list_memberships,
	.find_key = sqlite_find_key,
	.read_message = sqlite_read_message,
	.read_edits = sqlite_read_edits,
	.read_page = sqlite_read_page,
	.read_summary = sqlite_read_summary,
	.tail = sqlite_tail,
	.list_chats = sqlite_list_chats,
	.list_ended = sqlite_list_ended,
	.erase = sqlite_erase,
	.put_user = sqlite_put_user,
	.put_receipts = sqlite_put_receipts,
	.put_mute = sqlite_put_mute,
	.load_device = sqlite_load_device,
	.put_device = sqlite_put_device,
	.put_cursors = sqlite_put_cursors,
	.prune = sqlite_prune,
	.checkpoint = sqlite_checkpoint,
	.verify = sqlite_verify,

	.list_writers = sqlite_list_writers,
	.put_place = sqlite_put_place,
	.load_place = sqlite_load_place,
	.take_lease = sqlite_take_lease,
	.load_chat_key = sqlite_load_chat_key,
	.put_notice = sqlite_put_notice,
	.read_notices = sqlite_read_notices,

	.list_devices = sqlite_list_devices,
	.put_registration = sqlite_put_registration,
	.put_device_token = sqlite_put_device_token,
	.put_devices_seen = sqlite_put_devices_seen,
	.remove_device = sqlite_remove_device,
	.list_push_targets = sqlite_list_push_targets,
	.put_revocation = sqlite_put_revocation,
	.lower_revocation = sqlite_lower_revocation,
	.list_revocations = sqlite_list_revocations,
	.add_signing_key = sqlite_add_signing_key,
	.list_signing_keys = sqlite_list_signing_keys,
	.drop_signing_key = sqlite_drop_signing_key,

	.put_audit = sqlite_put_audit,
	.list_audit = sqlite_list_audit,

	.load_memberships = sqlite_load_memberships,
	.load_profiles = sqlite_load_profiles,
	.put_profile = sqlite_put_profile,
	.put_last_seen = sqlite_put_last_seen,
	.put_shared_id = sqlite_put_shared_id,
	.find_shared_id = sqlite_find_shared_id,
	.put_icon = sqlite_put_icon,
	.load_icon = sqlite_load_icon,
	.put_favorite = sqlite_put_favorite,
	.load_favorites = sqlite_load_favorites,
	.put_block = sqlite_put_block,
	.load_blocks = sqlite_load_blocks,
	.check_reach = sqlite_check_reach,
	.put_invitation = sqlite_put_invitation,
	.use_invitation = sqlite_use_invitation,
	.revoke_invitation = sqlite_revoke_invitation,
	.delete_user = sqlite_delete_user,
	.list_deleted = sqlite_list_deleted,
	.finish_deletion = sqlite_finish_deletion,

	.list_users = sqlite_list_users,
	.list_invitations = sqlite_list_invitations,
	.list_places = sqlite_list_places,
	.adopt = sqlite_adopt,
	.import_log = sqlite_import_log,
	.import_chat = sqlite_import_chat,
};
